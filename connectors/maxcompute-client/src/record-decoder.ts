import { type ColumnData, physicalOf } from './columns.ts';
import { addInt32, crc32c, finish, START } from './crc32c.ts';
import { MaxComputeError } from './errors.ts';
import { takerOf } from './record-fields.ts';
import { columnOf, type Filling, forget, openFilling, renew, takeNull } from './record-filling.ts';
import { FIELD_END_METRICS, FIELD_END_RECORD, FIELD_META_CHECKSUM, FIELD_META_COUNT } from './record-frame.ts';
import { NeedMore, RecordInput } from './record-input.ts';
import type { OdpsType } from './types.ts';

/** The service's own limit of a record; a length above it is garbage, not something to wait for. */
const MOST_BYTES = 256 * 1024 * 1024;

/** Memory for a batch is taken before its rows are seen: eight bytes a cell. */
const MOST_CELLS = 1024 * 1024;
const LEAST_ROWS = 256;
/** How much of a chunk is joined to the unit that the chunk before it cut; all of it where that is not enough. */
const SEAM_BYTES = 4_096;

export interface DecodedBatch {
  columns: ColumnData[];
  rows: number;
}

export interface DecodeLimits {
  /** Rows of a batch at most (default 8,192). Tables of hundreds of columns get fewer, by the memory they take. */
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
  readonly #input = new RecordInput();
  /** Bytes that no unit took yet, in pieces; joined once they reach as far as the unit they belong to. */
  #rest: Buffer[] = [];
  #restBytes = 0;
  #until = 0;
  #filled = 0;
  #consumed = 0;
  #streamCrc = START;
  #state: 'records' | 'counted' | 'metrics' | 'measured' | 'done' = 'records';
  #metricsCrc = 0;

  /** @throws MaxComputeError `UnknownType` for a type whose values this version cannot read */
  constructor(types: readonly OdpsType[], limits: DecodeLimits = {}) {
    const fitting = Math.max(LEAST_ROWS, Math.floor(MOST_CELLS / Math.max(1, types.length)));
    this.#capacity = Math.min(limits.rows ?? 8_192, fitting);
    this.#most = limits.bytes ?? 4 * 1024 * 1024;
    this.#fieldBytes = limits.fieldBytes ?? MOST_BYTES;
    this.#columns = types.map((type, index) =>
      openFilling(type, index + 1, takerOf(physicalOf(type)), this.#capacity, this.#fieldBytes),
    );
  }

  *push(chunk: Buffer): Generator<DecodedBatch> {
    this.#restBytes += chunk.length;
    if (this.#restBytes < this.#until) {
      // A copy: the caller may use its chunk again.
      this.#rest.push(Buffer.from(chunk));
      return;
    }
    const before = this.#restBytes - chunk.length;
    const part = before < SEAM_BYTES ? chunk.subarray(0, SEAM_BYTES) : chunk;
    let bytes = before === 0 ? chunk : Buffer.concat([...this.#rest, part]);
    if (before > 0 && part.length < chunk.length) {
      const end = yield* this.#units(bytes, before);
      bytes = end < before ? Buffer.concat([...this.#rest, chunk]).subarray(end) : chunk.subarray(end - before);
    }
    const end = yield* this.#units(bytes, bytes.length);
    this.#until = Math.max(0, this.#until - end);
    if (this.#until > MOST_BYTES) throw malformed('a record is longer than the service allows');
    this.#rest = end === bytes.length ? [] : [Buffer.from(bytes.subarray(end))];
    this.#restBytes = bytes.length - end;
  }

  /** Reads units until one is cut, or one ends at `stop` or behind it; returns where the last one ends. */
  *#units(bytes: Buffer, stop: number): Generator<DecodedBatch, number> {
    this.#input.open(bytes);
    this.#until = 0;
    let end = 0;
    while (end < stop && this.#unit()) {
      this.#consumed += this.#input.at - end;
      end = this.#input.at;
      if (this.#filled === this.#capacity || this.#consumed >= this.#most) yield this.#take();
    }
    return end;
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

  /** Reads one record, or one part of the trailer; false where more bytes are needed, and then nothing has changed. */
  #unit(): boolean {
    try {
      if (this.#state === 'records') this.#record();
      else this.#trailer();
      return true;
    } catch (error) {
      if (error instanceof RangeError) throw malformed(`record ${this.rows}: ${error.message}`);
      if (!(error instanceof NeedMore)) throw error;
      this.#until = error.until;
      for (const column of this.#columns) forget(column, this.#filled, this.rows);
      return false;
    }
  }

  #record(): void {
    const input = this.#input;
    const columns = this.#columns;
    const ordinal = this.rows;
    const row = this.#filled;
    let crc = START;
    let seen = 0;
    for (;;) {
      const tag = input.varint32();
      const column = columns[(tag >>> 3) - 1];
      if (column === undefined || column.wireType !== (tag & 7)) {
        if (tag === FIELD_END_RECORD * 8) break;
        if (tag === FIELD_META_COUNT * 8 && seen === 0) return this.#count();
        throw malformed(`record ${ordinal}: ${describe(tag, column)}`);
      }
      if (column.seen === ordinal) throw malformed(`record ${ordinal}: column ${tag >>> 3} comes twice`);
      column.seen = ordinal;
      seen++;
      crc = column.take(input, column, row, crc);
    }
    const recordCrc = ~crc;
    if ((input.checksum() | 0) !== recordCrc) throw malformed(`record ${ordinal}: its CRC is wrong`);
    this.#streamCrc = addInt32(this.#streamCrc, recordCrc);
    if (seen < columns.length) {
      for (const column of columns) if (column.seen !== ordinal) takeNull(column, row);
    }
    this.#filled++;
    this.rows++;
  }

  #count(): void {
    this.#input.zigzag();
    if (this.#input.number !== this.rows)
      throw malformed(`the stream says it has other than the ${this.rows} records read`);
    this.#state = 'counted';
  }

  /** What stands behind the count: metrics, where there are any, and the CRC of all CRCs. */
  #trailer(): void {
    if (this.#state === 'done') throw malformed('bytes after the trailer');
    const input = this.#input;
    const tag = input.varint32();
    if (this.#state === 'counted' && tag === 10) {
      const length = input.varint32();
      if (length > this.#fieldBytes) throw malformed(`metrics of ${length} bytes`);
      const from = input.step(length);
      const text = input.bytes.subarray(from, from + length);
      this.#metricsCrc = crc32c(Buffer.concat([Buffer.from([1, 0, 0, 0]), text]));
      this.metrics = text.toString('utf8');
      this.#state = 'metrics';
      return;
    }
    const wanted = this.#state === 'metrics' ? FIELD_END_METRICS : FIELD_META_CHECKSUM;
    if (tag !== wanted * 8) throw malformed(`field ${tag >>> 3} in the trailer`);
    const crc = input.checksum();
    if (crc !== (this.#state === 'metrics' ? this.#metricsCrc : finish(this.#streamCrc)))
      throw malformed(`the CRC of the ${this.#state === 'metrics' ? 'metrics' : 'stream'} is wrong`);
    this.#state = this.#state === 'metrics' ? 'measured' : 'done';
  }

  #take(): DecodedBatch {
    const rows = this.#filled;
    const columns = this.#columns.map((column) => columnOf(column, rows));
    this.#filled = 0;
    this.#consumed = 0;
    for (const column of this.#columns) renew(column);
    return { columns, rows };
  }
}

function describe(tag: number, column: Filling | undefined): string {
  const field = tag >>> 3;
  if (field === FIELD_META_COUNT) return 'the trailer begins inside a record';
  return column === undefined
    ? `there is no column for field ${field}`
    : `column ${field} has wire type ${tag & 7} instead of ${column.wireType}`;
}

function malformed(what: string): MaxComputeError {
  return new MaxComputeError({
    code: 'MalformedDataStream',
    kind: 'data',
    message: `The record stream is broken: ${what}.`,
    hint: 'Send it again; if it stays, the sender has a defect.',
  });
}
