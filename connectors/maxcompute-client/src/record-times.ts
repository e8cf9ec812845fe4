import { addInt32, addInt64 } from './crc32c.ts';
import type { Filling } from './record-filling.ts';
import { MOST_SECONDS } from './record-frame.ts';
import type { RecordInput } from './record-input.ts';

/** Of the upper half of milliseconds: beyond it their microseconds do not fit 64 bits. */
const MOST_HIGH = 2_097_151;

/** Milliseconds to microseconds, half by half: a number holds the lower one times a thousand exactly. */
export function takeMillis(input: RecordInput, column: Filling, row: number): void {
  input.zigzag();
  if (input.high > MOST_HIGH || input.high < -MOST_HIGH) throw new RangeError('a DATETIME is out of range');
  const low = (input.low >>> 0) * 1_000;
  column.int32[2 * row] = low;
  column.int32[2 * row + 1] = input.high * 1_000 + Math.floor(low / 4_294_967_296);
}

/** Seconds and nanoseconds to microseconds and what is below them; the CRC's state behind both. */
export function takeStamp(input: RecordInput, column: Filling, row: number, state: number): number {
  input.zigzag();
  const crc = addInt64(state, input.low, input.high);
  const seconds = input.number;
  if (Math.abs(seconds) > MOST_SECONDS) throw new RangeError('a TIMESTAMP is out of range');
  const raw = input.varint32();
  const nanos = raw >>> 1;
  if ((raw & 1) !== 0 || nanos > 999_999_999) throw new RangeError('nanoseconds out of range');
  const micros = Math.floor(nanos / 1_000);
  const units = seconds * 15_625;
  const high = Math.floor(units / 67_108_864);
  const low = (units - high * 67_108_864) * 64 + micros;
  column.int32[2 * row] = low;
  column.int32[2 * row + 1] = high + (low >= 4_294_967_296 ? 1 : 0);
  const below = nanos - micros * 1_000;
  if (below !== 0) (column.subMicros ??= new Uint16Array(column.capacity))[row] = below;
  return addInt32(crc, nanos);
}
