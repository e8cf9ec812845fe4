/** A growing buffer that cells are printed into: no string or object for each of them. */
export interface Out {
  bytes: Buffer;
  at: number;
}

export function newOut(size: number): Out {
  return { bytes: Buffer.allocUnsafeSlow(size), at: 0 };
}

/** Makes sure that `more` bytes fit. */
export function room(out: Out, more: number): void {
  const need = out.at + more;
  if (need <= out.bytes.length) return;
  const grown = Buffer.allocUnsafeSlow(Math.max(need, out.bytes.length * 2));
  out.bytes.copy(grown, 0, 0, out.at);
  out.bytes = grown;
}

const PAIRS = Buffer.from(Array.from({ length: 100 }, (_, n) => String(n).padStart(2, '0')).join(''), 'latin1');

/** Exactly `width` digits of a whole number below 10^9. The buffer must have room, as for all `put` functions. */
export function putPadded(out: Out, value: number, width: number): void {
  const { bytes } = out;
  let n = value | 0;
  let at = out.at + width;
  out.at = at;
  for (let left = width; left >= 2; left -= 2) {
    const q = (n / 100) | 0;
    const pair = (n - q * 100) << 1;
    bytes[--at] = PAIRS[pair + 1];
    bytes[--at] = PAIRS[pair];
    n = q;
  }
  if (width & 1) bytes[--at] = 48 + (n % 10);
}

function widthOf(n: number): number {
  if (n < 10_000) return n < 100 ? (n < 10 ? 1 : 2) : n < 1_000 ? 3 : 4;
  if (n < 1_000_000) return n < 100_000 ? 5 : 6;
  return n < 10_000_000 ? 7 : n < 100_000_000 ? 8 : 9;
}

/** A whole number from 0 to 2^53. */
export function putWhole(out: Out, value: number): void {
  if (value < 1e9) putPadded(out, value, widthOf(value));
  else {
    const high = Math.floor(value / 1e9);
    putWhole(out, high);
    putPadded(out, value - high * 1e9, 9);
  }
}

export function putInteger(out: Out, value: number): void {
  if (value < 0) out.bytes[out.at++] = 45;
  putWhole(out, Math.abs(value));
}

/** An unsigned number in two halves, each 0…2^32-1. */
export function putUnsigned64(out: Out, low: number, high: number): void {
  if (high < 0x20_0000) {
    putWhole(out, high * 0x1_0000_0000 + low);
    return;
  }
  // Long division by 10^9 in steps of 16 bits, which stay exact in a double.
  let rest = high % 1e9;
  let quotient = Math.floor(high / 1e9) * 0x1_0000_0000;
  let step = rest * 65_536 + (low >>> 16);
  let q = Math.floor(step / 1e9);
  quotient += q * 65_536;
  rest = step - q * 1e9;
  step = rest * 65_536 + (low & 0xffff);
  q = Math.floor(step / 1e9);
  putWhole(out, quotient + q);
  putPadded(out, step - q * 1e9, 9);
}

/** A signed number in two halves: the high one signed, the low one 0…2^32-1. */
export function putSigned64(out: Out, low: number, high: number): void {
  if (high >= 0) putUnsigned64(out, low, high);
  else {
    out.bytes[out.at++] = 45;
    const negated = (~low + 1) >>> 0;
    putUnsigned64(out, negated, (~high + (negated === 0 ? 1 : 0)) >>> 0);
  }
}

const POWERS = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];

/** The shortest text that reads back as the same double. Needs 32 bytes of room. */
export function putDouble(out: Out, value: number): void {
  const negative = value < 0 || Object.is(value, -0);
  const size = Math.abs(value);
  if (negative) out.bytes[out.at++] = 45;
  const digits = size < 1e9 ? shortDigits(size) : -1;
  if (digits < 0) out.at += out.bytes.write(String(size), out.at, 'latin1');
  else putScaled(out, Math.round(size * POWERS[digits]), digits);
}

/** How many digits behind the point are enough, if six are; else -1. */
function shortDigits(size: number): number {
  for (let k = 0; k <= 6; k++) {
    const scaled = size * POWERS[k];
    // scaled / 10^k is rounded as the server rounds the decimal text: equality proves that the text reads back.
    if (Number.isInteger(scaled) && scaled / POWERS[k] === size) return k;
  }
  return -1;
}

function putScaled(out: Out, scaled: number, digits: number): void {
  const whole = Math.floor(scaled / POWERS[digits]);
  putWhole(out, whole);
  if (digits === 0) return;
  out.bytes[out.at++] = 46;
  putPadded(out, scaled - whole * POWERS[digits], digits);
}

/** `YYYY-MM-DD` of days since 1970-01-01; years 0 to 9999 only. Gregorian throughout, as MySQL counts. */
export function putDate(out: Out, days: number): void {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const day = shifted - era * 146_097;
  const yearOfEra = ((day - ((day / 1_460) | 0) + ((day / 36_524) | 0) - ((day / 146_096) | 0)) / 365) | 0;
  const dayOfYear = day - (365 * yearOfEra + (yearOfEra >> 2) - ((yearOfEra / 100) | 0));
  const month = ((5 * dayOfYear + 2) / 153) | 0;
  const { bytes } = out;
  putPadded(out, yearOfEra + era * 400 + (month >= 10 ? 1 : 0), 4);
  bytes[out.at++] = 45;
  putPadded(out, month < 10 ? month + 3 : month - 9, 2);
  bytes[out.at++] = 45;
  putPadded(out, dayOfYear - (((153 * month + 2) / 5) | 0) + 1, 2);
}
