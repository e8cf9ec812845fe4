/**
 * Times 1000 and by 1000 of 64-bit numbers given as their halves, little end first: between milli-, micro- and
 * nanoseconds without a BigInt a value.
 */
const TWO_32 = 4_294_967_296;

/** `to` = 1000 · `from` + `more`. The first row that 64 bits cannot hold, or −1; rows that `skip` names do not count. */
export function timesThousand(
  from: Int32Array,
  to: Int32Array,
  rows: number,
  more: Uint16Array | null,
  skip: (row: number) => boolean,
): number {
  for (let row = 0; row < rows; row++) {
    const low = (from[2 * row] >>> 0) * 1_000 + (more === null ? 0 : more[row]);
    const high = from[2 * row + 1] * 1_000 + Math.floor(low / TWO_32);
    if (high !== (high | 0) && !skip(row)) return row;
    to[2 * row] = low;
    to[2 * row + 1] = high;
  }
  return -1;
}

/** `to` = `from` / 1000, rounded down; what is left over goes to `rest`. True where anything was left. */
export function byThousand(from: Int32Array, to: Int32Array, rows: number, rest: Uint16Array | null): boolean {
  let any = false;
  for (let row = 0; row < rows; row++) {
    const high = Math.floor(from[2 * row + 1] / 1_000);
    const middle = (from[2 * row + 1] - high * 1_000) * TWO_32 + (from[2 * row] >>> 0);
    const low = Math.floor(middle / 1_000);
    to[2 * row] = low;
    to[2 * row + 1] = high;
    if (rest === null) continue;
    rest[row] = middle - low * 1_000;
    any ||= rest[row] !== 0;
  }
  return any;
}
