import { type ColumnData, createValues, type Physical, physicalOf, type Values, wireTypeOf } from './columns.ts';
import { copyBytes } from './crc32c.ts';
import type { RecordInput } from './record-input.ts';
import type { OdpsType } from './types.ts';

const NO_INTS = new Int32Array(0);
const NO_BYTES = Buffer.alloc(0);
const NO_VIEW = new DataView(new ArrayBuffer(0));
const LEAST_BYTES = 4_096;

/**
 * Reads one value into a row of its column; the state of the record's CRC behind it.
 * @throws NeedMore @throws RangeError
 */
export type TakeField = (input: RecordInput, column: Filling, row: number, state: number) => number;

/** A column of the batch that is being read. As in encoding, every width has an array of its own. */
export interface Filling {
  readonly type: OdpsType;
  readonly physical: Physical;
  readonly wireType: number;
  /** Of the column, counted from 1. */
  readonly number: number;
  readonly take: TakeField;
  /** Rows of a batch, and bytes of a cell, at most. */
  readonly capacity: number;
  readonly most: number;
  values: Values | undefined;
  int8: Int8Array;
  int16: Int16Array;
  /** Values of 32 bits, or the halves of values of 64. */
  int32: Int32Array;
  bool: Uint8Array;
  offsets: Int32Array;
  data: Buffer;
  view: DataView;
  /** Bytes of `data` in use. */
  used: number;
  validity: Uint8Array | null;
  subMicros: Uint16Array | null;
  items: unknown[];
  /** Ordinal of the last record that gave a value: a second one in the same record is an error. */
  seen: number;
}

export function openFilling(type: OdpsType, number: number, take: TakeField, capacity: number, most: number): Filling {
  const physical = physicalOf(type);
  const filling: Filling = {
    type,
    physical,
    wireType: wireTypeOf(physical),
    number,
    take,
    capacity,
    most,
    values: undefined,
    int8: new Int8Array(0),
    int16: new Int16Array(0),
    int32: NO_INTS,
    bool: new Uint8Array(0),
    offsets: NO_INTS,
    data: NO_BYTES,
    view: NO_VIEW,
    used: 0,
    validity: null,
    subMicros: null,
    items: [],
    seen: -1,
  };
  renew(filling);
  return filling;
}

/** New memory for the next batch: what was read before belongs to whoever took it. */
export function renew(filling: Filling): void {
  const { capacity } = filling;
  const values = createValues(filling.physical, capacity);
  filling.values = values;
  if (values instanceof Int8Array) filling.int8 = values;
  else if (values instanceof Int16Array) filling.int16 = values;
  else if (values instanceof Uint8Array) filling.bool = values;
  else if (values !== undefined) filling.int32 = new Int32Array(values.buffer);
  if (filling.physical === 'bytes') {
    filling.offsets = new Int32Array(capacity + 1);
    // The last batch tells how much the next will need.
    grow(filling, Math.max(LEAST_BYTES, filling.used + (filling.used >> 3)), 0);
  }
  filling.used = 0;
  filling.validity = null;
  filling.subMicros = null;
  filling.items = [];
  filling.seen = -1;
}

function grow(filling: Filling, size: number, keep: number): void {
  const data = Buffer.allocUnsafeSlow(size);
  filling.data.copy(data, 0, 0, keep);
  filling.data = data;
  filling.view = new DataView(data.buffer);
}

/** Takes the bytes of one cell, and their CRC on the way. */
export function takeBytes(
  filling: Filling,
  row: number,
  state: number,
  source: DataView,
  from: number,
  length: number,
) {
  const end = filling.used + length;
  if (end > filling.data.length) grow(filling, Math.max(filling.data.length * 2, end), filling.used);
  const crc = copyBytes(state, source, from, filling.view, filling.used, length);
  filling.used = end;
  filling.offsets[row + 1] = end;
  return crc;
}

export function takeNull(filling: Filling, row: number): void {
  filling.validity ??= new Uint8Array((filling.capacity + 7) >> 3).fill(255);
  filling.validity[row >> 3] &= ~(1 << (row & 7));
  if (filling.physical === 'bytes') filling.offsets[row + 1] = filling.used;
  else if (filling.physical === 'items') filling.items[row] = null;
}

/** Forgets the cells of a record that is not whole yet. */
export function forget(filling: Filling, row: number, ordinal: number): void {
  if (filling.physical === 'bytes') filling.used = filling.offsets[row];
  if (filling.seen === ordinal) filling.seen = -1;
}

export function columnOf(filling: Filling, rows: number): ColumnData {
  const validity = filling.validity ?? undefined;
  if (filling.physical === 'items') return { length: rows, validity, items: filling.items };
  if (filling.physical === 'bytes') return { length: rows, validity, offsets: filling.offsets, data: filling.data };
  const column: ColumnData = { length: rows, validity, values: filling.values };
  if (filling.subMicros !== null) column.subMicros = filling.subMicros;
  return column;
}
