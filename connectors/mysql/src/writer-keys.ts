import { type Batch, cellText, cutText, type DirtyRow, isConnectorError, isValid, type Key } from '@sampan/connector';
import { describeObject } from './catalog.ts';
import { keyLiteral } from './keys.ts';
import { rowsStay } from './publish.ts';
import { quoteName } from './sql.ts';
import type { Handle } from './staging.ts';
import type { StagedColumn } from './target-columns.ts';
import type { Link } from './target-link.ts';

/** Rows of a batch that meet a key which the target holds already. */
export interface KeyCheck {
  conflicts(batch: Batch): Promise<DirtyRow[]>;
}

const NONE: KeyCheck = { conflicts: async () => [] };
/** Keys that are looked for by one statement: together, and each by itself. */
const TOGETHER = 1_000;
const EACH = 200;
const INTEGERS = new Set(['int8', 'int16', 'int32', 'int64', 'uint64']);

/**
 * APPEND only, and not where pre-SQL changes rows in the publishing transaction: what is there by then, nobody knows
 * yet. Comparisons are the server's, by the key's own collation. Floats have no literal that is exact.
 */
export async function keyCheck(link: Link, handle: Handle): Promise<KeyCheck> {
  if (!rowsStay(handle)) return NONE;
  const table = quoteName(handle.table);
  if ((await link.rows(`SELECT 1 FROM ${table} LIMIT 1`, `looking into ${handle.table}`)).length === 0) return NONE;
  const { keys } = await describeObject(link.connection, handle.table);
  const checks = keys.flatMap((key) => {
    const places = key.columns.map((name) => handle.columns.findIndex((column) => column.name === name));
    const exact = places.every((at) => at >= 0 && !/^float/.test(handle.columns[at].type.kind));
    return key.unique && exact ? [{ link, table, key, places, columns: handle.columns }] : [];
  });
  return {
    async conflicts(batch) {
      const found = new Map<number, DirtyRow>();
      for (const check of checks)
        for (const row of await meeting(check, batch, found))
          found.set(row, dirtyRow(batch, check.key, check.places, row));
      return [...found.values()];
    },
  };
}

interface Check {
  link: Link;
  table: string;
  key: Key;
  /** Places of the key's columns in a batch. */
  places: number[];
  columns: readonly StagedColumn[];
}

async function meeting(check: Check, batch: Batch, known: ReadonlyMap<number, unknown>): Promise<number[]> {
  const rows: number[] = [];
  for (let row = 0; row < batch.rows; row++)
    if (!known.has(row) && check.places.every((at) => isValid(batch.columns[at], row))) rows.push(row);
  if (rows.length === 0 || (await nothingBetween(check, batch, rows))) return [];
  const found: number[] = [];
  for (let from = 0; from < rows.length; from += TOGETHER) {
    const some = rows.slice(from, from + TOGETHER);
    if (await anyThere(check, batch, some))
      for (let at = 0; at < some.length; at += EACH)
        found.push(...(await eachThere(check, batch, some.slice(at, at + EACH))));
  }
  return found;
}

/** Rows come in the order of their key as a rule, and new ones lie where none are yet: one look at the index tells. */
async function nothingBetween({ link, table, key, places }: Check, batch: Batch, rows: number[]): Promise<boolean> {
  const [at] = places;
  if (places.length > 1 || !INTEGERS.has(batch.fields[at].type.kind)) return false;
  const values = batch.columns[at].values!;
  let [low, high] = [values[rows[0]], values[rows[0]]];
  for (const row of rows) {
    if (values[row] < low) low = values[row];
    if (values[row] > high) high = values[row];
  }
  const between = `${quoteName(key.columns[0])} BETWEEN ${low} AND ${high}`;
  return (await link.rows(`SELECT 1 FROM ${table} WHERE ${between} LIMIT 1`, 'looking for keys')).length === 0;
}

/** In the column's own character set: otherwise one server compares its bytes with those of another in a list of rows. */
const literalsOf = ({ places, columns }: Check, batch: Batch, row: number): string[] =>
  places.map((at) => {
    const { charset, collation } = columns[at];
    const literal = keyLiteral(batch.fields[at], cellText(batch.columns[at], batch.fields[at].type, row)!);
    return charset === null || charset === 'utf8mb4'
      ? literal
      : `CONVERT(${literal} USING ${charset}) COLLATE ${collation}`;
  });

/** True also where a value is none for its column: the rows are then asked for one by one. */
async function anyThere(check: Check, batch: Batch, rows: number[]): Promise<boolean> {
  const { link, table, key } = check;
  const tuples = rows.map((row) => `(${literalsOf(check, batch, row).join(', ')})`);
  const sql = `SELECT 1 FROM ${table} WHERE (${key.columns.map(quoteName).join(', ')}) IN (${tuples.join(', ')}) LIMIT 1`;
  const found = await link.rows(sql, 'looking for keys').catch(valueFault);
  return found === null || found.length > 0;
}

async function eachThere(check: Check, batch: Batch, rows: number[]): Promise<number[]> {
  const { link, table, key } = check;
  const columns = rows.map((row) => {
    const literals = literalsOf(check, batch, row);
    const equal = key.columns.map((name, at) => `${quoteName(name)} = ${literals[at]}`);
    return `EXISTS(SELECT 1 FROM ${table} WHERE ${equal.join(' AND ')}) AS r${row}`;
  });
  const found = await link.rows(`SELECT ${columns.join(', ')}`, 'looking for keys').catch(valueFault);
  if (found !== null) return rows.filter((row) => Number(found[0][`r${row}`]) === 1);
  // A value that the column cannot hold meets no key; the writer finds it.
  if (rows.length === 1) return [];
  const middle = rows.length >> 1;
  return [
    ...(await eachThere(check, batch, rows.slice(0, middle))),
    ...(await eachThere(check, batch, rows.slice(middle))),
  ];
}

function valueFault(error: unknown): null {
  if (isConnectorError(error) && error.kind === 'data') return null;
  throw error;
}

function dirtyRow(batch: Batch, key: Key, places: number[], row: number): DirtyRow {
  const text = (at: number) => cutText(batch.columns[at], batch.fields[at].type, row);
  const values = key.columns.map((name, index) => `${name}=${(text(places[index]) ?? 'NULL').slice(0, 200)}`);
  return {
    row,
    column: key.columns[0],
    value: text(places[0]),
    reason: `the table holds a row with this key already (${key.name}: ${values.join(', ')})`,
  };
}
