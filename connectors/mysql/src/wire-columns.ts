import {
  allValid,
  type Batch,
  type Column,
  type Field,
  fixedValues,
  isVariable,
  type Json,
  type RareCell,
  type Values,
} from '@sampan/connector';

/** How a value of the binary protocol becomes a cell; see the switch in `wire-rows.ts`. */
export const Codec = {
  int8: 0,
  uint8To16: 1,
  int16: 2,
  uint16To32: 3,
  int32: 4,
  uint32To64: 5,
  int64: 6,
  float32: 7,
  float64: 8,
  bytes: 9,
  date: 10,
  datetime: 11,
  time: 12,
  bitTo8: 13,
  bitTo64: 14,
} as const;

/** The column of a batch that is being filled. */
export interface Filling {
  codec: number;
  values: Values | null;
  /** The same memory as `values` where a value has 64 bits: written as two halves, no BigInt is made. */
  halves: Int32Array | null;
  offsets: Int32Array | null;
  data: Buffer;
  used: number;
  validity: Uint8Array | null;
}

export interface FillingBatch {
  columns: Filling[];
  rows: number;
  rare: RareCell[];
}

const NO_BYTES = Buffer.alloc(0);

/** The codec of a column, from the type the server announced for the result and the logical type wanted. */
export function codecOf(field: Field): number {
  const unsigned = /unsigned/i.test(field.native);
  const native = field.native.toLowerCase().replace(/[ (].*/, '');
  switch (native) {
    case 'tinyint':
      return unsigned ? Codec.uint8To16 : Codec.int8;
    case 'smallint':
      return unsigned ? Codec.uint16To32 : Codec.int16;
    case 'year':
      return Codec.int16;
    case 'mediumint':
      return Codec.int32;
    case 'int':
      return unsigned ? Codec.uint32To64 : Codec.int32;
    case 'bigint':
      return Codec.int64;
    case 'float':
      return Codec.float32;
    case 'double':
      return Codec.float64;
    case 'bit':
      return field.type.kind === 'bool' ? Codec.bitTo8 : Codec.bitTo64;
    case 'date':
      return Codec.date;
    case 'datetime':
    case 'timestamp':
      return Codec.datetime;
    case 'time':
      return Codec.time;
    default:
      return Codec.bytes;
  }
}

/** Buffers of one batch for up to `capacity` rows. */
export function createFilling(fields: readonly Field[], capacity: number): FillingBatch {
  const columns = fields.map((field): Filling => {
    const variable = isVariable(field.type);
    const values = variable ? null : fixedValues(field.type, capacity);
    const wide = values instanceof BigInt64Array || values instanceof BigUint64Array;
    return {
      codec: codecOf(field),
      values,
      halves: wide ? new Int32Array(values.buffer) : null,
      offsets: variable ? new Int32Array(capacity + 1) : null,
      data: variable ? Buffer.allocUnsafeSlow(16_384) : NO_BYTES,
      used: 0,
      validity: null,
    };
  });
  return { columns, rows: 0, rare: [] };
}

/** Ready for the next rows; grown buffers stay unless one outgrew what a usual batch needs. */
export function emptyFilling(batch: FillingBatch, keepBytes: number): void {
  batch.rows = 0;
  batch.rare = [];
  for (const column of batch.columns) {
    column.used = 0;
    column.validity = null;
    if (column.data.length > keepBytes) column.data = Buffer.allocUnsafeSlow(16_384);
  }
}

/** Room for `length` more bytes. */
export function grow(column: Filling, length: number): void {
  const wanted = Math.max(column.data.length * 2, column.used + length);
  const data = Buffer.allocUnsafeSlow(wanted);
  column.data.copy(data, 0, 0, column.used);
  column.data = data;
}

export function setNull(column: Filling, row: number, capacity: number): void {
  column.validity ??= allValid(capacity);
  column.validity[row >> 3] &= ~(1 << (row & 7));
  if (column.offsets !== null) column.offsets[row + 1] = column.used;
  else if (column.halves !== null) column.halves[2 * row] = column.halves[2 * row + 1] = 0;
  else (column.values as Uint8Array)[row] = 0;
}

/** The filled rows as a batch of the contract; `release` gives the buffers back. */
export function asBatch(batch: FillingBatch, fields: readonly Field[], position: Json, release: () => void): Batch {
  let bytes = 0;
  const columns = batch.columns.map((column): Column => {
    bytes += column.offsets === null ? batch.rows * column.values!.BYTES_PER_ELEMENT : column.used + 4 * batch.rows;
    const validity = column.validity ?? undefined;
    if (column.offsets === null) return { length: batch.rows, validity, values: column.values! };
    return { length: batch.rows, validity, offsets: column.offsets, data: column.data };
  });
  let released = false;
  return {
    fields,
    columns,
    rows: batch.rows,
    bytes,
    position,
    rare: batch.rare,
    release: () => {
      if (!released) release();
      released = true;
    },
  };
}
