import {
  type Cell,
  type Column,
  cellText,
  columnOf,
  fixedValues,
  isValid,
  type LogicalType,
  verdict,
} from '@sampan/connector';
import { fromText, Unfit } from './convert.ts';

/** Tells of a cell that does not fit; its row will be dirty. */
export type Refuse = (row: number, reason: string) => void;

/** Turns the column of one type into that of another. Chosen once per column and split. */
export type Cast = (column: Column, rows: number, refuse: Refuse) => Column;

const same: Cast = (column) => column;
const INTS = ['bool', 'int8', 'int16', 'int32', 'int64'];

/**
 * The cheapest way from one type to the other. `lossy` lets digits be lost, where the verdict is LOSSY and the user
 * allowed it; otherwise a value that would lose something is refused.
 */
export function castBetween(from: LogicalType, to: LogicalType, lossy: boolean): Cast {
  const found = verdict(from, to).verdict;
  if (found === 'EXACT' || found === 'WIDENING') {
    if (sameForm(from, to)) return same;
    if (INTS.includes(from.kind) && INTS.includes(to.kind)) return widenInts(to);
  }
  if (to.kind === 'utf8' && (from.kind === 'utf8' || from.kind === 'json')) return boundText(to.maxChars, to.maxBytes);
  if (to.kind === 'binary' && ['binary', 'utf8', 'json'].includes(from.kind)) return boundText(undefined, to.maxBytes);
  return throughText(from, to, lossy);
}

/** Values that need no touch: the same bytes mean the same. */
function sameForm(from: LogicalType, to: LogicalType): boolean {
  if (from.kind === 'decimal' && to.kind === 'decimal') return from.scale === to.scale;
  if (from.kind === to.kind) return true;
  const text = ['utf8', 'json', 'binary'];
  return text.includes(from.kind) && text.includes(to.kind);
}

function widenInts(to: LogicalType): Cast {
  const wide = to.kind === 'int64';
  return (column, rows) => {
    const values = fixedValues(to, rows);
    const from = column.values as Int32Array;
    if (wide) {
      const halves = new Int32Array(values.buffer);
      for (let row = 0; row < rows; row++) {
        halves[2 * row] = from[row];
        halves[2 * row + 1] = from[row] >> 31;
      }
    } else for (let row = 0; row < rows; row++) values[row] = from[row];
    return { length: rows, validity: column.validity, values };
  };
}

function boundText(maxChars: number | undefined, maxBytes: number | undefined): Cast {
  return (column, rows, refuse) => {
    const offsets = column.offsets!;
    const least = Math.min(maxChars ?? Number.POSITIVE_INFINITY, maxBytes ?? Number.POSITIVE_INFINITY);
    for (let row = 0; row < rows; row++) {
      const bytes = offsets[row + 1] - offsets[row];
      if (bytes <= least) continue;
      if (maxBytes !== undefined && bytes > maxBytes) refuse(row, `${bytes} bytes, at most ${maxBytes} fit`);
      else if (maxChars !== undefined && charsOf(column.data!, offsets[row], offsets[row + 1]) > maxChars)
        refuse(row, `more than ${maxChars} characters`);
    }
    return column;
  };
}

/** Characters of UTF-8: every byte that does not continue one. */
function charsOf(data: Uint8Array, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at++) if ((data[at] & 0xc0) !== 0x80) count++;
  return count;
}

/** Any conversion, cell by cell through exact text: slow, and right. */
function throughText(from: LogicalType, to: LogicalType, lossy: boolean): Cast {
  return (column, rows, refuse) => {
    const cells: Cell[] = new Array(rows);
    for (let row = 0; row < rows; row++) {
      const shown = cellText(column, from, row);
      // As a number or a text it is 1 or 0, the way both ends of a copy write it.
      const text = from.kind === 'bool' && shown !== null ? (shown === 'true' ? '1' : '0') : shown;
      try {
        cells[row] = text === null ? null : fromText(text, from.kind, to, lossy);
      } catch (error) {
        if (!(error instanceof Unfit)) throw error;
        cells[row] = null;
        refuse(row, error.message);
      }
    }
    return columnOf(to, cells);
  };
}

/** A column that holds the same value in every row. @throws Unfit where the constant does not fit the type */
export function constantColumn(text: string, to: LogicalType): (rows: number) => Column {
  const value = fromText(text, 'utf8', to, false);
  let made: Column | null = null;
  return (rows) => {
    if (made === null || made.length < rows) made = columnOf(to, new Array(Math.max(rows, 1_024)).fill(value));
    return { ...made, length: rows };
  };
}

/** Rows where a column that takes no NULL has one. */
export function refuseNulls(column: Column, rows: number, refuse: Refuse): void {
  if (column.validity === undefined) return;
  for (let row = 0; row < rows; row++) if (!isValid(column, row)) refuse(row, 'NULL in a column that takes none');
}
