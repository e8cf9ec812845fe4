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
