import { type Batch, type Column, type DirtyRow, type Receipt, takeRows, type Writer } from '@sampan/connector';
import type { BlockWriter, ColumnData, UploadSession } from '@sampan/maxcompute';
import { asConnectorError } from './errors.ts';

const asBigint = (column: Column) => {
  const { values } = column;
  return values instanceof BigInt64Array ? new Int32Array(values.buffer, values.byteOffset, values.length * 2) : null;
};

/**
 * Writes one split as one block. The block is opened with the first batch, so that no request idles while the source
 * is still getting ready; the service cuts one that does.
 */
export function createWriter(
  session: UploadSession,
  columns: readonly string[],
  split: number,
  open: () => Promise<BlockWriter>,
): Writer {
  const places = session.columns.map((column) => columns.indexOf(column.name));
  let block: BlockWriter | null = null;
  let sealed = false;
  const opened = async () => {
    block ??= await open();
    return block;
  };
  return {
    async write(batch) {
      const dirty = refusedRows(batch, session);
      const { rows, sent } = without(batch, dirty);
      const all = places.map((place): ColumnData => (place < 0 ? nulls(rows) : sent[place]));
      try {
        if (rows > 0) await (await opened()).write(all, rows);
      } catch (error) {
        throw asConnectorError(error, `Writing block ${split}`);
      }
      return dirty.length === 0 ? undefined : dirty;
    },
    async seal(): Promise<Receipt> {
      try {
        const { rows, bytes } = await (await opened()).finish();
        sealed = true;
        return { split, rows, bytes, detail: null };
      } catch (error) {
        throw asConnectorError(error, `Sealing block ${split}`);
      }
    },
    async [Symbol.asyncDispose]() {
      if (!sealed) block?.abort();
    },
  };
}

const nulls = (rows: number): ColumnData => ({
  length: rows,
  validity: new Uint8Array((rows + 7) >> 3),
  values: new BigInt64Array(rows),
  offsets: new Int32Array(rows + 1),
  data: new Uint8Array(0),
});

/** Rows that the service would refuse, and the whole block with them: −2^63 is no BIGINT, and cells have a limit. */
function refusedRows(batch: Batch, session: UploadSession): DirtyRow[] {
  const dirty = new Map<number, DirtyRow>();
  batch.columns.forEach((column, index) => {
    const { name, type } = batch.fields[index];
    if (column.offsets !== undefined && column.offsets[batch.rows] > session.maxFieldBytes) {
      for (let row = 0; row < batch.rows; row++) {
        const bytes = column.offsets[row + 1] - column.offsets[row];
        if (bytes > session.maxFieldBytes)
          dirty.set(row, {
            row,
            column: name,
            value: null,
            reason: `${bytes} bytes: MaxCompute takes at most ${session.maxFieldBytes} in a cell`,
          });
      }
    }
    const halves = type.kind === 'int64' ? asBigint(column) : null;
    if (halves === null) return;
    for (let row = 0; row < batch.rows; row++) {
      if (halves[2 * row + 1] === -2_147_483_648 && halves[2 * row] === 0) {
        dirty.set(row, {
          row,
          column: name,
          value: '-9223372036854775808',
          reason: 'MaxCompute has no BIGINT below −9223372036854775807',
        });
      }
    }
  });
  return [...dirty.values()].sort((a, b) => a.row - b.row);
}

function without(batch: Batch, dirty: readonly DirtyRow[]): { rows: number; sent: Column[] } {
  if (dirty.length === 0) return { rows: batch.rows, sent: batch.columns };
  const left = new Set(dirty.map((one) => one.row));
  const keep = Int32Array.from({ length: batch.rows }, (_, row) => row).filter((row) => !left.has(row));
  return { rows: keep.length, sent: batch.columns.map((column) => takeRows(column, keep)) };
}
