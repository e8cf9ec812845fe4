import { Transform, type TransformCallback } from 'node:stream';
import { LZ4_BLOCK_BYTES, lz4Pack, lz4Unpack } from './lz4-block.ts';
import { UnitTransform } from './unit-transform.ts';
import { XxHash32, xxHash32 } from './xxhash32.ts';

const MAGIC = 0x184d2204;
const RAW = 0x80000000;
const WINDOW = 65_536;
/** Version 1, blocks of at most 64 KiB that stand for themselves: the Java SDK refuses linked ones. */
const HEADER = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);

/** Packs into one LZ4 frame. */
export class Lz4Packer extends Transform {
  #begun = false;

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.#begin();
    for (let from = 0; from < chunk.length; from += LZ4_BLOCK_BYTES) {
      const bytes = chunk.subarray(from, from + LZ4_BLOCK_BYTES);
      const packed = lz4Pack(bytes);
      const size = Buffer.alloc(4);
      size.writeUInt32LE(packed === null ? bytes.length + RAW : packed.length);
      this.push(size);
      // A copy: the writer may use its chunk again.
      this.push(packed ?? Buffer.from(bytes));
    }
    done();
  }

  override _flush(done: TransformCallback): void {
    this.#begin();
    this.push(Buffer.alloc(4));
    done();
  }

  #begin(): void {
    if (!this.#begun) this.push(HEADER);
    this.#begun = true;
  }
}

interface Frame {
  linked: boolean;
  blockSums: boolean;
  contentSum: XxHash32 | null;
  most: number;
}

/** Unpacks LZ4 frames, and checks what checksums they have. */
export class Lz4Unpacker extends UnitTransform {
  #frame: Frame | null = null;
  #frames = 0;
  /** What linked blocks may refer to. */
  #window: Buffer = Buffer.alloc(0);

  protected unit(bytes: Buffer): number {
    return this.#frame === null ? this.#header(bytes) : this.#block(bytes, this.#frame);
  }

  protected whole(): boolean {
    return this.#frame === null && this.#frames > 0;
  }

  protected give(plain: Buffer): void {
    this.push(plain);
  }

  #header(bytes: Buffer): number {
    if (bytes.length < 7) return -7;
    if (bytes.readUInt32LE(0) !== MAGIC) throw new RangeError('this is no LZ4 frame');
    const flags = bytes[4];
    if (flags >> 6 !== 1 || (flags & 1) !== 0)
      throw new RangeError('an LZ4 frame of an unknown version or with a dictionary');
    const length = 7 + ((flags & 8) !== 0 ? 8 : 0);
    if (bytes.length < length) return -length;
    const size = (bytes[5] >> 4) & 7;
    if (size < 4 || ((xxHash32(bytes.subarray(4, length - 1)) >>> 8) & 255) !== bytes[length - 1])
      throw new RangeError('the head of an LZ4 frame is wrong');
    this.#frame = {
      linked: (flags & 32) === 0,
      blockSums: (flags & 16) !== 0,
      contentSum: (flags & 4) !== 0 ? new XxHash32() : null,
      most: 1 << (8 + 2 * size),
    };
    this.#frames++;
    this.#window = Buffer.alloc(0);
    return length;
  }

  #block(bytes: Buffer, frame: Frame): number {
    if (bytes.length < 4) return -4;
    const word = bytes.readUInt32LE(0);
    if (word === 0) return this.#end(bytes, frame);
    const size = word & ~RAW;
    if (size > frame.most) throw new RangeError(`an LZ4 block of ${size} bytes`);
    const length = 4 + size + (frame.blockSums ? 4 : 0);
    if (bytes.length < length) return -length;
    const block = bytes.subarray(4, 4 + size);
    if (frame.blockSums && xxHash32(block) !== bytes.readUInt32LE(4 + size))
      throw new RangeError('the checksum of an LZ4 block is wrong');
    const plain = word >= RAW ? Buffer.from(block) : this.#unpacked(block, frame);
    if (frame.linked) this.#window = Buffer.concat([this.#window, plain]).subarray(-WINDOW);
    frame.contentSum?.add(plain);
    this.give(plain);
    return length;
  }

  #unpacked(block: Buffer, frame: Frame): Buffer {
    const before = this.#window.length;
    const out = Buffer.allocUnsafe(before + frame.most);
    this.#window.copy(out);
    return out.subarray(before, lz4Unpack(block, out, before));
  }

  #end(bytes: Buffer, frame: Frame): number {
    const length = frame.contentSum === null ? 4 : 8;
    if (bytes.length < length) return -length;
    if (frame.contentSum !== null && frame.contentSum.value() !== bytes.readUInt32LE(4))
      throw new RangeError('the checksum of an LZ4 frame is wrong');
    this.#frame = null;
    return length;
  }
}

/** Unpacks frames that are there already. */
class Lz4Collector extends Lz4Unpacker {
  readonly #parts: Buffer[] = [];

  protected override give(plain: Buffer): void {
    this.#parts.push(plain);
  }

  unpack(bytes: Buffer): Buffer {
    for (let at = 0; at < bytes.length; ) {
      const took = this.unit(bytes.subarray(at));
      if (took <= 0) throw new RangeError('an LZ4 frame ends in its middle');
      at += took;
    }
    if (!this.whole()) throw new RangeError('an LZ4 frame ends in its middle');
    return Buffer.concat(this.#parts);
  }
}

/** The content of whole LZ4 frames. @throws RangeError */
export const lz4UnpackFrame = (bytes: Buffer): Buffer => new Lz4Collector().unpack(bytes);
