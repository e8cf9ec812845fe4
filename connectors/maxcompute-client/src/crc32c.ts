/** CRC-32C (Castagnoli), sliced: sixteen tables, so that up to sixteen bytes take one step. */
const TABLE = makeTables();

function makeTables(): Int32Array {
  const table = new Int32Array(16 * 256);
  for (let n = 0; n < 256; n++) {
    let crc = n;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    table[n] = crc;
  }
  for (let n = 0; n < 256; n++) {
    for (let slice = 1; slice < 16; slice++) {
      const before = table[(slice - 1) * 256 + n];
      table[slice * 256 + n] = (before >>> 8) ^ table[before & 255];
    }
  }
  return table;
}

/** State of a CRC that has seen nothing. The functions below take and give this raw state; `finish` makes the CRC of it. */
export const START = -1;

/** The CRC as an unsigned number. */
export function finish(state: number): number {
  return ~state >>> 0;
}

/** Takes a 32-bit value, little-endian. */
export function addInt32(state: number, value: number): number {
  const word = state ^ value;
  return (
    TABLE[768 + (word & 255)] ^
    TABLE[512 + ((word >>> 8) & 255)] ^
    TABLE[256 + ((word >>> 16) & 255)] ^
    TABLE[word >>> 24]
  );
}

/** Takes a 64-bit value, little-endian, given as its halves. */
export function addInt64(state: number, low: number, high: number): number {
  const word = state ^ low;
  return (
    TABLE[1792 + (word & 255)] ^
    TABLE[1536 + ((word >>> 8) & 255)] ^
    TABLE[1280 + ((word >>> 16) & 255)] ^
    TABLE[1024 + (word >>> 24)] ^
    TABLE[768 + (high & 255)] ^
    TABLE[512 + ((high >>> 8) & 255)] ^
    TABLE[256 + ((high >>> 16) & 255)] ^
    TABLE[high >>> 24]
  );
}

/** Takes a column's number and its 64-bit value: twelve bytes in one step. */
export function addField64(state: number, number: number, low: number, high: number): number {
  const word = state ^ number;
  return (
    TABLE[2816 + (word & 255)] ^
    TABLE[2560 + ((word >>> 8) & 255)] ^
    TABLE[2304 + ((word >>> 16) & 255)] ^
    TABLE[2048 + (word >>> 24)] ^
    addInt64(0, low, high)
  );
}

export function addByte(state: number, byte: number): number {
  return TABLE[(state ^ byte) & 255] ^ (state >>> 8);
}

export function addBytes(state: number, bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  let crc = state;
  for (; at + 8 <= to; at += 8) {
    const low = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    const high = bytes[at + 4] | (bytes[at + 5] << 8) | (bytes[at + 6] << 16) | (bytes[at + 7] << 24);
    crc = addInt64(crc, low, high);
  }
  for (; at < to; at++) crc = TABLE[(crc ^ bytes[at]) & 255] ^ (crc >>> 8);
  return crc;
}

/**
 * Copies bytes and takes them on the way. One pass over words is more than twice as fast as `set` and a CRC behind it,
 * because most cells are short.
 */
export function copyBytes(
  state: number,
  source: DataView,
  from: number,
  target: DataView,
  at: number,
  length: number,
): number {
  let crc = state;
  let done = 0;
  for (; done + 16 <= length; done += 16) {
    const first = source.getInt32(from + done, true);
    const second = source.getInt32(from + done + 4, true);
    const third = source.getInt32(from + done + 8, true);
    const fourth = source.getInt32(from + done + 12, true);
    target.setInt32(at + done, first, true);
    target.setInt32(at + done + 4, second, true);
    target.setInt32(at + done + 8, third, true);
    target.setInt32(at + done + 12, fourth, true);
    const word = crc ^ first;
    crc =
      TABLE[3840 + (word & 255)] ^
      TABLE[3584 + ((word >>> 8) & 255)] ^
      TABLE[3328 + ((word >>> 16) & 255)] ^
      TABLE[3072 + (word >>> 24)] ^
      addField64(0, second, third, fourth);
  }
  for (; done + 4 <= length; done += 4) {
    const word = source.getInt32(from + done, true);
    target.setInt32(at + done, word, true);
    crc = addInt32(crc, word);
  }
  for (; done < length; done++) {
    const byte = source.getUint8(from + done);
    target.setUint8(at + done, byte);
    crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  }
  return crc;
}

/** The CRC-32C of some bytes. */
export function crc32c(bytes: Uint8Array): number {
  return finish(addBytes(START, bytes, 0, bytes.length));
}

/** What a run of zero bytes does to a state: a linear map of 32 bits, one word for the image of each. */
export type ZeroRun = Int32Array;

export function zeroRun(bytes: number): ZeroRun {
  let power = Int32Array.from({ length: 32 }, (_, bit) => addByte(1 << bit, 0));
  let run = Int32Array.from({ length: 32 }, (_, bit) => 1 << bit);
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) run = run.map((word) => apply(power, word));
    const before = power;
    power = power.map((word) => apply(before, word));
  }
  return run;
}

function apply(run: ZeroRun, word: number): number {
  let image = 0;
  for (let bit = 0; bit < 32; bit++) if ((word >>> bit) & 1) image ^= run[bit];
  return image;
}

/** The state behind both parts, from the states of each alone and the run that is as long as the second. */
export function joined(first: number, second: number, run: ZeroRun): number {
  return apply(run, first ^ START) ^ second;
}
