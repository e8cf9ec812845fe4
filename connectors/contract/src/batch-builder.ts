import type { Batch } from './batch.ts';
import type { Cell } from './cells.ts';
import { batchOf, isVariable } from './columns.ts';
import type { Json } from './json.ts';
import type { Field } from './types.ts';

/** Gathers rows of JavaScript values into batches: the slow, easy way to be a source. */
export interface BatchBuilder {
  /** One row, its cells in the order of the fields (see `Cell`). */
  add(row: readonly Cell[]): void;
  /** Rows and bytes gathered since the last `take`. */
  readonly rows: number;
  readonly bytes: number;
  /** True once enough is gathered for a batch. */
  readonly full: boolean;
  /**
   * What was gathered, as a batch; the builder is empty afterwards. `position` is where a read goes on behind its last row.
   * @throws RangeError where an integer does not fit its type
   */
  take(position: Json): Batch;
}

const MOST_ROWS = 8_192;
const MOST_BYTES = 1 << 20;

/** @param limits a batch is `full` at this many rows or bytes; by default 8,192 rows or 1 MB */
export function createBatchBuilder(
  fields: readonly Field[],
  limits: { rows?: number; bytes?: number } = {},
): BatchBuilder {
  const { rows: mostRows = MOST_ROWS, bytes: mostBytes = MOST_BYTES } = limits;
  let gathered: (readonly Cell[])[] = [];
  let bytes = 0;
  return {
    add(row) {
      if (row.length !== fields.length) throw new TypeError(`${row.length} cells for ${fields.length} fields`);
      gathered.push(row);
      fields.forEach((field, index) => {
        bytes += isVariable(field.type) ? bytesOf(row[index]) + 4 : 8;
      });
    },
    get rows() {
      return gathered.length;
    },
    get bytes() {
      return bytes;
    },
    get full() {
      return gathered.length >= mostRows || bytes >= mostBytes;
    },
    take(position) {
      const batch = batchOf(fields, gathered, position);
      gathered = [];
      bytes = 0;
      return batch;
    },
  };
}

function bytesOf(value: Cell): number {
  if (value === null) return 0;
  return value instanceof Uint8Array ? value.length : Buffer.byteLength(String(value));
}
