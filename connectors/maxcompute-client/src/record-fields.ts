import type { Physical } from './columns.ts';
import { addByte, addField64, addInt32 } from './crc32c.ts';
import { type Filling, type TakeField, takeBytes } from './record-filling.ts';
import type { RecordInput } from './record-input.ts';
import { ItemReader } from './record-item-reader.ts';
import { takeMillis, takeStamp } from './record-times.ts';

/** It keeps nothing between two values, so that one is enough. */
const ITEMS = new ItemReader();

/**
 * A function for each kind of value: each is compiled for its own kind alone, and none of them asks at every value which
 * kind it is.
 */
const TAKE: { readonly [physical in Physical]: TakeField } = {
  bytes(input, column, row, state) {
    const length = input.varint32();
    if (length > column.most) throw new RangeError(`a field of ${length} bytes, at most ${column.most} are allowed`);
    const from = input.step(length);
    return takeBytes(column, row, addInt32(state, column.number), input.view, from, length);
  },
  int64(input, column, row, state) {
    input.zigzag();
    column.int32[2 * row] = input.low;
    column.int32[2 * row + 1] = input.high;
    return addField64(state, column.number, input.low, input.high);
  },
  int32,
  date: int32,
  int16(input, column, row, state) {
    input.zigzag();
    column.int16[row] = inRange(input, (input.low << 16) >> 16);
    return addField64(state, column.number, input.low, input.high);
  },
  int8(input, column, row, state) {
    input.zigzag();
    column.int8[row] = inRange(input, (input.low << 24) >> 24);
    return addField64(state, column.number, input.low, input.high);
  },
  double(input, column, row, state) {
    const from = input.step(8);
    const low = input.view.getInt32(from, true);
    const high = input.view.getInt32(from + 4, true);
    column.int32[2 * row] = low;
    column.int32[2 * row + 1] = high;
    return addField64(state, column.number, low, high);
  },
  float(input, column, row, state) {
    const bits = input.view.getInt32(input.step(4), true);
    column.int32[row] = bits;
    return addInt32(addInt32(state, column.number), bits);
  },
  bool(input, column, row, state) {
    const byte = input.bytes[input.step(1)];
    if (byte > 1) throw new RangeError('a boolean is neither 0 nor 1');
    column.bool[row] = byte;
    return addByte(addInt32(state, column.number), byte);
  },
  millis(input, column, row, state) {
    takeMillis(input, column, row);
    return addField64(state, column.number, input.low, input.high);
  },
  stamp: (input, column, row, state) => takeStamp(input, column, row, addInt32(state, column.number)),
  items(input, column, row, state) {
    column.items[row] = ITEMS.read(input.bytes, input.at, column.type, addInt32(state, column.number));
    input.at = ITEMS.at;
    return ITEMS.crc;
  },
};

export const takerOf = (physical: Physical): TakeField => TAKE[physical];

function int32(input: RecordInput, column: Filling, row: number, state: number): number {
  input.zigzag();
  column.int32[row] = inRange(input, input.low);
  return addField64(state, column.number, input.low, input.high);
}

function inRange(input: RecordInput, value: number): number {
  if (value !== input.low || input.high !== value >> 31)
    throw new RangeError('a value is out of the range of its type');
  return value;
}
