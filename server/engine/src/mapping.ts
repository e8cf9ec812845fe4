import {
  type Batch,
  type Column,
  ConnectorError,
  cellText,
  type DirtyRow,
  type Field,
  type Json,
  type LogicalType,
  type Schema,
  takeRows,
  verdict,
} from '@sampan/connector';
import { type Cast, castBetween, constantColumn, refuseNulls } from './casts.ts';
import { Unfit } from './convert.ts';
import type { LinkSpec } from './run-spec.ts';

/** What one batch became: the rows to write, and those that are dirty. */
export interface Mapped {
  batch: Batch;
  /** Row numbers within the batch as read. */
  dirty: DirtyRow[];
  /** Row as read for each row that is left; null where all are. */
  kept: Int32Array | null;
}

export interface Mapping {
  /** Source columns to read: the mapped ones, then the key's. */
  columns: string[];
  apply(batch: Batch): Mapped;
  /** Key and whole record of a row, as text, for its dirty record. */
  describe(batch: Batch, row: number): { key: Json; record: Json };
}

const CUT = 1_000;

/**
 * Decides once how each target column is filled. @throws ConnectorError for a column that is gone, a type that cannot
 * be converted, and a loss nobody allowed
 */
export function createMapping(links: readonly LinkSpec[], source: Schema, wanted: readonly Field[]): Mapping {
  const byName = new Map(source.fields.map((field) => [field.name, field]));
  const key = source.keys.find((one) => one.primary)?.columns ?? [];
  const columns = [...new Set([...links.flatMap((link) => (link.column === null ? [] : [link.column])), ...key])];
  const makers = links.map((link, index) =>
    maker(link, byName.get(link.column ?? ''), wanted[index], columns.indexOf(link.column ?? '')),
  );
  let seen: Batch['fields'] | null = null;
  return {
    columns,
    apply(batch) {
      if (batch.fields !== seen) refuseOthers(batch.fields, columns, byName);
      seen = batch.fields;
      return applyTo(batch, makers, wanted);
    },
    describe: (batch, row) => ({
      key: texts(batch, row, (name) => key.includes(name)),
      record: texts(batch, row, () => true),
    }),
  };
}

/**
 * The casts were chosen for the types that the source described. @throws ConnectorError `COLUMN_CHANGED` where a batch
 * brings others: read as what they are not, values would be changed without a word
 */
function refuseOthers(fields: Batch['fields'], columns: readonly string[], described: Map<string, Field>): void {
  columns.forEach((name, at) => {
    const wanted = described.get(name);
    const given = fields[at];
    if (given !== undefined && given.name === wanted?.name && sameType(given.type, wanted.type)) return;
    throw new ConnectorError({
      kind: 'data',
      code: 'COLUMN_CHANGED',
      message: `Column "${name}" was ${wanted?.native ?? 'another'} when the run began; rows come with ${given === undefined ? 'none' : `"${given.name}" ${given.native}`}.`,
      hint: 'The source was altered meanwhile. Run the task again.',
      side: 'reader',
    });
  });
}

function sameType(a: LogicalType, b: LogicalType): boolean {
  const [x, y] = [a, b] as unknown as Record<string, unknown>[];
  return [...Object.keys(x), ...Object.keys(y)].every((name) => x[name] === y[name]);
}

/** Fills one target column: from the source column at `from`, or from a constant. */
interface Maker {
  target: Field;
  from: number;
  cast: Cast | null;
  constant: ((rows: number) => Column) | null;
}

function maker(link: LinkSpec, field: Field | undefined, target: Field, from: number): Maker {
  if (link.column === null) {
    try {
      return { target, from, cast: null, constant: constantColumn(link.constant ?? '', target.type) };
    } catch (error) {
      if (!(error instanceof Unfit)) throw error;
      throw new ConnectorError({
        kind: 'config',
        code: 'BAD_CONSTANT',
        message: `The constant for "${link.target}" does not fit: ${error.message}.`,
        hint: 'Correct the mapping.',
      });
    }
  }
  if (field === undefined) {
    throw new ConnectorError({
      kind: 'missing',
      code: 'COLUMN_GONE',
      message: `The source has no column "${link.column}" any more, which is mapped to "${link.target}".`,
      hint: 'Correct the mapping.',
      side: 'reader',
    });
  }
  const found = verdict(field.type, target.type);
  if (found.verdict === 'IMPOSSIBLE' || (found.verdict === 'LOSSY' && link.onLossy === 'REFUSE')) {
    throw new ConnectorError({
      kind: 'config',
      code: found.verdict === 'LOSSY' ? 'LOSSY_LINK' : 'IMPOSSIBLE_LINK',
      message: `"${link.column}" (${field.native}) cannot go into "${link.target}" (${target.native}): ${found.reason}`,
      hint: 'Correct the mapping, or allow the loss on that link.',
    });
  }
  return { target, from, cast: castBetween(field.type, target.type, link.onLossy === 'ALLOW'), constant: null };
}

function applyTo(batch: Batch, makers: readonly Maker[], wanted: readonly Field[]): Mapped {
  const dirty = new Map<number, DirtyRow>();
  const columns = makers.map(({ target, from, cast, constant }) => {
    const refuse = (row: number, reason: string) => {
      if (!dirty.has(row))
        dirty.set(row, {
          row,
          column: target.name,
          value: from < 0 ? null : cut(cellText(batch.columns[from], batch.fields[from].type, row)),
          reason,
        });
    };
    for (const rare of batch.rare) {
      if (rare.column === from && !dirty.has(rare.row))
        dirty.set(rare.row, { row: rare.row, column: target.name, value: cut(rare.text), reason: rare.reason });
    }
    const column = constant === null ? cast!(batch.columns[from], batch.rows, refuse) : constant(batch.rows);
    if (!target.nullable) refuseNulls(column, batch.rows, refuse);
    return column;
  });
  if (dirty.size === 0) return { batch: { ...batch, fields: wanted, columns, rare: [] }, dirty: [], kept: null };
  const kept = Int32Array.from({ length: batch.rows }, (_, row) => row).filter((row) => !dirty.has(row));
  const left = columns.map((column) => takeRows(column, kept));
  return {
    batch: { ...batch, fields: wanted, columns: left, rows: kept.length, rare: [] },
    dirty: [...dirty.values()].sort((a, b) => a.row - b.row),
    kept,
  };
}

const cut = (text: string | null) => (text === null || text.length <= CUT ? text : `${text.slice(0, CUT)}…`);

function texts(batch: Batch, row: number, wanted: (name: string) => boolean): { [name: string]: string | null } {
  const record: { [name: string]: string | null } = {};
  batch.fields.forEach((field, index) => {
    if (wanted(field.name))
      record[field.name] = cut(
        batch.rare.find((rare) => rare.row === row && rare.column === index)?.text ??
          cellText(batch.columns[index], field.type, row),
      );
  });
  return record;
}
