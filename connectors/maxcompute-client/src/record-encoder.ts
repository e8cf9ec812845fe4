import { type ColumnData, type Physical, physicalOf, wireTypeOf } from './columns.ts';
import { addByte, addBytes, addInt32, addInt64, finish, START } from './crc32c.ts';
import { ItemWriter } from './record-items.ts';
import type { OdpsType } from './types.ts';

/** Tags of the record stream's frame. */
export const END_RECORD = [0x80, 0xc0, 0xff, 0x7f] as const;
export const META_COUNT = [0xf0, 0xff, 0xff, 0x7f] as const;
export const META_CHECKSUM = [0xf8, 0xff, 0xff, 0x7f] as const;

/** Room a value needs at most beside its bytes: tag 4, varint or length 10, nanos 5. */
const ROOM_A_VALUE = 20;
const ROOM_A_RECORD = 9;

interface Coder {
  physical: Physical;
  type: OdpsType;
  number: number;
  tag: number;
}

/**
 * Turns columns into the tunnel's record stream: `encode` for each batch, then `end` once.
 * One encoder makes one stream; its CRCs run through all of it.
 */
export class RecordEncoder {
  rows = 0;
  #streamCrc = START;
  readonly #coders: Coder[];
  #out: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(types: readonly OdpsType[]) {
    this.#coders = types.map((type, index) => {
      const physical = physicalOf(type);
      return { physical, type, number: index + 1, tag: ((index + 1) << 3) | wireTypeOf(physical) };
    });
  }

  /** The records of these columns, one column for each type, as a buffer that is the caller's from then on. */
  encode(columns: readonly ColumnData[], rows: number): Buffer {
    const items = new ItemWriter();
    this.#out = Buffer.allocUnsafeSlow(this.#room(columns, rows, items));
    this.#at = 0;
    const wide = columns.map((column) => {
      const { values } = column;
      return values instanceof BigInt64Array
        ? new Int32Array(values.buffer, values.byteOffset, values.length * 2)
        : null;
    });
    for (let row = 0; row < rows; row++) this.#record(columns, wide, row, items);
    this.rows += rows;
    return this.#out.subarray(0, this.#at);
  }

  /** The trailer, which makes the stream whole. */
  end(): Buffer {
    this.#out = Buffer.allocUnsafe(40);
    this.#at = 0;
    this.#frame(META_COUNT);
    this.#zigzag(this.rows | 0, Math.floor(this.rows / 4_294_967_296));
    this.#frame(META_CHECKSUM);
    this.#varint32(finish(this.#streamCrc));
    return this.#out.subarray(0, this.#at);
  }

  #room(columns: readonly ColumnData[], rows: number, items: ItemWriter): number {
    let room = rows * (ROOM_A_RECORD + columns.length * ROOM_A_VALUE);
    columns.forEach((column, index) => {
      if (column.offsets !== undefined) room += column.offsets[rows] - column.offsets[0];
      if (column.items !== undefined)
        for (let row = 0; row < rows; row++) room += items.sizeOf(this.#coders[index].type, column.items[row]);
    });
    return room;
  }

  #record(columns: readonly ColumnData[], wide: readonly (Int32Array | null)[], row: number, items: ItemWriter): void {
    const coders = this.#coders;
    let crc = START;
    for (let i = 0; i < coders.length; i++) {
      const column = columns[i];
      const { validity } = column;
      if (validity !== undefined && (validity[row >> 3] & (1 << (row & 7))) === 0) continue;
      const coder = coders[i];
      if (coder.tag < 128) this.#out[this.#at++] = coder.tag;
      else this.#varint32(coder.tag);
      crc = addInt32(crc, coder.number);
      switch (coder.physical) {
        case 'bytes': {
          const from = column.offsets![row];
          crc = this.#bytes(crc, column.data!, from, column.offsets![row + 1]);
          break;
        }
        case 'int64': {
          const low = wide[i]![2 * row];
          const high = wide[i]![2 * row + 1];
          this.#zigzag(low, high);
          crc = addInt64(crc, low, high);
          break;
        }
        case 'int8':
        case 'int16':
        case 'int32':
        case 'date': {
          const value = column.values![row] as number;
          this.#zigzag(value, value >> 31);
          crc = addInt64(crc, value, value >> 31);
          break;
        }
        case 'double':
          this.#out.writeDoubleLE(column.values![row] as number, this.#at);
          crc = addBytes(crc, this.#out, this.#at, this.#at + 8);
          this.#at += 8;
          break;
        case 'float':
          this.#out.writeFloatLE(column.values![row] as number, this.#at);
          crc = addBytes(crc, this.#out, this.#at, this.#at + 4);
          this.#at += 4;
          break;
        case 'bool':
          this.#out[this.#at] = column.values![row] as number;
          crc = addByte(crc, this.#out[this.#at++]);
          break;
        case 'millis':
          crc = this.#millis(crc, wide[i]![2 * row], wide[i]![2 * row + 1]);
          break;
        case 'stamp':
          crc = this.#stamp(
            crc,
            wide[i]![2 * row],
            wide[i]![2 * row + 1],
            column.subMicros === undefined ? 0 : column.subMicros[row],
          );
          break;
        default:
          this.#at = items.write(this.#out, this.#at, coder.type, column.items![row], crc);
          crc = items.crc;
      }
    }
    const recordCrc = finish(crc);
    this.#frame(END_RECORD);
    this.#varint32(recordCrc);
    this.#streamCrc = addInt32(this.#streamCrc, recordCrc);
  }

  #bytes(crc: number, data: Uint8Array, from: number, to: number): number {
    const length = to - from;
    this.#varint32(length);
    const out = this.#out;
    const at = this.#at;
    if (length < 32) for (let k = 0; k < length; k++) out[at + k] = data[from + k];
    else out.set(data.subarray(from, to), at);
    this.#at = at + length;
    return addBytes(crc, out, at, at + length);
  }

  /** Microseconds (as halves) to milliseconds, rounded down: 64 × 125 = 8000 keeps every step below 2^53. */
  #millis(crc: number, low: number, high: number): number {
    const parts = high * 67_108_864 + (low >>> 6);
    const eights = Math.floor(parts / 125);
    const millis = eights * 8 + Math.floor(((parts - eights * 125) * 64 + (low & 63)) / 1_000);
    const top = Math.floor(millis / 4_294_967_296);
    const bottom = (millis - top * 4_294_967_296) | 0;
    this.#zigzag(bottom, top);
    return addInt64(crc, bottom, top);
  }

  /** Seconds rounded down, and nanoseconds: 10^6 = 64 × 15625. */
  #stamp(crc: number, low: number, high: number, subMicros: number): number {
    const parts = high * 67_108_864 + (low >>> 6);
    const seconds = Math.floor(parts / 15_625);
    const nanos = ((parts - seconds * 15_625) * 64 + (low & 63)) * 1_000 + subMicros;
    const top = Math.floor(seconds / 4_294_967_296);
    const bottom = (seconds - top * 4_294_967_296) | 0;
    this.#zigzag(bottom, top);
    this.#varint32((nanos << 1) >>> 0);
    return addInt32(addInt64(crc, bottom, top), nanos);
  }

  #frame(tag: readonly [number, number, number, number]): void {
    this.#out[this.#at] = tag[0];
    this.#out[this.#at + 1] = tag[1];
    this.#out[this.#at + 2] = tag[2];
    this.#out[this.#at + 3] = tag[3];
    this.#at += 4;
  }

  #varint32(value: number): void {
    let rest = value;
    while (rest > 127) {
      this.#out[this.#at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.#out[this.#at++] = rest;
  }

  #zigzag(low: number, high: number): void {
    const sign = high >> 31;
    const bottom = ((low << 1) ^ sign) >>> 0;
    const top = (((high << 1) | (low >>> 31)) ^ sign) >>> 0;
    if (top === 0) {
      this.#varint32(bottom);
      return;
    }
    const out = this.#out;
    let at = this.#at;
    out[at++] = (bottom & 127) | 128;
    out[at++] = ((bottom >>> 7) & 127) | 128;
    out[at++] = ((bottom >>> 14) & 127) | 128;
    out[at++] = ((bottom >>> 21) & 127) | 128;
    const rest = top >>> 3;
    const fifth = (bottom >>> 28) | ((top & 7) << 4);
    out[at++] = rest === 0 ? fifth : fifth | 128;
    this.#at = at;
    if (rest !== 0) this.#varint32(rest);
  }
}
