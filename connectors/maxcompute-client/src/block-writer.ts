import type { ClientRequest, IncomingHttpHeaders } from 'node:http';
import type { Writable } from 'node:stream';
import { type BodyEncoder, type BodyFormat, openEncoder } from './body-format.ts';
import type { ColumnData } from './columns.ts';
import { type Compression, packer } from './compression.ts';
import { MaxComputeError } from './errors.ts';
import { type Http, text, toldBy } from './http.ts';
import { networkError } from './network-error.ts';
import { refuseOldDates } from './old-dates.ts';
import type { OdpsColumn } from './types.ts';

/** Buffers kept for the next batches. Two: one is on its way while the other is filled. */
const SPARES = 2;

/** One block, in one streamed PUT. Repeat it whole, under the same id, where it fails: the last success wins. */
export class BlockWriter {
  rows = 0;
  /** Bytes of the body, before any compression. */
  bytes = 0;
  readonly #http: Http;
  readonly #encoder: BodyEncoder;
  /** The columns, where dates before 1900 would be changed on the way. */
  readonly #dated: readonly OdpsColumn[] | null;
  readonly #request: ClientRequest;
  readonly #sink: Writable;
  readonly #spares: Buffer[] = [];
  readonly #answered: Promise<void>;
  #failure: Error | null = null;
  #ended = false;
  /** Lets go of a write that waits for the network. */
  #wake: () => void = () => {};

  constructor(
    http: Http,
    request: ClientRequest,
    columns: readonly OdpsColumn[],
    compression: Compression,
    format: BodyFormat = 'records',
    refuseOld = false,
  ) {
    this.#http = http;
    this.#dated = refuseOld ? columns : null;
    this.#encoder = openEncoder(
      format,
      columns.map((column) => column.type),
    );
    this.#request = request;
    const packing = packer(compression);
    packing?.pipe(request);
    this.#sink = packing ?? request;
    request.setNoDelay(true);
    this.#sink.on('drain', () => this.#wake());
    this.#answered = this.#await().then(
      (headers) => {
        if (!this.#ended) this.#failure = toldBy(earlyAnswer(), headers);
        this.#wake();
      },
      (error: Error) => {
        this.#failure = error;
        this.#sink.destroy();
        this.#wake();
      },
    );
  }

  /** The service's verdict. It may come before the body is whole: then it is a refusal. */
  async #await(): Promise<IncomingHttpHeaders> {
    const response = await this.#http.answer(this.#request);
    const status = response.statusCode ?? 0;
    const body = await text(response);
    if (status < 200 || status >= 300) throw this.#http.refusal(status, body, response.headers, this.#request);
    return response.headers;
  }

  /** Columns in the order of the session's schema. Awaiting it is the back-pressure of the network. */
  async write(columns: readonly ColumnData[], rows: number): Promise<void> {
    this.#check();
    if (rows === 0) return;
    if (this.#dated !== null) refuseOldDates(this.#dated, columns, rows);
    const bytes = this.#encoder.encode(columns, rows, this.#spares.pop());
    this.rows += rows;
    this.bytes += bytes.length;
    const whole = Buffer.from(bytes.buffer);
    const taken = this.#sink.write(bytes, (error) => {
      if (!error && this.#spares.length < SPARES) this.#spares.push(whole);
    });
    if (!taken) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (!this.#sink.writableNeedDrain || this.#failure !== null) resolve();
      });
    }
    this.#check();
  }

  /**
   * Sends the trailer and waits until the service has taken the block.
   * @throws MaxComputeError; the block does not count then, or is not known to
   */
  async finish(): Promise<{ rows: number; bytes: number }> {
    this.#check();
    const end = this.#encoder.end();
    this.bytes += end.length;
    this.#ended = true;
    this.#sink.end(end);
    await this.#answered;
    this.#check();
    return { rows: this.rows, bytes: this.bytes };
  }

  /** Breaks the request off: the service drops what it has of the block. */
  abort(): void {
    this.#sink.destroy();
    this.#request.destroy();
  }

  #check(): void {
    if (this.#failure !== null) throw networkError(this.#failure);
  }
}

function earlyAnswer(): MaxComputeError {
  return new MaxComputeError({
    code: 'UnexpectedAnswer',
    kind: 'busy',
    message: 'The service answered before the block was whole.',
    hint: 'Send the block again.',
  });
}
