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

/** A column from JavaScript values: the slow, easy way. Dates are day numbers, times microseconds as bigint, decimals text. */
export function columnOf(type: LogicalType, cells: readonly Cell[]): Column {
  const validity = cells.includes(null) ? allValid(cells.length) : undefined;
  cells.forEach((value, row) => {
    if (value === null) validity![row >> 3] &= ~(1 << (row & 7));
  });
  if (!isVariable(type)) {
    const values = fixedValues(type, cells.length);
    cells.forEach((value, row) => {
      if (value !== null)
        values[row] = (
          values instanceof BigInt64Array || values instanceof BigUint64Array ? BigInt(value as bigint) : Number(value)
        ) as never;
    });
    return { length: cells.length, validity, values };
  }
  const parts = cells.map((value) =>
    value === null ? new Uint8Array(0) : value instanceof Uint8Array ? value : Buffer.from(String(value), 'utf8'),
  );
  const offsets = new Int32Array(cells.length + 1);
  parts.forEach((part, row) => {
    offsets[row + 1] = offsets[row] + part.length;
  });
  return { length: cells.length, validity, offsets, data: Buffer.concat(parts) };
}

/** A batch from rows of JavaScript values, in the order of the fields. */
export function batchOf(fields: readonly Field[], records: readonly (readonly Cell[])[], position: Json = null): Batch {
  const columns = fields.map((field, index) =>
    columnOf(
      field.type,
      records.map((record) => record[index] ?? null),
    ),
  );
  const bytes = columns.reduce((sum, column) => sum + (column.data?.byteLength ?? column.values?.byteLength ?? 0), 0);
  return { fields, columns, rows: records.length, bytes, position, rare: [], release: () => {} };
}

/** The column with only the rows of `keep`, in that order. */
export function takeRows(column: Column, keep: Int32Array): Column {
  const length = keep.length;
  let validity: Uint8Array | undefined;
  if (column.validity !== undefined) {
    validity = allValid(length);
    for (let to = 0; to < length; to++) if (!isValid(column, keep[to])) validity[to >> 3] &= ~(1 << (to & 7));
  }
  if (column.values !== undefined) {
    const from = column.values;
    const values = new (from.constructor as new (length: number) => Values)(length);
    for (let to = 0; to < length; to++) values[to] = from[keep[to]] as never;
    return { length, validity, values };
  }
  const starts = column.offsets!;
  const data = column.data!;
  const offsets = new Int32Array(length + 1);
  for (let to = 0; to < length; to++) offsets[to + 1] = offsets[to] + starts[keep[to] + 1] - starts[keep[to]];
  const kept = new Uint8Array(offsets[length]);
  for (let to = 0; to < length; to++) kept.set(data.subarray(starts[keep[to]], starts[keep[to] + 1]), offsets[to]);
  return { length, validity, offsets, data: kept };
}
