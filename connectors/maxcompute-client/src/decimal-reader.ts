const LIMBS = 4;

const POWERS = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];
const GROUP = 6;

/**
 * Reads the text of decimals into their unscaled value, digit by digit, exact: no BigInt and no object per value.
 * Four 32-bit limbs, little end first, in two's complement.
 */
export class DecimalReader {
  readonly limbs = new Uint32Array(LIMBS);
  readonly #precision: number;
  readonly #scale: number;
  #group = 0;
  #grouped = 0;
  #digits = 0;

  constructor(precision: number, scale: number) {
    this.#precision = precision;
    this.#scale = scale;
  }

  /** False where the text is no number, or does not fit without losing digits. */
  read(bytes: Uint8Array, from: number, to: number): boolean {
    this.#reset();
    let at = from;
    const negative = bytes[at] === 0x2d;
    if (negative || bytes[at] === 0x2b) at++;
    let seen = 0;
    let fraction = -1;
    for (; at < to; at++) {
      const digit = bytes[at] - 0x30;
      if (digit >= 0 && digit <= 9) {
        seen++;
        if (fraction >= 0) fraction++;
        if (fraction > this.#scale) {
          if (digit !== 0) return false;
        } else this.#digit(digit);
      } else if (bytes[at] === 0x2e && fraction < 0) fraction = 0;
      else if ((bytes[at] | 0x20) === 0x65 && seen > 0) return this.#exponent(bytes, from, to);
      else return false;
    }
    for (let pad = Math.max(fraction, 0); pad < this.#scale; pad++) this.#digit(0);
    return seen > 0 && this.#finish(negative);
  }

  /** Rare: `1E+3` is legal when reading. It is written out plainly and read again. */
  #exponent(bytes: Uint8Array, from: number, to: number): boolean {
    const match = /^([+-]?)(\d*)\.?(\d*)[eE]([+-]?\d{1,3})$/.exec(
      Buffer.from(bytes.subarray(from, to)).toString('latin1'),
    );
    if (match === null) return false;
    const [, sign, whole, fraction, exponent] = match;
    const point = whole.length + Number(exponent);
    const digits = whole + fraction;
    const plain =
      point <= 0
        ? `0.${'0'.repeat(-point)}${digits}`
        : `${digits.slice(0, point).padEnd(point, '0')}.${digits.slice(point)}`;
    const text = Buffer.from(sign + plain);
    return this.read(text, 0, text.length);
  }

  #reset(): void {
    this.limbs.fill(0);
    this.#group = 0;
    this.#grouped = 0;
    this.#digits = 0;
  }

  #digit(digit: number): void {
    if (this.#digits === 0 && digit === 0) return;
    this.#digits++;
    this.#group = this.#group * 10 + digit;
    if (++this.#grouped === GROUP) this.#flush();
  }

  #flush(): void {
    const { limbs } = this;
    const power = POWERS[this.#grouped];
    let carry = this.#group;
    // 2^32 · 10^6 stays below 2^53. A number of too many digits is refused in the end, so that overflow does not matter.
    for (let limb = 0; limb < limbs.length; limb++) {
      const value = limbs[limb] * power + carry;
      limbs[limb] = value;
      carry = Math.floor(value / 4_294_967_296);
    }
    this.#group = 0;
    this.#grouped = 0;
  }

  #finish(negative: boolean): boolean {
    if (this.#digits > this.#precision) return false;
    this.#flush();
    if (!negative) return true;
    const { limbs } = this;
    let carry = 1;
    for (let limb = 0; limb < limbs.length; limb++) {
      const value = (~limbs[limb] >>> 0) + carry;
      limbs[limb] = value;
      carry = value > 4_294_967_295 ? 1 : 0;
    }
    return true;
  }
}
