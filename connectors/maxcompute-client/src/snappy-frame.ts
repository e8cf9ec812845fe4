import { Transform, type TransformCallback } from 'node:stream';
import { crc32c } from './crc32c.ts';
import { SNAPPY_BLOCK_BYTES, snappyPack, snappyUnpack } from './snappy-block.ts';
import { UnitTransform } from './unit-transform.ts';

const IDENTIFIER = Buffer.from('ff060000734e61507059', 'hex');

/** The format's way to keep a CRC from being taken for one of the bytes it stands beside. */
function masked(bytes: Buffer): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Packs into the Snappy framing format. */
export class SnappyPacker extends Transform {
  #begun = false;

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.#begin();
    for (let from = 0; from < chunk.length; from += SNAPPY_BLOCK_BYTES) {
      const bytes = chunk.subarray(from, from + SNAPPY_BLOCK_BYTES);
      const packed = snappyPack(bytes);
      const smaller = packed.length < bytes.length;
      const head = Buffer.alloc(8);
      head[0] = smaller ? 0 : 1;
      head.writeUIntLE(4 + (smaller ? packed : bytes).length, 1, 3);
      head.writeUInt32LE(masked(bytes), 4);
      this.push(head);
      // A copy: the writer may use its chunk again.
      this.push(smaller ? packed : Buffer.from(bytes));
    }
    done();
  }

  override _flush(done: TransformCallback): void {
    this.#begin();
    done();
  }

  #begin(): void {
    if (!this.#begun) this.push(IDENTIFIER);
    this.#begun = true;
  }
}

/** Unpacks the Snappy framing format, and checks its CRCs. */
export class SnappyUnpacker extends UnitTransform {
  #identified = false;

  protected unit(bytes: Buffer): number {
    if (bytes.length < 4) return -4;
    const kind = bytes[0];
    const size = bytes.readUIntLE(1, 3);
    if (bytes.length < 4 + size) return -(4 + size);
    const body = bytes.subarray(4, 4 + size);
    if (kind === 255) {
      if (!IDENTIFIER.equals(bytes.subarray(0, 4 + size))) throw new RangeError('this is no Snappy stream');
      this.#identified = true;
    } else if (!this.#identified) throw new RangeError('this is no Snappy stream');
    else if (kind < 2) this.#data(kind, body);
    else if (kind < 128) throw new RangeError(`a Snappy chunk of the unknown kind ${kind}`);
    return 4 + size;
  }

  protected whole(): boolean {
    return this.#identified;
  }

  #data(kind: number, body: Buffer): void {
    if (body.length < 4) throw new RangeError('a Snappy chunk without its CRC');
    const plain = kind === 0 ? snappyUnpack(body.subarray(4), SNAPPY_BLOCK_BYTES) : Buffer.from(body.subarray(4));
    if (masked(plain) !== body.readUInt32LE(0)) throw new RangeError('the CRC of a Snappy chunk is wrong');
    this.push(plain);
  }
}
