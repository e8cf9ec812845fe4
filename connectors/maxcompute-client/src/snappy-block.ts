import { findMatches, repeat, roomForMatches } from './lz-matches.ts';
import { putVarint } from './varint.ts';

export const SNAPPY_BLOCK_BYTES = 65_536;
const matches = new Int32Array(roomForMatches(SNAPPY_BLOCK_BYTES));
const LONGEST_COPY = 64;

/** Packs at most 64 KiB, by the raw Snappy format. */
export function snappyPack(bytes: Buffer): Buffer {
  const count = findMatches(bytes, matches);
  const out = Buffer.allocUnsafe(32 + bytes.length + Math.ceil(bytes.length / 6));
  let at = putVarint(out, 0, bytes.length);
  let from = 0;
  for (let index = 0; index < count; index += 3) {
    at = putLiterals(out, at, bytes, from, matches[index]);
    at = putCopies(out, at, matches[index + 2], matches[index + 1]);
    from += matches[index] + matches[index + 1];
  }
  return out.subarray(0, putLiterals(out, at, bytes, from, bytes.length - from));
}

function putLiterals(out: Buffer, start: number, bytes: Buffer, from: number, length: number): number {
  if (length === 0) return start;
  let at = start;
  const last = length - 1;
  if (last < 60) out[at++] = last << 2;
  else if (last < 256) {
    out[at++] = 60 << 2;
    out[at++] = last;
  } else {
    out[at++] = 61 << 2;
    out[at++] = last & 255;
    out[at++] = last >> 8;
  }
  bytes.copy(out, at, from, from + length);
  return at + length;
}

function putCopies(out: Buffer, start: number, distance: number, length: number): number {
  let at = start;
  for (let rest = length; rest > 0; ) {
    const part = Math.min(rest, LONGEST_COPY);
    out[at++] = ((part - 1) << 2) | 2;
    out[at++] = distance & 255;
    out[at++] = distance >> 8;
    rest -= part;
  }
  return at;
}

/** Unpacks raw Snappy of at most `most` bytes. @throws RangeError */
export function snappyUnpack(block: Buffer, most: number): Buffer {
  let from = 0;
  const next = (bytes: number): number => {
    if (from + bytes > block.length) throw new RangeError('a block ends too early');
    const value = block.readUIntLE(from, bytes);
    from += bytes;
    return value;
  };
  let size = 0;
  for (let shift = 0, byte = 128; byte > 127; shift += 7) {
    byte = next(1);
    size += (byte & 127) * 2 ** shift;
    if (size > most) throw new RangeError(`a block says it holds more than ${most} bytes`);
  }
  const out = Buffer.allocUnsafe(size);
  let at = 0;
  while (from < block.length) {
    const tag = next(1);
    const code = tag >> 2;
    if ((tag & 3) === 0) {
      const length = (code < 60 ? code : next(code - 59)) + 1;
      if (from + length > block.length || at + length > size)
        throw new RangeError('literals reach outside of the data');
      block.copy(out, at, from, from + length);
      at += length;
      from += length;
    } else if ((tag & 3) === 1) at = repeat(out, at, ((tag >> 5) << 8) | next(1), (code & 7) + 4);
    else at = repeat(out, at, next((tag & 3) === 2 ? 2 : 4), code + 1);
  }
  if (at !== size) throw new RangeError('a block holds other than it says');
  return out;
}
