import {
  type Batch,
  type Column,
  ConnectorError,
  type DirtyRow,
  type Receipt,
  takeRows,
  type Writer,
} from '@sampan/connector';
import { type BlockWriter, type ColumnData, typeText, type UploadSession } from '@sampan/maxcompute';
import { asConnectorError } from './errors.ts';
import { FENCE_BLOCK } from './fence.ts';
import type { Handle } from './handle.ts';
import { refusedRows, rowsWithoutKey } from './refused-rows.ts';

/**
 * Writes one split as one block. The block is opened with the first batch, so that no request idles while the source
 * is still getting ready; the service cuts one that does.
 */
export function createWriter(
  session: UploadSession,
  { table, columns, dynamic }: Handle,
  split: number,
  open: () => Promise<BlockWriter>,
): Writer {
  const places = session.columns.map((column) => columns.indexOf(column.name.toLowerCase()));
  // Its values would be left out without a word.
  const gone = columns.find((_, at) => !places.includes(at));
  if (gone !== undefined)
    throw new ConnectorError({
      kind: 'missing',
      code: 'COLUMN_GONE',
      message: `"${table}" has no column "${gone}" any more.`,
      hint: 'Correct the mapping, and run the task again.',
    });
  let block: BlockWriter | null = null;
  let sealed = false;
  let checked = false;
  const opened = async () => {
    block ??= await open();
    return block;
  };
  if (split >= FENCE_BLOCK)
    throw new ConnectorError({
      kind: 'config',
      code: 'TOO_MANY_SPLITS',
      message: `Split ${split} has no block: MaxCompute takes ${FENCE_BLOCK} of them.`,
      hint: 'Ask for fewer splits.',
    });
  return {
    async write(batch) {
      if (!checked) refuseOtherTypes(table, session, batch, places, dynamic?.keys ?? []);
      checked = true;
      const dirty = refusedRows(batch, session, dynamic?.keys ?? []);
      const keys = (dynamic?.primaryKey ?? []).map((key) => columns.indexOf(key));
      dirty.push(...rowsWithoutKey(batch, keys, dirty));
      const { rows, sent } = without(batch, dirty);
      const all = places.map((place): ColumnData => (place < 0 ? nulls(rows) : sent[place]));
      try {
        if (rows > 0) await (await opened()).write(all, rows);
      } catch (error) {
        throw asConnectorError(error, `Writing block ${split}`);
      }
      return dirty.length === 0 ? undefined : dirty.sort((a, b) => a.row - b.row);
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

/** The session has the types that the table had when it was opened; values were converted to those that it has now. */
export function refuseOtherTypes(
  table: string,
  session: Pick<UploadSession, 'columns'>,
  batch: Batch,
  places: readonly number[],
  keys: readonly string[],
): void {
  session.columns.forEach((column, at) => {
    const field = batch.fields[places[at]];
    if (field === undefined || field.native === typeText(column.type) || keys.includes(column.name)) return;
    throw new ConnectorError({
      kind: 'data',
      code: 'COLUMN_RETYPED',
      message: `Column "${column.name}" of ${table} was ${typeText(column.type)} when the upload was opened, and is ${field.native} now.`,
      hint: 'Run the task again.',
    });
  });
}

const nulls = (rows: number): ColumnData => ({
  length: rows,
  validity: new Uint8Array((rows + 7) >> 3),
  values: new BigInt64Array(rows),
  offsets: new Int32Array(rows + 1),
  data: new Uint8Array(0),
});

export function without(batch: Batch, dirty: readonly DirtyRow[]): { rows: number; sent: Column[] } {
  if (dirty.length === 0) return { rows: batch.rows, sent: batch.columns };
  const left = new Set(dirty.map((one) => one.row));
  const keep = Int32Array.from({ length: batch.rows }, (_, row) => row).filter((row) => !left.has(row));
  return { rows: keep.length, sent: batch.columns.map((column) => takeRows(column, keep)) };
}
