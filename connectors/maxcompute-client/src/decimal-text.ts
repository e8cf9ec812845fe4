const MOST_TEXT = 42;
const GROUP = 1_000_000;
const TWO_32 = 4_294_967_296;

/** Writes unscaled 128-bit values as plain text, the digits of a scale always in full: `-0.50`. */
export class DecimalText {
  readonly #scale: number;
  readonly #limbs = new Uint32Array(4);
  readonly #text = new Uint8Array(MOST_TEXT);
  #data: Buffer;
  #used = 0;

  constructor(scale: number, rows: number) {
    this.#scale = scale;
    this.#data = Buffer.allocUnsafeSlow(Math.max(64, rows * 12));
  }

  /** All that was written. */
  get data(): Buffer {
    return this.#data.subarray(0, this.#used);
  }

  /** Writes the value whose four words, little end first, begin at `at`; gives the bytes written so far. */
  add(words: Int32Array, at: number): number {
    const negative = words[at + 3] < 0;
    this.#take(words, at, negative);
    let from = MOST_TEXT;
    let digits = 0;
    const { limbs, text } = { limbs: this.#limbs, text: this.#text };
    do {
      let group = divide(limbs);
      for (let n = 0; n < 6; n++) {
        if (digits === this.#scale && digits > 0) text[--from] = 46;
        digits++;
        text[--from] = 48 + (group % 10);
        group = (group / 10) | 0;
        if (group === 0 && digits > this.#scale && isZero(limbs)) break;
      }
    } while (digits <= this.#scale || !isZero(limbs));
    if (negative) text[--from] = 45;
    if (this.#used + MOST_TEXT > this.#data.length) {
      const more = Buffer.allocUnsafeSlow(this.#data.length * 2);
      this.#data.copy(more);
      this.#data = more;
    }
    for (let byte = from; byte < MOST_TEXT; byte++) this.#data[this.#used++] = text[byte];
    return this.#used;
  }

  /** The amount without its sign. */
  #take(words: Int32Array, at: number, negative: boolean): void {
    let carry = 1;
    for (let limb = 0; limb < 4; limb++) {
      if (!negative) this.#limbs[limb] = words[at + limb];
      else {
        const value = (~words[at + limb] >>> 0) + carry;
        this.#limbs[limb] = value;
        carry = value >= TWO_32 ? 1 : 0;
      }
    }
  }
}

/** Divides by a million in place; gives what is left over. */
function divide(limbs: Uint32Array): number {
  let rest = 0;
  for (let limb = 3; limb >= 0; limb--) {
    if (rest === 0 && limbs[limb] === 0) continue;
    const value = rest * TWO_32 + limbs[limb];
    limbs[limb] = Math.floor(value / GROUP);
    rest = value - limbs[limb] * GROUP;
  }
  return rest;
}

const isZero = (limbs: Uint32Array) => (limbs[0] | limbs[1] | limbs[2] | limbs[3]) === 0;
