import type { ColumnData } from './columns.ts';
import { addByte, addField64, addInt32, copyBytes, finish, START } from './crc32c.ts';
import { MaxComputeError } from './errors.ts';
import { END_RECORD, META_CHECKSUM, META_COUNT, MOST_SIXTY_FOURTHS } from './record-frame.ts';
import { ItemWriter } from './record-items.ts';
import { type Lane, load, openLane, roomOf } from './record-lane.ts';
import type { OdpsType } from './types.ts';
import { putVarint, putZigzag } from './varint.ts';

/** The end tag and a CRC of at most five bytes. */
const ROOM_A_RECORD = 9;
const TWO_32 = 4_294_967_296;

/**
 * Turns columns into the tunnel's record stream: `encode` for each batch, then `end` once.
 * One encoder makes one stream; its CRCs run through all of it. Values are not judged: whoever fills the columns keeps to
 * the ranges of the service (BIGINT without −2^63, cells of at most `maxFieldBytes`, years 1 to 9999).
 */
export class RecordEncoder {
  rows = 0;
  readonly #lanes: Lane[];
  readonly #items = new ItemWriter();
  #streamCrc = START;
  #crc = START;
  #out: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(new ArrayBuffer(0));

  /** @throws MaxComputeError `UnknownType` for a type whose values this version cannot write */
  constructor(types: readonly OdpsType[]) {
    this.#lanes = types.map(openLane);
  }

  /**
   * The records of these columns, one column for each type. The bytes lie in `into` where that is large enough, else in
   * a new buffer; either is the caller's until it hands it in again.
   * @throws MaxComputeError `ColumnMismatch`; `ValueOutOfRange` for a point in time beyond ±18,000 years
   */
  encode(columns: readonly ColumnData[], rows: number, into?: Buffer): Buffer {
    if (columns.length !== this.#lanes.length) throw widthMismatch(columns.length, this.#lanes.length);
    this.#lanes.forEach((lane, index) => {
      load(lane, columns[index], rows);
    });
    const room = this.#room(rows);
    this.#out = into !== undefined && into.length >= room ? into : Buffer.allocUnsafeSlow(room);
    this.#view = new DataView(this.#out.buffer, this.#out.byteOffset, this.#out.length);
    let at = 0;
    for (let row = 0; row < rows; row++) at = this.#record(row, at);
    this.rows += rows;
    return this.#out.subarray(0, at);
  }

  /** The trailer, which makes the stream whole. */
  end(): Buffer {
    const out = Buffer.alloc(24);
    out.writeInt32LE(META_COUNT, 0);
    const at = putZigzag(out, 4, this.rows | 0, Math.floor(this.rows / TWO_32));
    out.writeInt32LE(META_CHECKSUM, at);
    return out.subarray(0, putVarint(out, at + 4, finish(this.#streamCrc)));
  }

  #room(rows: number): number {
    let room = rows * ROOM_A_RECORD;
    for (const lane of this.#lanes) {
      room += rows * roomOf(lane.physical);
      if (lane.physical === 'bytes') room += lane.offsets[rows] - lane.offsets[0];
      if (lane.physical === 'items')
        for (let row = 0; row < rows; row++) room += this.#items.sizeOf(lane.type, lane.items[row]);
    }
    return room;
  }

  #record(row: number, start: number): number {
    const out = this.#out;
    const lanes = this.#lanes;
    const bit = 1 << (row & 7);
    let at = start;
    this.#crc = START;
    for (let index = 0; index < lanes.length; index++) {
      const lane = lanes[index];
      if (lane.validity !== null && (lane.validity[row >> 3] & bit) === 0) continue;
      if (lane.tag < 128) out[at++] = lane.tag;
      else at = putVarint(out, at, lane.tag);
      at = this.#value(lane, row, at);
    }
    const crc = ~this.#crc;
    this.#view.setInt32(at, END_RECORD, true);
    this.#streamCrc = addInt32(this.#streamCrc, crc);
    return putVarint(out, at + 4, crc >>> 0);
  }

  #value(lane: Lane, row: number, at: number): number {
    switch (lane.physical) {
      case 'bytes': {
        const from = lane.offsets[row];
        const length = lane.offsets[row + 1] - from;
        const start = putVarint(this.#out, at, length);
        this.#crc = copyBytes(addInt32(this.#crc, lane.number), lane.data, from, this.#view, start, length);
        return start + length;
      }
      case 'int64':
        return this.#int(lane.number, lane.int32[2 * row], lane.int32[2 * row + 1], at);
      case 'int32':
      case 'date':
        return this.#int(lane.number, lane.int32[row], lane.int32[row] >> 31, at);
      case 'int16':
        return this.#int(lane.number, lane.int16[row], lane.int16[row] >> 31, at);
      case 'int8':
        return this.#int(lane.number, lane.int8[row], lane.int8[row] >> 31, at);
      case 'double': {
        const low = lane.int32[2 * row];
        const high = lane.int32[2 * row + 1];
        this.#view.setInt32(at, low, true);
        this.#view.setInt32(at + 4, high, true);
        this.#crc = addField64(this.#crc, lane.number, low, high);
        return at + 8;
      }
      case 'float':
        this.#view.setInt32(at, lane.int32[row], true);
        this.#crc = addInt32(addInt32(this.#crc, lane.number), lane.int32[row]);
        return at + 4;
      case 'bool':
        this.#out[at] = lane.bool[row] === 0 ? 0 : 1;
        this.#crc = addByte(addInt32(this.#crc, lane.number), this.#out[at]);
        return at + 1;
      case 'millis':
        return this.#millis(lane, row, at);
      case 'stamp':
        return this.#stamp(lane, row, at);
      default: {
        const end = this.#items.write(this.#out, at, lane.type, lane.items[row], addInt32(this.#crc, lane.number));
        this.#crc = this.#items.crc;
        return end;
      }
    }
  }

  #int(number: number, low: number, high: number, at: number): number {
    this.#crc = addField64(this.#crc, number, low, high);
    return putZigzag(this.#out, at, low, high);
  }

  /** Microseconds in units of 64, rounded down: 53 bits hold that, where they do not hold the microseconds. */
  #sixtyFourths(lane: Lane, row: number): number {
    const units = lane.int32[2 * row + 1] * 67_108_864 + (lane.int32[2 * row] >>> 6);
    if (units > MOST_SIXTY_FOURTHS || units < -MOST_SIXTY_FOURTHS) throw outOfRange(lane, row);
    return units;
  }

  /** Microseconds to milliseconds, rounded down: 64 × 125 = 8 × 1000. */
  #millis(lane: Lane, row: number, at: number): number {
    const units = this.#sixtyFourths(lane, row);
    const eights = Math.floor(units / 125);
    const micros = (units - eights * 125) * 64 + (lane.int32[2 * row] & 63);
    const millis = eights * 8 + Math.floor(micros / 1_000);
    const high = Math.floor(millis / TWO_32);
    return this.#int(lane.number, (millis - high * TWO_32) | 0, high, at);
  }

  /** Seconds rounded down, and nanoseconds: 10^6 = 64 × 15625. */
  #stamp(lane: Lane, row: number, at: number): number {
    const units = this.#sixtyFourths(lane, row);
    const seconds = Math.floor(units / 15_625);
    const micros = (units - seconds * 15_625) * 64 + (lane.int32[2 * row] & 63);
    const nanos = micros * 1_000 + (lane.subMicros === null ? 0 : lane.subMicros[row]);
    const high = Math.floor(seconds / TWO_32);
    const end = this.#int(lane.number, (seconds - high * TWO_32) | 0, high, at);
    this.#crc = addInt32(this.#crc, nanos);
    return putVarint(this.#out, end, nanos * 2);
  }
}

function outOfRange(lane: Lane, row: number): MaxComputeError {
  return new MaxComputeError({
    code: 'ValueOutOfRange',
    kind: 'data',
    message: `Row ${row}, column ${lane.number}: a point in time is out of the range of its type.`,
    hint: 'Years 1 to 9999 can be written.',
  });
}

function widthMismatch(given: number, wanted: number): MaxComputeError {
  return new MaxComputeError({
    code: 'ColumnMismatch',
    kind: 'bug',
    message: `${given} columns were given, the stream has ${wanted}.`,
    hint: 'Give one column for each of the session, in its order.',
  });
}
