import type { Json } from './json.ts';
import type { Field } from './types.ts';

export type Values =
  | Uint8Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/**
 * One column of a batch, in Arrow's memory layout.
 *
 * Fixed width (`values`): bool Uint8Array of 0/1 · int8…int32 and float32/64 their typed arrays · int64 BigInt64Array ·
 * uint64 BigUint64Array · date Int32Array, days since 1970-01-01 · time, datetime, timestamp BigInt64Array,
 * microseconds (datetime: the wall clock read as if it were UTC; timestamp: UTC).
 * Variable width (`offsets` of length + 1 entries into `data`): utf8, json (UTF-8), binary, decimal (its plain text,
 * such as `-12.340`, with exactly `scale` digits behind the point).
 * Arrays may be longer than `length`; only the first `length` entries count. A cell that is NULL holds 0 or no bytes.
 */
export interface Column {
  length: number;
  /** Bit i (least significant first) is 1 where row i has a value. Absent: no NULLs. */
  validity?: Uint8Array | undefined;
  values?: Values | undefined;
  offsets?: Int32Array | undefined;
  data?: Uint8Array | undefined;
}

/**
 * A value the source holds but the column's type cannot (a zero date, broken UTF-8). The cell itself is NULL in the
 * column; this entry says that it is not a NULL of the source.
 */
export interface RareCell {
  row: number;
  /** Index into the batch's columns. */
  column: number;
  text: string;
  reason: string;
}

/** The unit that flows. Whoever takes a batch calls `release` once when its buffers may be used again. */
export interface Batch {
  fields: readonly Field[];
  columns: Column[];
  rows: number;
  /** Bytes this batch holds in memory, near enough to bound queues. */
  bytes: number;
  /** Where the split's read goes on after the last row of this batch; null where it cannot. */
  position: Json;
  rare: RareCell[];
  release(): void;
}

export function isValid(column: Column, row: number): boolean {
  return column.validity === undefined || (column.validity[row >> 3] & (1 << (row & 7))) !== 0;
}
