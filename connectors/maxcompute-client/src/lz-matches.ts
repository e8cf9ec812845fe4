const SLOTS = 14;
const heads = new Int32Array(1 << SLOTS);
/** LZ4 wants no match to begin in the last twelve bytes, and the last five to be literals; Snappy does not mind. */
const LAST_START = 12;
const LAST_LITERALS = 5;

/** Words that a block of this many bytes can need in `into`. */
export const roomForMatches = (bytes: number) => 3 * ((bytes >> 2) + 1);

/**
 * Repetitions in `bytes`, the quick greedy way: triples of literals before it, length (4 or more) and distance.
 * Gives the number of words written. Blocks are at most 64 KiB, so every distance fits 16 bits.
 */
export function findMatches(bytes: Buffer, into: Int32Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const lastStart = bytes.length - LAST_START;
  const end = bytes.length - LAST_LITERALS;
  let anchor = 0;
  let at = 0;
  let misses = 0;
  let count = 0;
  heads.fill(-1);
  while (at < lastStart) {
    const word = view.getInt32(at, true);
    const slot = Math.imul(word, -1_640_531_535) >>> (32 - SLOTS);
    const candidate = heads[slot];
    heads[slot] = at;
    if (candidate < 0 || view.getInt32(candidate, true) !== word) {
      // Where nothing repeats, look ever further ahead.
      at += 1 + (misses++ >> 5);
      continue;
    }
    let length = 4;
    while (at + length < end && bytes[candidate + length] === bytes[at + length]) length++;
    into[count++] = at - anchor;
    into[count++] = length;
    into[count++] = at - candidate;
    at += length;
    anchor = at;
    misses = 0;
  }
  return count;
}

/** Copies a repetition, which may overlap with what it makes. @throws RangeError where it reaches outside */
export function repeat(out: Buffer, at: number, distance: number, length: number): number {
  if (distance === 0 || distance > at || at + length > out.length)
    throw new RangeError('a repetition reaches outside of the data');
  if (distance >= length) out.copyWithin(at, at - distance, at - distance + length);
  else for (let done = 0; done < length; done++) out[at + done] = out[at + done - distance];
  return at + length;
}
