const P1 = 0x9e3779b1 | 0;
const P2 = 0x85ebca77 | 0;
const P3 = 0xc2b2ae3d | 0;
const P4 = 0x27d4eb2f | 0;
const P5 = 0x165667b1 | 0;

const turned = (value: number, by: number) => (value << by) | (value >>> (32 - by));

/** xxHash of 32 bits with seed 0, the checksum of LZ4 frames, over bytes that come in pieces. */
export class XxHash32 {
  readonly #lanes = Int32Array.of((P1 + P2) | 0, P2, 0, -P1 | 0);
  #rest: Buffer = Buffer.alloc(0);
  #length = 0;

  add(piece: Buffer): void {
    this.#length += piece.length;
    const bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    let at = 0;
    for (; at + 16 <= bytes.length; at += 16) {
      for (let lane = 0; lane < 4; lane++) {
        const mixed = this.#lanes[lane] + Math.imul(bytes.readInt32LE(at + 4 * lane), P2);
        this.#lanes[lane] = Math.imul(turned(mixed | 0, 13), P1);
      }
    }
    this.#rest = Buffer.from(bytes.subarray(at));
  }

  /** The hash as an unsigned number. */
  value(): number {
    const [a, b, c, d] = this.#lanes;
    let hash = this.#length >= 16 ? turned(a, 1) + turned(b, 7) + turned(c, 12) + turned(d, 18) : P5;
    hash = (hash + this.#length) | 0;
    let at = 0;
    for (; at + 4 <= this.#rest.length; at += 4)
      hash = Math.imul(turned((hash + Math.imul(this.#rest.readInt32LE(at), P3)) | 0, 17), P4);
    for (; at < this.#rest.length; at++) hash = Math.imul(turned((hash + Math.imul(this.#rest[at], P5)) | 0, 11), P1);
    hash = Math.imul(hash ^ (hash >>> 15), P2);
    hash = Math.imul(hash ^ (hash >>> 13), P3);
    return (hash ^ (hash >>> 16)) >>> 0;
  }
}

export function xxHash32(bytes: Buffer): number {
  const hash = new XxHash32();
  hash.add(bytes);
  return hash.value();
}
