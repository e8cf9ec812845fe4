import { columnOfItems, itemsOf } from './arrow-items.ts';
import type { ColumnData } from './columns.ts';
import type { DecodedBatch } from './record-decoder.ts';
import type { Item } from './record-items.ts';
import { RowError } from './row-error.ts';
import { itemOfValue } from './row-items.ts';
import { type RowOptions, type RowValue, ValueProblem, valueOfItem } from './row-values.ts';
import type { OdpsColumn, OdpsType } from './types.ts';

/** A row by the names of its columns, in lower case. */
export type Row = { [column: string]: RowValue };

/** What is taken for a row: values by name, whose missing ones are NULL, or one value for each column in their order. */
export type GivenRow = { readonly [column: string]: unknown } | readonly unknown[];

/** Turns rows into columns, the slow, easy way. @throws RowError */
export class RowEncoder {
  /** Rows seen so far. */
  rows = 0;
  readonly #columns: readonly OdpsColumn[];
  readonly #places: Map<string, number>;
  readonly #options: RowOptions;
  readonly #fieldBytes: number;

  constructor(columns: readonly OdpsColumn[], fieldBytes: number, options: RowOptions = {}) {
    this.#columns = columns;
    this.#places = new Map(columns.map(({ name }, place) => [name.toLowerCase(), place]));
    this.#options = options;
    this.#fieldBytes = fieldBytes;
  }

  encode(rows: readonly GivenRow[]): ColumnData[] {
    const items: Item[][] = this.#columns.map(() => []);
    for (const row of rows) {
      const values = this.#ordered(row);
      for (const [place, column] of this.#columns.entries()) items[place].push(this.#item(column, values[place]));
      this.rows++;
    }
    return this.#columns.map(({ type }, place) => columnOfItems(type, items[place]));
  }

  #ordered(row: GivenRow): readonly unknown[] {
    if (Array.isArray(row)) {
      if (row.length === this.#columns.length) return row as readonly unknown[];
      const what = `${row.length} values for ${this.#columns.length} columns`;
      throw new RowError('UnknownColumn', this.rows, '', '', what);
    }
    const values: unknown[] = new Array(this.#columns.length).fill(null);
    for (const [name, value] of Object.entries(row)) {
      const place = this.#places.get(name.toLowerCase());
      if (place === undefined) throw new RowError('UnknownColumn', this.rows, name, '', 'the table has no such column');
      values[place] = value;
    }
    return values;
  }

  #item({ name, type, nullable }: OdpsColumn, value: unknown): Item {
    if ((value === null || value === undefined) && !nullable)
      throw new RowError('NullNotAllowed', this.rows, name, '', 'there is no value, and the column is NOT NULL');
    try {
      return itemOfValue(type, value, this.#options, this.#fieldBytes);
    } catch (error) {
      throw told(error, this.rows, name);
    }
  }
}

/**
 * The rows of a batch, the slow, easy way.
 * @param before how many rows came before this batch
 * @param forms the types as which the columns came, where they differ from those of the table
 * @throws RowError
 */
export function* rowsOf(
  columns: readonly OdpsColumn[],
  batch: DecodedBatch,
  before: number,
  options: RowOptions = {},
  forms: readonly OdpsType[] = columns.map(({ type }) => type),
): Generator<Row> {
  const items = forms.map((form, place) => itemsOf(form, { ...batch.columns[place], length: batch.rows }));
  const names = columns.map(({ name }) => name.toLowerCase());
  for (let at = 0; at < batch.rows; at++) {
    const cells = columns.map(({ type }, place) => {
      try {
        return [names[place], valueOfItem(type, items[place][at], options)] as const;
      } catch (error) {
        throw told(error, before + at, names[place]);
      }
    });
    // Not by assignment: a column may be called __proto__.
    yield Object.fromEntries(cells);
  }
}

function told(error: unknown, row: number, column: string): unknown {
  return error instanceof ValueProblem ? new RowError(error.code, row, column, error.path, error.message) : error;
}
