import { type ColumnData, columnOfItems, type Item, type OdpsType } from '@sampan/maxcompute';

/** Name of the column beside another that holds the nanoseconds of its times below the microsecond. */
export const nanosName = (column: string) => `${column}__nanos`;

/** Name of the column beside another that holds the bytes of its texts that are not UTF-8. */
export const bytesName = (column: string) => `${column}__bytes`;

/** The names of all such columns in a block's file. */
export const sidesOf = ({ nanos, raw = [] }: { nanos: readonly string[]; raw?: readonly string[] }) => [
  ...nanos.map(nanosName),
  ...raw.map(bytesName),
];

const NANOS: OdpsType = { kind: 'smallint' };
const BYTES: OdpsType = { kind: 'binary' };

/** A column of the file beside that of the table, for those few rows that have what the table's column cannot hold. */
export class SideColumn {
  readonly name: string;
  readonly #type: OdpsType;
  readonly #rows = new Map<number, Item>();
  readonly #batches: { from: number; nanos: Uint16Array }[] = [];

  /** `nested`: each of its values is a list, in the order in which times or texts come in the value beside it. */
  constructor(name: string, of: 'nanos' | 'bytes', nested: boolean) {
    this.name = name;
    const type = of === 'nanos' ? NANOS : BYTES;
    this.#type = nested ? { kind: 'array', element: type } : type;
  }

  get empty(): boolean {
    return this.#rows.size === 0 && this.#batches.length === 0;
  }

  /** @param row counted from the beginning of the file */
  put(row: number, item: Item): void {
    this.#rows.set(row, item);
  }

  /** Nanoseconds of a whole batch, 0 where there are none. */
  putNanos(from: number, nanos: Uint16Array): void {
    if (nanos.some((one) => one !== 0)) this.#batches.push({ from, nanos });
  }

  /** The column, cut into row groups of so many rows. */
  finish(groups: readonly number[]): { name: string; type: OdpsType; groups: ColumnData[] } {
    let from = 0;
    const columns = groups.map((rows) => {
      const items = Array.from({ length: rows }, (_, row) => this.#rows.get(from + row) ?? null);
      for (const batch of this.#batches) {
        if (batch.from < from || batch.from >= from + rows) continue;
        for (const [row, one] of batch.nanos.entries()) if (one !== 0) items[batch.from - from + row] = BigInt(one);
      }
      from += rows;
      return columnOfItems(this.#type, items);
    });
    return { name: this.name, type: this.#type, groups: columns };
  }
}
