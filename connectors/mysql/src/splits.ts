import { ConnectorError, type Field, type Plan, type Read, type Split } from '@sampan/connector';
import type { MysqlSchema } from './catalog.ts';
import { type Connection, query } from './connection.ts';
import { keyLiteral, type ReadKey, readKeyOf } from './keys.ts';
import { quoteName } from './sql.ts';

/** What a split holds for its reader. Bounds are SQL conditions made here, never text of a user. */
export interface SplitRead {
  object: string;
  columns: string[];
  where: string | null;
  /** The slice, or null for the whole object. */
  slice: string | null;
  /** Index to read by, so that the rows come in the order of the key; null: any order, and no position. */
  index: string | null;
  /** Rows of one statement where there is an index, and of a batch at most. */
  fetchSize: number;
}

/** Chunks of this size cost nothing against one endless SELECT, and a slow writer never keeps a statement open for long. */
const FETCH_SIZE = 20_000;

/** Splitting below this many rows costs more than it brings. */
const LEAST_ROWS = 50_000;
/** The receipts of a run are kept one by one: no table needs more splits than this. */
const MOST_SPLITS = 4_096;
const DEFAULT_SPLITS = 4;
/** Boundaries of keys that are not numbers are found by walking the index; above this many steps that takes too long. */
const MOST_STEPS = 256;

/**
 * Half-open ranges of the leading key column, first and last one open-ended: whatever the column holds, and whatever is
 * written meanwhile, each row falls into exactly one. Comparisons are the server's, in the column's own collation.
 */
export async function planSplits(
  connection: Connection,
  schema: MysqlSchema,
  read: Read,
  fields: Field[],
): Promise<Plan> {
  const key = readKeyOf(schema);
  const chosen = read.splitKey === null ? key?.fields[0] : schema.fields.find((field) => field.name === read.splitKey);
  if (read.splitKey !== null && chosen === undefined) throw noSuchKey(schema.object, read.splitKey);
  const wanted = splitsWanted(schema, read);
  const warnings: string[] = [];
  // Rows come in the order of the key only where the slices are ranges of its leading column.
  const index = chosen !== undefined && chosen.name === key?.fields[0].name ? key.index : null;
  const base = {
    object: schema.object,
    columns: read.columns,
    where: read.where,
    index,
    fetchSize: read.fetchSize ?? FETCH_SIZE,
  };
  if (chosen === undefined && wanted > 1)
    warnings.push(
      `${schema.object} has no primary key or unique key without NULLs: it is read in one split, from the start again if the connection is lost.`,
    );
  const slices =
    chosen === undefined || wanted < 2 ? [null] : await slicesOf(connection, schema.object, chosen, key, wanted);
  if (chosen !== undefined && read.splitKey !== null && wanted > 1 && slices.length === 1)
    warnings.push(`${schema.object} cannot be split by "${read.splitKey}": it is read in one split.`);
  const each = schema.rowEstimate === null ? null : Math.ceil(schema.rowEstimate / slices.length);
  const splits = slices.map(
    (slice, number): Split => ({
      number,
      description: slice ?? 'all rows',
      rowEstimate: each,
      read: { ...base, slice } satisfies SplitRead as never,
    }),
  );
  return { fields, splits, high: null, warnings };
}

function noSuchKey(object: string, column: string): ConnectorError {
  return new ConnectorError({
    kind: 'missing',
    code: 'COLUMN_NOT_FOUND',
    message: `${object} has no column "${column}" to be split by.`,
    hint: 'Correct the split key, or leave it out.',
  });
}

function splitsWanted(schema: MysqlSchema, read: Read): number {
  const rows = schema.rowEstimate ?? LEAST_ROWS;
  const byBytes = read.maxBytes === null ? 1 : Math.ceil((schema.byteEstimate ?? 0) / read.maxBytes);
  const byRows = read.splits ?? Math.min(DEFAULT_SPLITS, Math.floor(rows / LEAST_ROWS));
  return Math.min(MOST_SPLITS, Math.max(1, byBytes, byRows));
}

const INTEGERS = new Set(['int8', 'int16', 'int32', 'int64', 'uint64']);

async function slicesOf(
  connection: Connection,
  object: string,
  field: Field,
  key: ReadKey | null,
  wanted: number,
): Promise<(string | null)[]> {
  const bounds = INTEGERS.has(field.type.kind)
    ? await integerBounds(connection, object, field, wanted)
    : field.name === key?.fields[0].name
      ? await walkedBounds(connection, object, field, key, wanted)
      : [];
  const name = quoteName(field.name);
  const literals = bounds.map((bound) => keyLiteral(field, bound));
  if (literals.length === 0) return [null];
  const nulls = field.nullable ? ` OR ${name} IS NULL` : '';
  const first = `(${name} <= ${literals[0]}${nulls})`;
  const middle = literals.slice(1).map((bound, index) => `${name} > ${literals[index]} AND ${name} <= ${bound}`);
  return [first, ...middle, `${name} > ${literals.at(-1)}`];
}

/** Equal steps between the least and the greatest value; sparse keys make uneven splits, never more of them. */
async function integerBounds(connection: Connection, object: string, field: Field, wanted: number): Promise<string[]> {
  const name = quoteName(field.name);
  const [row] = await query(
    connection,
    `SELECT CAST(MIN(${name}) AS CHAR) low, CAST(MAX(${name}) AS CHAR) high FROM ${quoteName(object)}`,
    `planning ${object}`,
  );
  if (row?.low == null) return [];
  const low = BigInt(String(row.low));
  const span = BigInt(String(row.high)) - low;
  const bounds = new Set<string>();
  for (let step = 1; step < wanted; step++) bounds.add(String(low + (span * BigInt(step)) / BigInt(wanted)));
  return [...bounds];
}

/** Every n-th entry of the index, each found from the one before it: together one walk over the index. */
async function walkedBounds(
  connection: Connection,
  object: string,
  field: Field,
  key: ReadKey,
  wanted: number,
): Promise<string[]> {
  const name = quoteName(field.name);
  const from = `FROM ${quoteName(object)} FORCE INDEX (${quoteName(key.index)})`;
  const [counted] = await query(connection, `SELECT CAST(COUNT(*) AS CHAR) n ${from}`, `planning ${object}`);
  const step = Math.ceil(Number(counted.n) / Math.min(wanted, MOST_STEPS));
  const shown = field.type.kind === 'binary' ? `HEX(${name})` : `CAST(${name} AS CHAR)`;
  const bounds: string[] = [];
  let after = '';
  while (step > 0 && bounds.length < MOST_STEPS) {
    const [row] = await query(
      connection,
      `SELECT ${shown} bound ${from} ${after} ORDER BY ${name} LIMIT 1 OFFSET ${step - 1}`,
      `planning ${object}`,
    );
    if (row === undefined) break;
    bounds.push(String(row.bound));
    after = `WHERE ${name} > ${keyLiteral(field, String(row.bound))}`;
  }
  return bounds;
}
