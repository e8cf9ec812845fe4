import { type ColumnData, createValues, type Physical, physicalOf, type Values, wireTypeOf } from './columns.ts';
import { addByte, addBytes, addInt32, addInt64, crc32c, finish, START } from './crc32c.ts';
import { MaxComputeError } from './errors.ts';
import { ItemReader, NeedMore } from './record-items.ts';
import type { OdpsType } from './types.ts';

const FIELD_END_RECORD = 33_553_408;
const FIELD_META_COUNT = 33_554_430;
const FIELD_META_CHECKSUM = 33_554_431;
const FIELD_END_METRICS = 33_554_176;
/** The service's own limit of a record; a length above it is garbage, not something to wait for. */
const MOST_BYTES = 256 * 1024 * 1024;
/** DATETIME values (ms) must have their microseconds in 64 bits. */
const MOST_MILLIS = Number.MAX_SAFE_INTEGER;

interface Filling {
  type: OdpsType;
  physical: Physical;
  wireType: number;
  values: Values | undefined;
  halves: Int32Array | null;
  offsets: Int32Array | null;
  data: Buffer;
  used: number;
  validity: Uint8Array | null;
  subMicros: Uint16Array | null;
  items: unknown[] | undefined;
  /** Ordinal of the last record that gave a value: a second one in the same record is an error. */
  seen: number;
}

export interface DecodedBatch {
  columns: ColumnData[];
  rows: number;
}

export interface DecodeLimits {
  /** Rows of a batch (default 8,192). */
  rows?: number;
  /** Bytes of the stream after which a batch is closed (default 4 MiB). */
  bytes?: number;
  /** A field above this many bytes is refused (default: none). */
  fieldBytes?: number;
}

/**
 * Reads a record stream that arrives in pieces: `push` each, which gives the batches that became full, and `end`, which
 * gives the last one and insists on the trailer. Strict: CRCs, counts, wire types, no field twice, nothing behind.
 * @throws MaxComputeError `MalformedDataStream` (wrong bytes) or `TruncatedDataStream`
 */
export class RecordDecoder {
  rows = 0;
  /** Metrics that a server of version 6 put into the trailer, as JSON text. */
  metrics: string | null = null;
  readonly #columns: Filling[];
  readonly #capacity: number;
  readonly #most: number;
  readonly #fieldBytes: number;
  readonly #items = new ItemReader();
  #rest: Buffer = Buffer.alloc(0);
  #filled = 0;
  #consumed = 0;
  #streamCrc = START;
  #state: 'records' | 'counted' | 'done' = 'records';
  #metricsCrc = 0;
  // Registers of the varint readers: no object, no BigInt per value.
  #at = 0;
  #end = 0;
  #low = 0;
  #high = 0;

  constructor(types: readonly OdpsType[], limits: DecodeLimits = {}) {
    this.#capacity = limits.rows ?? 8_192;
    this.#most = limits.bytes ?? 4 * 1024 * 1024;
    this.#fieldBytes = limits.fieldBytes ?? MOST_BYTES;
    this.#columns = types.map((type) => {
      const physical = physicalOf(type);
      return { type, physical, wireType: wireTypeOf(physical) } as Filling;
    });
    this.#renew();
  }

  *push(chunk: Buffer): Generator<DecodedBatch> {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#end = bytes.length;
    let from = 0;
    while (from < bytes.length) {
      const next = this.#unit(bytes, from);
      if (next < 0) break;
      this.#consumed += next - from;
      from = next;
      if (this.#filled === this.#capacity || this.#consumed >= this.#most) yield this.#take();
    }
    if (bytes.length - from > MOST_BYTES) throw malformed('a record is longer than the service allows');
    this.#rest = from === bytes.length ? Buffer.alloc(0) : Buffer.from(bytes.subarray(from));
  }

  end(): DecodedBatch | null {
    if (this.#state !== 'done') {
      throw new MaxComputeError({
        code: 'TruncatedDataStream',
        kind: 'busy',
        message: `The record stream ends without its trailer, after ${this.rows} records.`,
        hint: 'Read or send it again.',
      });
    }
    return this.#filled === 0 ? null : this.#take();
  }

  /** One record, or one part of the trailer; its end, or −1 where more bytes are needed. */
  #unit(bytes: Buffer, from: number): number {
    this.#at = from;
    try {
      if (this.#state === 'done') throw malformed('bytes after the trailer');
      if (this.#state === 'counted') return this.#afterCount(bytes);
      return this.#record(bytes);
    } catch (error) {
      if (!(error instanceof NeedMore)) throw error instanceof RangeError ? malformed(error.message) : error;
      for (const column of this.#columns) {
        if (column.offsets !== null) column.used = column.offsets[this.#filled];
        if (column.seen === this.rows) column.seen = -1;
      }
      return -1;
    }
  }

  #record(bytes: Buffer): number {
    let crc = START;
    for (let first = true; ; first = false) {
      const tag = this.#varint32(bytes);
      const field = tag >>> 3;
      if (field === FIELD_END_RECORD && (tag & 7) === 0) break;
      if (field === FIELD_META_COUNT && (tag & 7) === 0) {
        if (!first) throw malformed('the trailer begins inside a record');
        this.#zigzag(bytes);
        if (this.#high * 4_294_967_296 + (this.#low >>> 0) !== this.rows)
          throw malformed(`the stream says it has other than the ${this.rows} records read`);
        this.#state = 'counted';
        return this.#at;
      }
      const column = this.#columns[field - 1];
      if (column === undefined)
        throw malformed(`record ${this.rows}: field ${field}, but there are ${this.#columns.length} columns`);
      if (column.wireType !== (tag & 7))
        throw malformed(`record ${this.rows}, column ${field}: wire type ${tag & 7} instead of ${column.wireType}`);
      if (column.seen === this.rows) throw malformed(`record ${this.rows}: column ${field} comes twice`);
      column.seen = this.rows;
      crc = this.#value(bytes, column, addInt32(crc, field));
    }
    if (this.#checksum(bytes) !== finish(crc)) throw malformed(`record ${this.rows}: its CRC is wrong`);
    this.#streamCrc = addInt32(this.#streamCrc, finish(crc));
    for (const column of this.#columns) if (column.seen !== this.rows) this.#null(column);
    this.#filled++;
    this.rows++;
    return this.#at;
  }

  #value(bytes: Buffer, column: Filling, state: number): number {
    const row = this.#filled;
    switch (column.physical) {
      case 'bytes':
        return this.#bytes(bytes, column, state);
      case 'int64':
        this.#zigzag(bytes);
        column.halves![2 * row] = this.#low;
        column.halves![2 * row + 1] = this.#high;
        return addInt64(state, this.#low, this.#high);
      case 'int8':
      case 'int16':
      case 'int32':
      case 'date':
        this.#zigzag(bytes);
        column.values![row] = this.#low;
        if (column.values![row] !== this.#low || this.#high !== this.#low >> 31)
          throw malformed(`record ${this.rows}: a value is out of the range of its type`);
        return addInt64(state, this.#low, this.#high);
      case 'double':
        column.values![row] = bytes.readDoubleLE(this.#step(8));
        return addBytes(state, bytes, this.#at - 8, this.#at);
      case 'float':
        column.values![row] = bytes.readFloatLE(this.#step(4));
        return addBytes(state, bytes, this.#at - 4, this.#at);
      case 'bool': {
        const byte = bytes[this.#step(1)];
        if (byte > 1) throw malformed(`record ${this.rows}: a boolean is neither 0 nor 1`);
        column.values![row] = byte;
        return addByte(state, byte);
      }
      case 'millis':
        return this.#millis(bytes, column, state);
      case 'stamp':
        return this.#stamp(bytes, column, state);
      default:
        column.items![row] = this.#items.read(bytes, this.#at, this.#end, column.type, state);
        this.#at = this.#items.at;
        return this.#items.crc;
    }
  }

  #bytes(bytes: Buffer, column: Filling, state: number): number {
    const length = this.#varint32(bytes);
    if (length > this.#fieldBytes)
      throw malformed(`record ${this.rows}: a field of ${length} bytes, at most ${this.#fieldBytes} are allowed`);
    const from = this.#step(length);
    if (column.used + length > column.data.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(column.data.length * 2, column.used + length));
      column.data.copy(grown, 0, 0, column.used);
      column.data = grown;
    }
    bytes.copy(column.data, column.used, from, from + length);
    column.used += length;
    column.offsets![this.#filled + 1] = column.used;
    return addBytes(state, bytes, from, from + length);
  }

  #millis(bytes: Buffer, column: Filling, state: number): number {
    this.#zigzag(bytes);
    const millis = this.#high * 4_294_967_296 + (this.#low >>> 0);
    if (Math.abs(millis) > MOST_MILLIS) throw malformed(`record ${this.rows}: a DATETIME is out of range`);
    // ms × 1000 does not fit 53 bits: cut at bit 22, for 22 + 10 are the 32 of the lower half.
    const top = Math.floor(millis / 4_194_304);
    const high = Math.floor((top * 1_000) / 1_024);
    const low = (top * 1_000 - high * 1_024) * 4_194_304 + (millis - top * 4_194_304) * 1_000;
    column.halves![2 * this.#filled] = low;
    column.halves![2 * this.#filled + 1] = high + Math.floor(low / 4_294_967_296);
    return addInt64(state, this.#low, this.#high);
  }

  #stamp(bytes: Buffer, column: Filling, state: number): number {
    this.#zigzag(bytes);
    const crc = addInt64(state, this.#low, this.#high);
    const seconds = this.#high * 4_294_967_296 + (this.#low >>> 0);
    if (Math.abs(seconds) > MOST_MILLIS / 1_000) throw malformed(`record ${this.rows}: a TIMESTAMP is out of range`);
    const raw = this.#varint32(bytes);
    const nanos = raw >>> 1;
    if ((raw & 1) !== 0 || nanos > 999_999_999) throw malformed(`record ${this.rows}: nanoseconds out of range`);
    const parts = seconds * 15_625;
    const high = Math.floor(parts / 67_108_864);
    const low = (parts - high * 67_108_864) * 64 + Math.floor(nanos / 1_000);
    column.halves![2 * this.#filled] = low;
    column.halves![2 * this.#filled + 1] = high + (low >= 4_294_967_296 ? 1 : 0);
    if (nanos % 1_000 !== 0) (column.subMicros ??= new Uint16Array(this.#capacity))[this.#filled] = nanos % 1_000;
    return addInt32(crc, nanos);
  }

  #null(column: Filling): void {
    const row = this.#filled;
    column.validity ??= new Uint8Array((this.#capacity + 7) >> 3).fill(255);
    column.validity[row >> 3] &= ~(1 << (row & 7));
    if (column.offsets !== null) column.offsets[row + 1] = column.used;
    if (column.items !== undefined) column.items[row] = null;
  }

  #afterCount(bytes: Buffer): number {
    const tag = this.#varint32(bytes);
    const field = tag >>> 3;
    if (field === 1 && (tag & 7) === 2 && this.metrics === null) {
      const length = this.#varint32(bytes);
      const from = this.#step(length);
      const text = bytes.subarray(from, from + length);
      this.#metricsCrc = crc32c(Buffer.concat([Buffer.from([1, 0, 0, 0]), text]));
      this.metrics = text.toString('utf8');
      return this.#at;
    }
    const value = this.#checksum(bytes);
    if (field === FIELD_END_METRICS && this.metrics !== null) {
      if (value !== this.#metricsCrc) throw malformed('the CRC of the metrics is wrong');
      return this.#at;
    }
    if (field !== FIELD_META_CHECKSUM) throw malformed(`field ${field} in the trailer`);
    if (value !== finish(this.#streamCrc)) throw malformed('the CRC of the stream is wrong');
    this.#state = 'done';
    return this.#at;
  }

  #step(length: number): number {
    const from = this.#at;
    if (from + length > this.#end) throw needMore;
    this.#at = from + length;
    return from;
  }

  #varint32(bytes: Buffer): number {
    let at = this.#at;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (at >= this.#end) throw needMore;
      const byte = bytes[at++];
      value += shift < 28 ? (byte & 127) << shift : (byte & 15) * 268_435_456;
      if (byte < 128) {
        this.#at = at;
        return value;
      }
    }
    throw malformed(`record ${this.rows}: a varint is too long`);
  }

  /** A CRC. Some writers (pyodps, compiled) sign-extend it to 64 bits, which a reader of 32-bit varints cuts off. */
  #checksum(bytes: Buffer): number {
    let at = this.#at;
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= this.#end) throw needMore;
      const byte = bytes[at++];
      if (shift < 28) value += (byte & 127) << shift;
      else if (shift === 28) value += (byte & 15) * 268_435_456;
      if (byte < 128) {
        this.#at = at;
        return value;
      }
    }
    throw malformed(`record ${this.rows}: a CRC is too long`);
  }

  /** Leaves the value in `#low` and `#high`, both signed. */
  #zigzag(bytes: Buffer): void {
    let at = this.#at;
    let bottom = 0;
    let top = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= this.#end) throw needMore;
      const byte = bytes[at++];
      const part = byte & 127;
      if (shift < 28) bottom |= part << shift;
      else if (shift === 28) {
        bottom |= part << 28;
        top = part >>> 4;
      } else top |= part << (shift - 32);
      if (byte < 128) {
        this.#at = at;
        const sign = -(bottom & 1);
        this.#low = ((bottom >>> 1) | (top << 31)) ^ sign;
        this.#high = (top >>> 1) ^ sign;
        return;
      }
    }
    throw malformed(`record ${this.rows}: a varint is too long`);
  }

  #take(): DecodedBatch {
    const rows = this.#filled;
    const columns = this.#columns.map((column): ColumnData => {
      const validity = column.validity ?? undefined;
      if (column.items !== undefined) return { length: rows, validity, items: column.items };
      if (column.offsets !== null) return { length: rows, validity, offsets: column.offsets, data: column.data };
      return {
        length: rows,
        validity,
        values: column.values,
        ...(column.subMicros === null ? {} : { subMicros: column.subMicros }),
      };
    });
    this.#renew();
    return { columns, rows };
  }

  #renew(): void {
    this.#filled = 0;
    this.#consumed = 0;
    for (const column of this.#columns) {
      const values = createValues(column.physical, this.#capacity);
      column.values = values;
      column.halves = values instanceof BigInt64Array ? new Int32Array(values.buffer) : null;
      column.offsets = column.physical === 'bytes' ? new Int32Array(this.#capacity + 1) : null;
      column.data = Buffer.allocUnsafeSlow(column.offsets === null ? 0 : 4_096);
      column.used = 0;
      column.validity = null;
      column.subMicros = null;
      column.items = column.physical === 'items' ? [] : undefined;
      column.seen = -1;
    }
  }
}

// One for all: it is a signal inside this file, and making one per chunk would cost a stack trace each.
const needMore = new NeedMore();

function malformed(what: string): MaxComputeError {
  return new MaxComputeError({
    code: 'MalformedDataStream',
    kind: 'data',
    message: `The record stream is broken: ${what}.`,
    hint: 'Send it again; if it stays, the sender has a defect.',
  });
}
