import { type ColumnData, createValues, type Physical, type Values } from './columns.ts';

/** The rows of a column at these places, in that order, as a column of their own. */
export function pickRows(column: ColumnData, physical: Physical, rows: Int32Array): ColumnData {
  const length = rows.length;
  const validity = column.validity === undefined ? undefined : pickBits(column.validity, rows);
  if (physical === 'items') return { length, validity, items: Array.from(rows, (row) => column.items![row]) };
  if (physical === 'bytes') return { length, validity, ...pickBytes(column.offsets!, column.data!, rows) };
  const { values, subMicros } = column;
  const picked: ColumnData = { length, validity, values: pickValues(values!, createValues(physical, length)!, rows) };
  if (subMicros !== undefined) picked.subMicros = Uint16Array.from(rows, (row) => subMicros[row]);
  return picked;
}

function pickValues(from: Values, into: Values, rows: Int32Array): Values {
  // 64-bit values by their halves: a BigInt for each would be slow.
  if (from instanceof BigInt64Array) {
    const source = new Int32Array(from.buffer, from.byteOffset, from.length * 2);
    const target = new Int32Array(into.buffer);
    for (let at = 0; at < rows.length; at++) {
      target[2 * at] = source[2 * rows[at]];
      target[2 * at + 1] = source[2 * rows[at] + 1];
    }
    return into;
  }
  for (let at = 0; at < rows.length; at++) into[at] = from[rows[at]] as never;
  return into;
}

function pickBits(bits: Uint8Array, rows: Int32Array): Uint8Array {
  const picked = new Uint8Array((rows.length + 7) >> 3);
  for (let at = 0; at < rows.length; at++)
    if ((bits[rows[at] >> 3] & (1 << (rows[at] & 7))) !== 0) picked[at >> 3] |= 1 << (at & 7);
  return picked;
}

/** Shorter cells are copied byte by byte: a view of each would cost more. */
const LONG_BYTES = 128;

function pickBytes(offsets: Int32Array, data: Uint8Array, rows: Int32Array): { offsets: Int32Array; data: Uint8Array } {
  const picked = new Int32Array(rows.length + 1);
  for (let at = 0; at < rows.length; at++) picked[at + 1] = picked[at] + offsets[rows[at] + 1] - offsets[rows[at]];
  const bytes = new Uint8Array(picked[rows.length]);
  for (let at = 0, to = 0; at < rows.length; at++) {
    const [from, end] = [offsets[rows[at]], offsets[rows[at] + 1]];
    if (end - from > LONG_BYTES) {
      bytes.set(data.subarray(from, end), to);
      to += end - from;
    } else for (let byte = from; byte < end; byte++) bytes[to++] = data[byte];
  }
  return { offsets: picked, data: bytes };
}
