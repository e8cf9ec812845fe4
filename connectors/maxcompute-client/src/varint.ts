/** Varints of the record stream, written without BigInt. Each function returns where what it wrote ends. */

/** An unsigned number below 2^32. */
export function putVarint(out: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest > 127) {
    out[at++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  out[at++] = rest;
  return at;
}

/** A signed 64-bit number, given as its halves, in zigzag form. */
export function putZigzag(out: Uint8Array, start: number, low: number, high: number): number {
  const sign = high >> 31;
  const bottom = ((low << 1) ^ sign) >>> 0;
  const top = (((high << 1) | (low >>> 31)) ^ sign) >>> 0;
  if (top === 0) return putVarint(out, start, bottom);
  out[start] = (bottom & 127) | 128;
  out[start + 1] = ((bottom >>> 7) & 127) | 128;
  out[start + 2] = ((bottom >>> 14) & 127) | 128;
  out[start + 3] = ((bottom >>> 21) & 127) | 128;
  const fifth = (bottom >>> 28) | ((top & 7) << 4);
  const rest = top >>> 3;
  if (rest === 0) {
    out[start + 4] = fifth;
    return start + 5;
  }
  out[start + 4] = fifth | 128;
  return putVarint(out, start + 5, rest);
}
