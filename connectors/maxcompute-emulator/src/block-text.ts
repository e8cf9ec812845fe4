import { isUtf8 } from 'node:buffer';
import type { ColumnData } from '@sampan/maxcompute';
import { isNull } from './parquet/values.ts';
import { Refusal } from './refusal.ts';

/**
 * The column with text only: what is not UTF-8 is written with replacement characters, and its bytes are told.
 * Nearly always this is the column itself, checked all cells at once.
 */
export function replaceBrokenText(
  column: ColumnData,
  rows: number,
  broken: (row: number, bytes: Uint8Array) => void,
): ColumnData {
  const offsets = column.offsets as Int32Array;
  const data = column.data as Uint8Array;
  if (isCleanText(offsets, data, rows)) return column;
  const parts: Buffer[] = [];
  const ends = new Int32Array(rows + 1);
  for (let row = 0; row < rows; row++) {
    const bytes = Buffer.from(data.subarray(offsets[row], offsets[row + 1]));
    const bad = !isNull(column, row) && !isUtf8(bytes);
    if (bad) broken(row, bytes);
    parts.push(bad ? Buffer.from(bytes.toString('utf8')) : bytes);
    ends[row + 1] = ends[row] + parts[row].length;
  }
  return { ...column, offsets: ends, data: Buffer.concat(parts) };
}

/** All cells at once; then no cell may begin in the middle of a character. */
function isCleanText(offsets: Int32Array, data: Uint8Array, rows: number): boolean {
  if (!isUtf8(data.subarray(offsets[0], offsets[rows]))) return false;
  for (let row = 0; row < rows; row++)
    if (offsets[row + 1] > offsets[row] && (data[offsets[row]] & 0xc0) === 0x80) return false;
  return true;
}

/** @throws Refusal where a text has more characters than its type allows */
export function refuseLong(column: ColumnData, rows: number, most: number, name: string): void {
  const offsets = column.offsets as Int32Array;
  const data = column.data as Uint8Array;
  for (let row = 0; row < rows; row++) {
    if (offsets[row + 1] - offsets[row] <= most) continue;
    let characters = 0;
    for (let byte = offsets[row]; byte < offsets[row + 1]; byte++) if ((data[byte] & 0xc0) !== 0x80) characters++;
    if (characters > most)
      throw new Refusal(
        400,
        'InvalidData',
        `Column ${name}: a value has ${characters} characters, ${most} are allowed.`,
      );
  }
}
