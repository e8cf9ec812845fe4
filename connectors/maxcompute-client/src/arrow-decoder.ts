import { BatchReader } from './arrow-batch.ts';
import { ArrowDeframer } from './arrow-deframer.ts';
import { type ArrowField, type BatchHead, readHead } from './arrow-message.ts';
import { unpackBatch } from './arrow-packed.ts';
import { PlainFeed } from './arrow-stream.ts';
import { checkArrowType } from './arrow-types.ts';
import { MaxComputeError } from './errors.ts';
import type { DecodedBatch, DecodeLimits } from './record-decoder.ts';
import type { OdpsType } from './types.ts';

/** Marker and length in front of each message. */
const PREFIX_BYTES = 8;
const MARKER = 0xffffffff;
const MOST_HEAD = 64 * 1024 * 1024;
/** Memory for a body is taken before it has come. */
const MOST_BODY = 1024 * 1024 * 1024;

/**
 * Reads the tunnel's Arrow body, which arrives in pieces: `push` each, which gives the batches whose bytes have been
 * checked, and `end`, which gives the rest and insists on the last CRC. A batch is as large as its sender made it.
 * @throws MaxComputeError `MalformedDataStream` or `TruncatedDataStream`
 */
export class ArrowDecoder {
  /** Rows of the batches that were given. */
  rows = 0;
  #types: readonly OdpsType[];
  readonly #fieldBytes: number;
  readonly #deframer: Pick<ArrowDeframer, 'push' | 'end'>;
  readonly #typesOf: ((fields: ArrowField[]) => OdpsType[]) | null;
  #part: 'prefix' | 'head' | 'body' | 'done' = 'prefix';
  #bytes: Buffer = Buffer.allocUnsafeSlow(PREFIX_BYTES);
  #view: DataView = new DataView(this.#bytes.buffer);
  #used = 0;
  #head: BatchHead | null = null;
  /** Batches of which some bytes wait for their chunk's CRC; and those that wait for nothing. */
  #unverified: DecodedBatch[] = [];
  #ready: DecodedBatch[] = [];

  /**
   * @param typesOf for Arrow's own stream, which has no chunks and says itself of which types it is
   * @throws MaxComputeError `UnknownType` for a type that does not travel as Arrow
   */
  constructor(
    types: readonly OdpsType[],
    limits: Pick<DecodeLimits, 'fieldBytes'> = {},
    typesOf: ((fields: ArrowField[]) => OdpsType[]) | null = null,
  ) {
    types.forEach(checkArrowType);
    this.#types = types;
    this.#fieldBytes = limits.fieldBytes ?? Number.POSITIVE_INFINITY;
    this.#typesOf = typesOf;
    const sink = {
      room: () => this.#room(),
      filled: (bytes: number) => this.#filled(bytes),
      verified: () => this.#verified(),
    };
    this.#deframer = typesOf === null ? new ArrowDeframer(sink) : new PlainFeed(sink);
  }

  *push(chunk: Buffer): Generator<DecodedBatch> {
    checked(() => this.#deframer.push(chunk));
    yield* this.#take();
  }

  end(): DecodedBatch[] {
    const whole = this.#used === 0 && (this.#part === 'prefix' || this.#part === 'done');
    if (!whole || !checked(() => this.#deframer.end()))
      throw new MaxComputeError({
        code: 'TruncatedDataStream',
        kind: 'busy',
        message: `The Arrow stream ends too early, after ${this.rows} rows.`,
        hint: 'Read or send it again.',
      });
    this.#verified();
    return [...this.#take()];
  }

  *#take(): Generator<DecodedBatch> {
    const ready = this.#ready;
    this.#ready = [];
    for (const batch of ready) {
      this.rows += batch.rows;
      yield batch;
    }
  }

  #verified(): void {
    this.#ready.push(...this.#unverified);
    this.#unverified = [];
  }

  #room(): { view: DataView; used: number } {
    if (this.#part === 'done') throw new RangeError('bytes after its end');
    return { view: this.#view, used: this.#used };
  }

  #filled(bytes: number): void {
    this.#used += bytes;
    if (this.#used < this.#bytes.length) return;
    if (this.#part === 'prefix') this.#prefix();
    else if (this.#part === 'head') this.#readHead();
    else this.#readBody();
  }

  #prefix(): void {
    const length = this.#bytes.readInt32LE(4);
    if (this.#bytes.readUInt32LE(0) !== MARKER) throw new RangeError('a message does not begin as messages do');
    // Not sent by the service, but it is how Arrow's own streams end.
    if (length === 0) return this.#next('done', PREFIX_BYTES);
    if (length < 0 || length > MOST_HEAD) throw new RangeError(`a head of ${length} bytes`);
    this.#next('head', length);
  }

  #readHead(): void {
    const { head, fields, bodyBytes } = readHead(this.#bytes);
    if (head === null && this.#typesOf !== null) this.#types = this.#typesOf(fields);
    if (bodyBytes > MOST_BODY) throw new RangeError(`a batch of ${bodyBytes} bytes`);
    this.#head = head;
    this.#next('body', bodyBytes);
    if (bodyBytes === 0) this.#readBody();
  }

  #readBody(): void {
    const head = this.#head;
    if (head !== null) {
      const plain = unpackBatch(head, this.#bytes, MOST_BODY);
      const columns = new BatchReader(plain.head, plain.body, this.#fieldBytes).columns(this.#types);
      if (head.rows > 0) this.#unverified.push({ columns, rows: head.rows });
    }
    this.#next('prefix', PREFIX_BYTES);
  }

  #next(part: 'prefix' | 'head' | 'body' | 'done', bytes: number): void {
    this.#part = part;
    // Memory of its own: views of a body go out as columns.
    this.#bytes = Buffer.allocUnsafeSlow(bytes);
    this.#view = new DataView(this.#bytes.buffer);
    this.#used = 0;
  }
}

function checked<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new MaxComputeError({
      code: 'MalformedDataStream',
      kind: 'data',
      message: `The Arrow stream is broken: ${error.message}.`,
      hint: 'Send it again; if it stays, the sender has a defect.',
      cause: error,
    });
  }
}
