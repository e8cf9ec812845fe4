import type { Column, LogicalType } from '@sampan/connector';

const FIRST_SLOTS = 1_024;

/** Keys that were seen, by 64 bits of their hash: two of ten million have the same ones in three of a million runs. */
export class KeySet {
  size = 0;
  /** Two words for each slot; both 0: free. */
  #slots = new Int32Array(2 * FIRST_SLOTS);

  /** False where it was there. */
  add(low: number, high: number): boolean {
    if (this.size * 2 >= this.#slots.length / 2) this.#grow();
    const at = slotOf(this.#slots, low, high);
    if (this.#slots[at] !== 0 || this.#slots[at + 1] !== 0) return false;
    this.#slots[at] = low;
    this.#slots[at + 1] = high;
    this.size++;
    return true;
  }

  has(low: number, high: number): boolean {
    const at = slotOf(this.#slots, low, high);
    return this.#slots[at] !== 0 || this.#slots[at + 1] !== 0;
  }

  /** Takes over the keys of another one. False where it has one of them already; then it has taken none. */
  addAll(other: KeySet): boolean {
    for (const [low, high] of other.#keys()) if (this.has(low, high)) return false;
    for (const [low, high] of other.#keys()) this.add(low, high);
    return true;
  }

  *#keys(): Generator<[number, number]> {
    const slots = this.#slots;
    for (let at = 0; at < slots.length; at += 2)
      if (slots[at] !== 0 || slots[at + 1] !== 0) yield [slots[at], slots[at + 1]];
  }

  #grow(): void {
    const before = this.#slots;
    const slots = new Int32Array(before.length * 2);
    for (let at = 0; at < before.length; at += 2) {
      if (before[at] === 0 && before[at + 1] === 0) continue;
      const to = slotOf(slots, before[at], before[at + 1]);
      slots[to] = before[at];
      slots[to + 1] = before[at + 1];
    }
    this.#slots = slots;
  }
}

function slotOf(slots: Int32Array, low: number, high: number): number {
  const mask = slots.length - 1;
  let at = (low << 1) & mask;
  while ((slots[at] !== 0 || slots[at + 1] !== 0) && (slots[at] !== low || slots[at + 1] !== high))
    at = (at + 2) & mask;
  return at;
}

/** Two hashes of 32 bits for the key of each row, never both 0. */
export function keyWords(
  columns: readonly Column[],
  types: readonly LogicalType[],
  rows: number,
): { low: Int32Array; high: Int32Array } {
  const low = new Int32Array(rows).fill(0x2545f491);
  const high = new Int32Array(rows).fill(0x41c6ce57);
  for (const [at, column] of columns.entries()) {
    const bytes = bytesOf(column, types[at]);
    for (let row = 0; row < rows; row++) {
      const [from, to] = bytes.range(row);
      let a = low[row];
      let b = high[row];
      for (let byte = from; byte < to; byte++) {
        a = Math.imul(a ^ bytes.data[byte], 0x9e3779b1);
        b = Math.imul(b ^ bytes.data[byte], 0x5f356495);
      }
      // The length, so that the border between two columns counts.
      a = Math.imul(a ^ (to - from), 0x85ebca6b);
      b = Math.imul(b ^ (to - from), 0xc2b2ae35);
      low[row] = a ^ (a >>> 15) ^ (b >>> 13);
      high[row] = b ^ (b >>> 16) ^ (a >>> 11);
    }
  }
  for (let row = 0; row < rows; row++) if (low[row] === 0 && high[row] === 0) high[row] = 1;
  return { low, high };
}

function bytesOf(
  { values, offsets, data }: Column,
  { kind }: LogicalType,
): { data: Uint8Array; range(row: number): [number, number] } {
  if (offsets !== undefined && kind === 'decimal')
    return { data: data!, range: (row) => [offsets[row], endOfDecimal(data!, offsets[row], offsets[row + 1])] };
  if (offsets !== undefined) return { data: data!, range: (row) => [offsets[row], offsets[row + 1]] };
  const width = values!.BYTES_PER_ELEMENT;
  const view = new Uint8Array(values!.buffer, values!.byteOffset, values!.byteLength);
  return { data: view, range: (row) => [row * width, (row + 1) * width] };
}

const [ZERO, POINT] = [0x30, 0x2e];

/** Without the zeros at the end of a fraction, and without a point that nothing follows. */
function endOfDecimal(data: Uint8Array, from: number, to: number): number {
  if (!data.subarray(from, to).includes(POINT)) return to;
  let end = to;
  while (data[end - 1] === ZERO) end--;
  return data[end - 1] === POINT ? end - 1 : end;
}
