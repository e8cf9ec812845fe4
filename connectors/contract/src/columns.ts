import { type Batch, type Column, isValid, type Values } from './batch.ts';
import type { Cell } from './cells.ts';
import type { Json } from './json.ts';
import type { Field, LogicalType, TypeKind } from './types.ts';

const FIXED: { [K in TypeKind]?: new (length: number) => Values } = {
  bool: Uint8Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float32: Float32Array,
  float64: Float64Array,
  date: Int32Array,
  time: BigInt64Array,
  datetime: BigInt64Array,
  timestamp: BigInt64Array,
};

/** True where values of the type lie in `offsets` and `data`. */
export function isVariable(type: LogicalType): boolean {
  return FIXED[type.kind] === undefined;
}

/** The typed array of a fixed-width type. */
export function fixedValues(type: LogicalType, length: number): Values {
  const Kind = FIXED[type.kind];
  if (Kind === undefined) throw new TypeError(`${type.kind} has no fixed width`);
  return new Kind(length);
}

/** A validity bitmap in which every row has a value. */
export function allValid(rows: number): Uint8Array {
  return new Uint8Array((rows + 7) >> 3).fill(255);
}

/**
 * A column from JavaScript values: the slow, easy way. Dates are day numbers, times microseconds as bigint, decimals text.
 * @throws RangeError where an integer does not fit: a typed array would wrap it around without a word
 */
export function columnOf(type: LogicalType, cells: readonly Cell[]): Column {
  const validity = cells.includes(null) ? allValid(cells.length) : undefined;
  cells.forEach((value, row) => {
    if (value === null) clearBit(validity!, row);
  });
  if (!isVariable(type)) return { length: cells.length, validity, values: fixedOf(type, cells) };
  const parts = cells.map((value) =>
    value === null ? new Uint8Array(0) : value instanceof Uint8Array ? value : Buffer.from(String(value), 'utf8'),
  );
  const offsets = new Int32Array(cells.length + 1);
  parts.forEach((part, row) => {
    offsets[row + 1] = offsets[row] + part.length;
  });
  return { length: cells.length, validity, offsets, data: Buffer.concat(parts) };
}

function fixedOf(type: LogicalType, cells: readonly Cell[]): Values {
  const values = fixedValues(type, cells.length);
  const wide = values instanceof BigInt64Array || values instanceof BigUint64Array;
  const whole = type.kind !== 'float32' && type.kind !== 'float64';
  cells.forEach((value, row) => {
    if (value === null) return;
    const wanted = wide ? BigInt(value as bigint) : Number(value);
    values[row] = wanted as never;
    if (whole && values[row] !== wanted) throw new RangeError(`${String(value)} does not fit into ${type.kind}`);
  });
  return values;
}

function clearBit(validity: Uint8Array, row: number): void {
  validity[row >> 3] &= ~(1 << (row & 7));
}

/** A batch from rows of JavaScript values, in the order of the fields. */
export function batchOf(fields: readonly Field[], records: readonly (readonly Cell[])[], position: Json = null): Batch {
  const columns = fields.map((field, index) =>
    columnOf(
      field.type,
      records.map((record) => record[index] ?? null),
    ),
  );
  const bytes = columns.reduce(
    (sum, { values, offsets, data }) => sum + (values ?? offsets!).byteLength + (data?.byteLength ?? 0),
    0,
  );
  return { fields, columns, rows: records.length, bytes, position, rare: [], release: () => {} };
}

/**
 * The column with only the rows of `keep`, in that order. Nothing is allocated for a single cell; rows that lie side by
 * side are copied in one piece.
 */
export function takeRows(column: Column, keep: Int32Array): Column {
  const length = keep.length;
  let validity: Uint8Array | undefined;
  if (column.validity !== undefined) {
    validity = allValid(length);
    for (let to = 0; to < length; to++) if (!isValid(column, keep[to])) clearBit(validity, to);
  }
  if (column.values !== undefined) return { length, validity, values: takeFixed(column.values, keep) };
  const starts = column.offsets!;
  const offsets = new Int32Array(length + 1);
  for (let to = 0; to < length; to++) offsets[to + 1] = offsets[to] + starts[keep[to] + 1] - starts[keep[to]];
  const data = new Uint8Array(offsets[length]);
  eachRun(keep, (from, to, rows) => data.set(column.data!.subarray(starts[from], starts[from + rows]), offsets[to]));
  return { length, validity, offsets, data };
}

function takeFixed(from: Values, keep: Int32Array): Values {
  const values = new (from.constructor as new (length: number) => Values)(keep.length);
  eachRun(keep, (start, to, rows) => values.set(from.subarray(start, start + rows) as never, to));
  return values;
}

/** Calls back for each stretch of rows that follow one another. */
function eachRun(keep: Int32Array, copy: (from: number, to: number, rows: number) => void): void {
  for (let to = 0; to < keep.length; ) {
    let end = to + 1;
    while (end < keep.length && keep[end] === keep[end - 1] + 1) end++;
    copy(keep[to], to, end - to);
    to = end;
  }
}

/** The batch with only the rows of `keep`, in that order: how dirty rows are left out. It releases what the batch holds. */
export function compact(batch: Batch, keep: Int32Array): Batch {
  const places = new Map(Array.from(keep, (row, place) => [row, place]));
  return {
    ...batch,
    columns: batch.columns.map((column) => takeRows(column, keep)),
    rows: keep.length,
    bytes: batch.rows === 0 ? 0 : Math.ceil((batch.bytes * keep.length) / batch.rows),
    rare: batch.rare.flatMap((rare) => {
      const row = places.get(rare.row);
      return row === undefined ? [] : [{ ...rare, row }];
    }),
    release: () => batch.release(),
  };
}
