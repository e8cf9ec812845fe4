import { copyBytes, finish, joined, START, type ZeroRun, zeroRun } from './crc32c.ts';

export const CHUNK_BYTES = 65_536;

/** Cuts an Arrow payload into chunks with a CRC behind each, as the tunnel wants it. One framer makes one body. */
export class ArrowFramer {
  readonly #chunk: number;
  readonly #run: ZeroRun;
  #out: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #at = 0;
  /** Bytes of the chunk that is being filled, and the CRC's state over them. */
  #filled = 0;
  #crc = START;
  /** The CRC's state over all chunks before it. */
  #whole = START;
  #begun = false;

  constructor(chunkBytes: number = CHUNK_BYTES) {
    this.#chunk = chunkBytes;
    this.#run = zeroRun(chunkBytes);
  }

  /** Makes room for this many bytes of payload, in `into` where that is large enough. */
  open(bytes: number, into?: Buffer): void {
    const room = 4 + bytes + 4 * (Math.floor((this.#filled + bytes) / this.#chunk) + 1);
    this.#out = into !== undefined && into.length >= room ? into : Buffer.allocUnsafeSlow(room);
    this.#view = new DataView(this.#out.buffer, this.#out.byteOffset, this.#out.length);
    this.#at = 0;
    if (this.#begun) return;
    this.#begun = true;
    this.#view.setUint32(0, this.#chunk);
    this.#at = 4;
  }

  put(bytes: Uint8Array): void {
    const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let from = 0; from < bytes.length; ) {
      const length = Math.min(this.#chunk - this.#filled, bytes.length - from);
      this.#crc = copyBytes(this.#crc, source, from, this.#view, this.#at, length);
      this.#at += length;
      this.#filled += length;
      from += length;
      if (this.#filled === this.#chunk) this.#close();
    }
  }

  /** The framed bytes since `open`. */
  take(): Buffer {
    return this.#out.subarray(0, this.#at);
  }

  /** The CRC of all of the payload. Where there is none it stands alone, without the size of chunks. */
  end(): Buffer {
    const out = Buffer.alloc(4);
    out.writeUInt32BE(finish(joined(this.#whole, this.#crc, zeroRun(this.#filled))));
    return out;
  }

  #close(): void {
    this.#view.setUint32(this.#at, finish(this.#crc));
    this.#at += 4;
    this.#whole = joined(this.#whole, this.#crc, this.#run);
    this.#crc = START;
    this.#filled = 0;
  }
}

/** Leaves a payload as it is. */
export class PlainFramer {
  #out: Buffer = Buffer.alloc(0);
  #at = 0;

  open(bytes: number, into?: Buffer): void {
    this.#out = into !== undefined && into.length >= bytes ? into : Buffer.allocUnsafeSlow(bytes);
    this.#at = 0;
  }

  put(bytes: Uint8Array): void {
    this.#out.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  take(): Buffer {
    return this.#out.subarray(0, this.#at);
  }

  end(): Buffer {
    return Buffer.alloc(0);
  }
}
