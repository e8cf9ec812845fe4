/** Told by readers where the bytes so far end inside a value: how far they must reach before it is worth looking again. */
export class NeedMore extends Error {
  until: number;

  constructor(until: number) {
    super();
    this.until = until;
  }
}

// One for all: it is a signal, and making one for each chunk would cost a stack trace each.
const needMore = new NeedMore(0);

function short(until: number): NeedMore {
  needMore.until = until;
  return needMore;
}

/**
 * The bytes that are being read, and the place in them. Numbers of 64 bits are left in `low` and `high`: no object and
 * no BigInt for each of them.
 */
export class RecordInput {
  bytes: Buffer = Buffer.alloc(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  at = 0;
  low = 0;
  high = 0;

  open(bytes: Buffer): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.at = 0;
  }

  /** Steps over bytes; returns where they begin. @throws NeedMore */
  step(length: number): number {
    const from = this.at;
    if (from + length > this.bytes.length) throw short(from + length);
    this.at = from + length;
    return from;
  }

  /** An unsigned varint of 32 bits. @throws NeedMore @throws RangeError */
  varint32(): number {
    const { bytes } = this;
    let at = this.at;
    if (at < bytes.length && bytes[at] < 128) {
      this.at = at + 1;
      return bytes[at];
    }
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (at >= bytes.length) throw short(at + 1);
      const byte = bytes[at++];
      if (shift < 28) value |= (byte & 127) << shift;
      else if (byte < 16) value = (value >>> 0) + byte * 268_435_456;
      else break;
      if (byte < 128) {
        this.at = at;
        return value;
      }
    }
    throw new RangeError('a varint is longer than 32 bits');
  }

  /** A CRC. Some writers (pyodps, compiled) sign-extend it to 64 bits, which a reader of 32-bit varints cuts off. */
  checksum(): number {
    const { bytes } = this;
    let at = this.at;
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= bytes.length) throw short(at + 1);
      const byte = bytes[at++];
      if (shift < 28) value += (byte & 127) << shift;
      else if (shift === 28) value += (byte & 15) * 268_435_456;
      if (byte < 128) {
        this.at = at;
        return value;
      }
    }
    throw new RangeError('a CRC is too long');
  }

  /** A zigzag varint of 64 bits, left in `low` and `high`, both signed. @throws NeedMore @throws RangeError */
  zigzag(): void {
    const { bytes, at } = this;
    // Four bytes hold most numbers; no loop then.
    if (at + 4 <= bytes.length) {
      const first = bytes[at];
      if (first < 128) return this.#short(first, at + 1);
      const second = (first & 127) | (bytes[at + 1] << 7);
      if (second < 16_384) return this.#short(second, at + 2);
      const third = (second & 16_383) | (bytes[at + 2] << 14);
      if (third < 2_097_152) return this.#short(third, at + 3);
      const fourth = (third & 2_097_151) | (bytes[at + 3] << 21);
      if (fourth < 268_435_456) return this.#short(fourth, at + 4);
    }
    this.#long();
  }

  #short(value: number, end: number): void {
    this.at = end;
    const sign = -(value & 1);
    this.low = (value >>> 1) ^ sign;
    this.high = sign;
  }

  #long(): void {
    const { bytes } = this;
    let at = this.at;
    let bottom = 0;
    let top = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= bytes.length) throw short(at + 1);
      const byte = bytes[at++];
      if (shift < 28) bottom |= (byte & 127) << shift;
      else if (shift === 28) {
        bottom |= (byte & 15) << 28;
        top = (byte & 127) >>> 4;
      } else if (shift < 63 || byte < 2) top |= (byte & 127) << (shift - 32);
      else break;
      if (byte < 128) {
        this.at = at;
        const sign = -(bottom & 1);
        this.low = ((bottom >>> 1) | (top << 31)) ^ sign;
        this.high = (top >>> 1) ^ sign;
        return;
      }
    }
    throw new RangeError('a varint is longer than 64 bits');
  }

  /** The 64-bit value as a number, exact within 53 bits. */
  get number(): number {
    return this.high * 4_294_967_296 + (this.low >>> 0);
  }
}
