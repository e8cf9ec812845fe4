import {
  type Batch,
  type Cell,
  type Column,
  ConnectorError,
  columnOf,
  type Field,
  type RareCell,
} from '@sampan/connector';
import {
  type DecodedBatch,
  type DownloadSession,
  type Http,
  type OdpsColumn,
  readRows,
  reloadDownload,
  typeText,
} from '@sampan/maxcompute';
import { existingTable } from './catalog.ts';
import { asConnectorError } from './errors.ts';
import { pause } from './patience.ts';
import { type ReadColumn, readColumn } from './read-columns.ts';
import type { SplitRead } from './splits.ts';
import { fieldOf, partitionFieldOf } from './types.ts';

/** Breaks of the connection in a row, none of which brought a row, before the read is given up. */
const TRIES = 4;
const PAUSE_MS = 250;

/** From row `after` of the split on. A read that is cut goes on at the row it had come to. */
export async function* readSplit(
  http: Http,
  split: SplitRead,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<Batch> {
  if (split.session === null || after >= split.rows) return;
  const doing = `Reading ${split.table}`;
  try {
    const session = await reloadDownload(http, split, split.session, signal);
    const shape = await shapeOf(http, split, session, signal);
    let at = after;
    for (let tries = 0; at < split.rows; ) {
      try {
        const rows = Math.min(split.fetchSize ?? split.rows, split.rows - at);
        for await (const batch of readRows(http, split, session, split.start + at, rows, {
          columns: shape.asked,
          signal,
        })) {
          at += batch.rows;
          tries = 0;
          yield batchOf(shape, batch, at);
        }
      } catch (error) {
        const failure = asConnectorError(error, doing);
        if (failure.kind !== 'busy' || isChanged(failure) || signal.aborted || ++tries >= TRIES) throw failure;
        await pause(failure.retryAfterMs ?? PAUSE_MS * 2 ** tries, signal);
      }
    }
  } catch (error) {
    const failure = asConnectorError(error, doing);
    throw isChanged(failure) ? snapshotGone(split.table, failure) : failure;
  }
}

/** The rows that were planned are not to be had any more, and those that are there now may be others. */
const isChanged = ({ code }: ConnectorError) =>
  ['NO_SUCH_DOWNLOAD', 'TABLE_MODIFIED', 'OBJECT_MODIFIED', 'SCHEMA_MODIFIED'].includes(code);

const snapshotGone = (table: string, cause: ConnectorError) =>
  new ConnectorError({
    kind: 'data',
    code: 'SNAPSHOT_GONE',
    message: `${table} cannot be read any more as it was when the run was planned: ${cause.message}`,
    hint: 'Run the task again. A snapshot lives 24 hours, and ends early where the table is changed in its structure.',
    cause,
  });

/** How the columns of a batch are made from those of the tunnel. */
interface Shape {
  fields: Field[];
  /** Columns asked of the tunnel, each once; one at least, so that it sends as many records as there are rows. */
  asked: string[];
  /** For each field: its place in `asked` and how it is read, or the value of a partition key. */
  parts: ({ from: number; read: ReadColumn } | { constant: Cell; made: Column | null })[];
}

async function shapeOf(http: Http, split: SplitRead, session: DownloadSession, signal: AbortSignal): Promise<Shape> {
  const table = await existingTable(http, split.object, signal);
  const asked: string[] = [];
  const fields: Field[] = [];
  const parts: Shape['parts'] = [];
  for (const [place, name] of split.columns.entries()) {
    const is = (one: { name: string }) => one.name.toLowerCase() === name.toLowerCase();
    const column = session.columns.find(is);
    const key = table.partitionColumns.find(is);
    if (column !== undefined) {
      // Values are converted by the types that the table has now.
      const now = table.columns.find(is);
      if (now !== undefined && typeText(now.type) !== typeText(column.type)) throw retyped(split.object, column, now);
      if (!asked.includes(column.name)) asked.push(column.name);
      fields.push(key === undefined ? fieldOf(column) : partitionFieldOf(key));
      parts.push({ from: asked.indexOf(column.name), read: readColumn(column.type, place) });
      continue;
    }
    const value = split.partition.find(is)?.value;
    if (key === undefined || value === undefined) throw columnGone(split.object, name);
    const field = partitionFieldOf(key);
    fields.push(field);
    parts.push({ constant: keyCell(field, value), made: null });
  }
  if (asked.length === 0) asked.push(session.columns[0].name);
  return { fields, asked, parts };
}

function retyped(table: string, then: OdpsColumn, now: OdpsColumn): ConnectorError {
  return new ConnectorError({
    kind: 'data',
    code: 'COLUMN_RETYPED',
    message: `Column "${then.name}" of ${table} was ${typeText(then.type)} when the run was planned, and is ${typeText(now.type)} now.`,
    hint: 'Run the task again.',
  });
}

function keyCell({ type }: Field, value: string): Cell {
  if (type.kind === 'utf8') return value;
  return type.kind === 'int64' ? BigInt(value) : Number(value);
}

function columnGone(table: string, name: string): ConnectorError {
  return new ConnectorError({
    kind: 'missing',
    code: 'COLUMN_GONE',
    message: `"${table}" has no column "${name}" any more.`,
    hint: 'Correct the mapping, and run the task again.',
  });
}

function batchOf({ fields, parts }: Shape, decoded: DecodedBatch, position: number): Batch {
  const { rows } = decoded;
  const rare: RareCell[] = [];
  const columns = parts.map((part, place) => {
    if ('read' in part) return part.read(decoded.columns[part.from], rows, rare);
    if (part.made?.length !== rows)
      part.made = columnOf(
        fields[place].type,
        Array.from({ length: rows }, () => part.constant),
      );
    return part.made;
  });
  const bytes = columns.reduce(
    (sum, { offsets, values }) => sum + (offsets?.[rows] ?? 0) + rows * (values?.BYTES_PER_ELEMENT ?? 4),
    0,
  );
  return { fields, columns, rows, bytes, position, rare, release: () => {} };
}
