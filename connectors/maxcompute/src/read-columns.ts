import { isUtf8 } from 'node:buffer';
import { type Column, columnOf, isValid, type RareCell } from '@sampan/connector';
import { type ColumnData, type Item, type OdpsType, type Stamp, typeText } from '@sampan/maxcompute';
import { exactScale } from './decimal-scale.ts';
import { clockText, dayTimeText, itemJson, Unreadable, yearMonthText } from './item-text.ts';

/** Turns what the tunnel gave for a column into the column of a batch; what does not fit becomes a rare cell. */
export type ReadColumn = (from: ColumnData, rows: number, rare: RareCell[]) => Column;

/** Chosen once for each column of a split. `column` is its place in the batch. */
export function readColumn(type: OdpsType, column: number): ReadColumn {
  switch (type.kind) {
    case 'string':
    case 'varchar':
    case 'char':
    case 'json':
      return (from, rows, rare) => utf8Column(from, rows, column, rare);
    case 'decimal':
      return (from, rows, rare) => exactScale(from as Column, type.scale, rows, column, rare);
    case 'timestamp':
    case 'timestamp_ntz':
      return (from, rows, rare) => stampColumn(from, rows, column, type, rare);
    case 'interval_year_month':
      return (from, rows) => textColumn(from, rows, (row) => yearMonthText((from.values as BigInt64Array)[row]));
    case 'interval_day_time':
      return (from, rows) => textColumn(from, rows, (row) => dayTimeText(from.items![row] as Stamp));
    case 'array':
    case 'map':
    case 'struct':
      return (from, rows, rare) => nestedColumn(from, rows, column, type, rare);
    default:
      return (from) => from as Column;
  }
}

const CONTINUATION = 0b1000_0000;

/** STRING may hold any bytes. Whole and valid, and no cell beginning within a character: then every cell is valid. */
function utf8Column(from: ColumnData, rows: number, column: number, rare: RareCell[]): Column {
  const data = from.data!;
  const offsets = from.offsets!;
  let split = false;
  for (let row = 0; row < rows; row++)
    if (offsets[row] < offsets[row + 1] && (data[offsets[row]] & 0b1100_0000) === CONTINUATION) split = true;
  if (!split && isUtf8(data.subarray(0, offsets[rows]))) return from as Column;
  const broken = new Set<number>();
  for (let row = 0; row < rows; row++) {
    const bytes = data.subarray(offsets[row], offsets[row + 1]);
    if (isUtf8(bytes)) continue;
    broken.add(row);
    rare.push({ row, column, text: hex(bytes), reason: 'bytes that are not UTF-8' });
  }
  return withoutCells(from, rows, broken);
}

const hex = (bytes: Uint8Array) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 500)).toString('hex').toUpperCase();

/** The column with NULL in place of some cells. */
function withoutCells(from: ColumnData, rows: number, gone: ReadonlySet<number>): Column {
  const validity = from.validity?.slice() ?? new Uint8Array((rows + 7) >> 3).fill(255);
  for (const row of gone) validity[row >> 3] &= ~(1 << (row & 7));
  if (from.values !== undefined) {
    for (const row of gone) from.values[row] = from.values instanceof BigInt64Array ? (0n as never) : (0 as never);
    return { length: rows, validity, values: from.values };
  }
  const offsets = new Int32Array(rows + 1);
  const data = new Uint8Array(from.offsets![rows]);
  for (let row = 0; row < rows; row++) {
    const bytes = gone.has(row) ? [] : from.data!.subarray(from.offsets![row], from.offsets![row + 1]);
    data.set(bytes, offsets[row]);
    offsets[row + 1] = offsets[row] + bytes.length;
  }
  return { length: rows, validity, offsets, data };
}

/** Times are exact to the microsecond here; a TIMESTAMP may hold nanoseconds. */
function stampColumn(from: ColumnData, rows: number, column: number, type: OdpsType, rare: RareCell[]): Column {
  const { subMicros } = from;
  if (subMicros === undefined) return from as Column;
  const gone = new Set<number>();
  const values = from.values as BigInt64Array;
  for (let row = 0; row < rows; row++) {
    if (subMicros[row] === 0 || !isValid(from as Column, row)) continue;
    const fraction = ((values[row] % 1_000_000n) + 1_000_000n) % 1_000_000n;
    const nanos = Number(fraction) * 1_000 + subMicros[row];
    const text = clockText((values[row] - fraction) / 1_000_000n, nanos, 9);
    gone.add(row);
    rare.push({ row, column, text, reason: `${typeText(type)} with nanoseconds: only microseconds are carried` });
  }
  return withoutCells(from, rows, gone);
}

function textColumn(from: ColumnData, rows: number, text: (row: number) => string): Column {
  return columnOf(
    { kind: 'utf8' },
    Array.from({ length: rows }, (_, row) => (isValid(from as Column, row) ? text(row) : null)),
  );
}

function nestedColumn(from: ColumnData, rows: number, column: number, type: OdpsType, rare: RareCell[]): Column {
  const gone = new Set<number>();
  const all = textColumn(from, rows, (row) => {
    try {
      return itemJson(type, from.items![row] as Item);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      gone.add(row);
      rare.push({ row, column, text: '', reason: `a value of ${typeText(type)} holds ${error.message}` });
      return '';
    }
  });
  return gone.size === 0 ? all : withoutCells(all, rows, gone);
}
