import { findMatches, repeat, roomForMatches } from './lz-matches.ts';

export const LZ4_BLOCK_BYTES = 65_536;
const matches = new Int32Array(roomForMatches(LZ4_BLOCK_BYTES));

/** Packs at most 64 KiB, by the LZ4 block format; null where that would not make it smaller. */
export function lz4Pack(bytes: Buffer): Buffer | null {
  const count = findMatches(bytes, matches);
  const out = Buffer.allocUnsafe(bytes.length + (bytes.length >> 7) + 32);
  let from = 0;
  let at = 0;
  for (let index = 0; index < count; index += 3) {
    const literals = matches[index];
    const length = matches[index + 1] - 4;
    out[at++] = (Math.min(literals, 15) << 4) | Math.min(length, 15);
    at = putLength(out, at, literals);
    bytes.copy(out, at, from, from + literals);
    at += literals;
    out[at++] = matches[index + 2] & 255;
    out[at++] = matches[index + 2] >> 8;
    at = putLength(out, at, length);
    from += literals + length + 4;
  }
  const literals = bytes.length - from;
  out[at++] = Math.min(literals, 15) << 4;
  at = putLength(out, at, literals);
  if (at + literals >= bytes.length) return null;
  bytes.copy(out, at, from);
  return out.subarray(0, at + literals);
}

function putLength(out: Buffer, start: number, length: number): number {
  if (length < 15) return start;
  let at = start;
  let rest = length - 15;
  for (; rest >= 255; rest -= 255) out[at++] = 255;
  out[at++] = rest;
  return at;
}

/** Unpacks a block behind the `start` bytes of `out`, to which it may refer; gives the end. @throws RangeError */
export function lz4Unpack(block: Buffer, out: Buffer, start: number): number {
  let at = start;
  let from = 0;
  const lengthOf = (first: number): number => {
    let length = first;
    if (first < 15) return length;
    for (;;) {
      const more = byteAt(block, from++);
      length += more;
      if (more < 255) return length;
    }
  };
  for (;;) {
    const token = byteAt(block, from++);
    const literals = lengthOf(token >> 4);
    if (from + literals > block.length || at + literals > out.length)
      throw new RangeError('literals reach outside of the data');
    block.copy(out, at, from, from + literals);
    at += literals;
    from += literals;
    if (from === block.length) return at;
    const distance = byteAt(block, from) | (byteAt(block, from + 1) << 8);
    from += 2;
    at = repeat(out, at, distance, lengthOf(token & 15) + 4);
  }
}

function byteAt(block: Buffer, at: number): number {
  if (at >= block.length) throw new RangeError('a block ends too early');
  return block[at];
}
