import { copyBytes, finish, joined, START, type ZeroRun, zeroRun } from './crc32c.ts';

/** More than any server's chunks; above it is garbage. */
const MOST_CHUNK = 256 * 1024 * 1024;
const CRC_BYTES = 4;

/** Where the payload goes: it is copied and its CRC taken in one pass. */
export interface PayloadSink {
  /** Room for the bytes that come next; `used` of them are filled already. @throws RangeError */
  room(): { view: DataView; used: number };
  /** Bytes were put there. */
  filled(bytes: number): void;
  /** All that was put so far is checked. */
  verified(): void;
}

/**
 * Takes the tunnel's chunks off an Arrow body. The last four bytes may always be the last CRC, so that many are held back
 * until there are more.
 */
export class ArrowDeframer {
  readonly #sink: PayloadSink;
  #rest: Buffer = Buffer.alloc(0);
  #chunk = -1;
  #run: ZeroRun = zeroRun(0);
  #taken = 0;
  #crc = START;
  #whole = START;

  constructor(sink: PayloadSink) {
    this.#sink = sink;
  }

  /** @throws RangeError */
  push(piece: Buffer): void {
    let from = 0;
    if (this.#rest.length > 0) {
      // What was held back, with as much as it takes to go on in the piece itself: nothing large is copied to be joined.
      const head = piece.subarray(0, CRC_BYTES);
      const seam = Buffer.concat([this.#rest, head]);
      const left = seam.length - this.#read(seam);
      if (left > head.length || head.length === piece.length) {
        this.#rest = Buffer.from(seam.subarray(seam.length - left));
        if (head.length === piece.length) return;
        return this.push(piece.subarray(head.length));
      }
      from = head.length - left;
    }
    const bytes = piece.subarray(from);
    this.#rest = Buffer.from(bytes.subarray(this.#read(bytes)));
  }

  /** Takes what can be taken; gives how many bytes that were. */
  #read(bytes: Buffer): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = 0;
    if (this.#chunk < 0 && bytes.length >= CRC_BYTES) {
      this.#begin(view.getUint32(0));
      at = CRC_BYTES;
    }
    while (this.#chunk >= 0 && bytes.length - at > CRC_BYTES) {
      if (this.#chunk === 0) throw new RangeError('chunks of no bytes');
      const length = Math.min(this.#chunk - this.#taken, bytes.length - at - CRC_BYTES);
      this.#put(view, at, length);
      at += length;
      if (this.#taken < this.#chunk) break;
      this.#close(view.getUint32(at));
      at += CRC_BYTES;
    }
    return at;
  }

  /** The end of the body: false where it is cut. @throws RangeError where the last CRC is wrong */
  end(): boolean {
    // Four bytes alone are the CRC of nothing, without a size of chunks.
    if (this.#chunk === 0 && this.#rest.length === 0) return true;
    if (this.#chunk <= 0 || this.#rest.length !== CRC_BYTES) return false;
    const crc = finish(joined(this.#whole, this.#crc, zeroRun(this.#taken)));
    if (this.#rest.readUInt32BE(0) !== crc) throw new RangeError('the last CRC is wrong');
    return true;
  }

  #begin(chunk: number): void {
    if (chunk > MOST_CHUNK) throw new RangeError(`chunks of ${chunk} bytes`);
    this.#chunk = chunk;
    this.#run = zeroRun(chunk);
  }

  #put(source: DataView, from: number, length: number): void {
    for (let done = 0; done < length; ) {
      const { view, used } = this.#sink.room();
      const part = Math.min(view.byteLength - used, length - done);
      this.#crc = copyBytes(this.#crc, source, from + done, view, used, part);
      done += part;
      this.#taken += part;
      this.#sink.filled(part);
    }
  }

  #close(crc: number): void {
    if (finish(this.#crc) !== crc) throw new RangeError('the CRC of a chunk is wrong');
    this.#whole = joined(this.#whole, this.#crc, this.#run);
    this.#crc = START;
    this.#taken = 0;
    this.#sink.verified();
  }
}
