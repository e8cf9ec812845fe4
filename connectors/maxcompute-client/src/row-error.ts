import { MaxComputeError } from './errors.ts';

/** A value of a row that the table cannot hold, or a cell that has no JavaScript value. The value itself is not told. */
export class RowError extends MaxComputeError {
  /** Counted from 0 over the rows of the call. */
  readonly row: number;
  readonly column: string;

  constructor(code: RowErrorCode, row: number, column: string, path: string, what: string) {
    super({
      code,
      kind: 'data',
      message: `Row ${row}, column "${column}"${path === '' ? '' : ` at ${path}`}: ${what}.`,
      hint: HINTS[code],
    });
    this.row = row;
    this.column = column;
  }
}

/**
 * `WrongValue`: a JavaScript value that stands for none of that type. `ValueOutOfRange`: the type has no such value.
 * `NullNotAllowed`: NULL for a column that has none. `UnknownColumn`: the table has no such column.
 */
export type RowErrorCode = 'WrongValue' | 'ValueOutOfRange' | 'NullNotAllowed' | 'UnknownColumn';

const HINTS: { [code in RowErrorCode]: string } = {
  WrongValue: 'See "Rows, the easy way" in the README for what stands for each type.',
  ValueOutOfRange: "Change the value, or the column's type.",
  NullNotAllowed: 'Give a value: the column is NOT NULL.',
  UnknownColumn: "Give the table's columns by their names, or as many values as there are columns.",
};
