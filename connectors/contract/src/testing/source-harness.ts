import assert from 'node:assert/strict';
import type { Batch, Column } from '../batch.ts';
import { cellText } from '../cells.ts';
import type { Session } from '../connector.ts';
import type { Read, Source, Split } from '../source.ts';
import { calm } from './kit.ts';

/** What law 1 asks of keys. A system without keys has columns of that kind, and rows that lie as they do. */
export const KEYS = [
  'no rows',
  'whole numbers',
  'sparse and negative',
  'text without regard to case',
  'decimal',
  'date',
  'composite',
  'NULLs',
  'duplicates',
  'no key',
] as const;

/** An object whose rows have a column `id`: every id in it as text, as often as it is there, NULL as `~`. */
export interface KitTable {
  kind: (typeof KEYS)[number];
  /** For people, where there are several of a kind. */
  name?: string;
  object: string;
  ids: string[];
  splitKey?: string;
}

/** An object with the columns `id` (whole numbers, each once) and `v`, of at least 48 MB that no compression makes small. */
export interface LargeTable {
  object: string;
  rows: number;
  bytes: number;
}

export interface SourceHarness {
  open(): Promise<Session>;
  /** One at least of each kind. */
  tables: KitTable[];
  /** Many small rows, and rows of a megabyte and more. */
  large: { many: LargeTable; wide: LargeTable };
  /** Bytes that sessions have taken from the system until now: of sockets, or of files. */
  taken(): number;
  /** Sockets to the system that sessions have open now; 0 where it has none. */
  sockets(): number;
}

/** A batch above this is no longer bounded by bytes (law 6), a single row aside. */
export const MOST_BYTES = 16 * 1024 * 1024;

export const readOf = (object: string, changes: Partial<Read> = {}): Read => ({
  object,
  columns: ['id'],
  where: null,
  splitKey: null,
  splits: 1,
  maxBytes: null,
  fetchSize: null,
  options: {},
  ...changes,
});

/** What a batch's rows take in memory. */
export const bytesOf = ({ columns, rows }: Batch): number =>
  columns.reduce((sum, column: Column) => {
    if (column.values !== undefined) return sum + rows * column.values.BYTES_PER_ELEMENT;
    return sum + column.offsets![rows] - column.offsets![0] + 4 * rows;
  }, 0);

/** Law 6, for each batch that the kit sees. */
export function bounded(batch: Batch): void {
  const bytes = bytesOf(batch);
  assert.ok(batch.rows <= 1 || bytes <= MOST_BYTES, `a batch of ${batch.rows} rows takes ${bytes} bytes`);
  assert.ok(2 * batch.bytes >= bytes, `a batch of ${bytes} bytes says that it has ${batch.bytes}`);
}

/** The ids of a split, from a position on, until there are so many. Answers the last position. */
export async function gather(
  source: Source,
  split: Split,
  after: Batch['position'],
  into: string[],
  most = Number.POSITIVE_INFINITY,
): Promise<Batch['position']> {
  let position = after;
  for await (const batch of source.read(split, after, calm())) {
    bounded(batch);
    for (let row = 0; row < batch.rows; row++) into.push(cellText(batch.columns[0], batch.fields[0].type, row) ?? '~');
    position = batch.position;
    batch.release();
    if (into.length >= most) break;
  }
  return position;
}
