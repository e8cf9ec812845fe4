import type { BlockWriter } from './block-writer.ts';
import type { ColumnData } from './columns.ts';
import { MaxComputeError } from './errors.ts';
import { kindOf } from './network-error.ts';
import { pause } from './pause.ts';
import type { RowOptions } from './row-values.ts';
import { type GivenRow, RowEncoder } from './rows.ts';
import type { UploadSession } from './tunnel-upload.ts';

/** Rows that become columns at a time. */
const BATCH_ROWS = 1_024;
/** Before that, where rows are large. */
const BATCH_BYTES = 4 * 1024 * 1024;
/** A block is ended about here: it is kept in memory until the service has it, so that it can be sent again. */
const BLOCK_BYTES = 32 * 1024 * 1024;
const TRIES = 8;

interface Batch {
  columns: ColumnData[];
  rows: number;
}

/** Where blocks go. */
export interface BlockTarget {
  session: UploadSession;
  open(id: number): Promise<BlockWriter>;
  signal: AbortSignal | undefined;
}

/**
 * Writes rows as blocks, one after another, from `firstBlock` on; a block that breaks is sent again.
 * @returns the ids of its blocks
 * @throws RowError; nothing of the rows counts before a commit
 */
export async function writeRows(
  target: BlockTarget,
  firstBlock: number,
  rows: Iterable<GivenRow> | AsyncIterable<GivenRow>,
  options: RowOptions = {},
): Promise<number[]> {
  const encoder = new RowEncoder(target.session.columns, target.session.maxFieldBytes, options);
  const ids: number[] = [];
  let batches: Batch[] = [];
  let bytes = 0;
  let waiting: GivenRow[] = [];
  let waitingBytes = 0;
  const take = () => {
    if (waiting.length === 0) return;
    const columns = encoder.encode(waiting);
    batches.push({ columns, rows: waiting.length });
    bytes += sizeOf(columns);
    waiting = [];
    waitingBytes = 0;
  };
  const send = async () => {
    if (batches.length === 0) return;
    const id = firstBlock + ids.length;
    await sendBlock(target, id, batches);
    ids.push(id);
    batches = [];
    bytes = 0;
  };
  for await (const row of rows) {
    waiting.push(row);
    waitingBytes += textBytesOf(row);
    if (waiting.length >= BATCH_ROWS || waitingBytes >= BATCH_BYTES) take();
    if (bytes >= BLOCK_BYTES) await send();
  }
  take();
  await send();
  return ids;
}

/** Of what may be large: texts and bytes. */
function textBytesOf(row: GivenRow): number {
  let sum = 0;
  for (const value of Object.values(row))
    if (typeof value === 'string' || value instanceof Uint8Array) sum += value.length;
  return sum;
}

const sizeOf = (columns: readonly ColumnData[]) =>
  columns.reduce((sum, { values, data, items }) => {
    const nested = items === undefined ? 0 : items.length * 64;
    return sum + (values?.byteLength ?? 0) + (data?.length ?? 0) + nested;
  }, 0);

/** Sends a block, again and again where that may help; a service that wants patience gets as much as it asks for. */
async function sendBlock(target: BlockTarget, id: number, batches: readonly Batch[]): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    let block: BlockWriter | null = null;
    try {
      block = await target.open(id);
      for (const { columns, rows } of batches) await block.write(columns, rows);
      await block.finish();
      return;
    } catch (error) {
      block?.abort();
      if (kindOf(error) !== 'busy' || attempt >= TRIES || target.signal?.aborted) throw error;
      const asked = error instanceof MaxComputeError ? error.retryAfterMs : null;
      await pause(asked ?? Math.min(16_000, 100 * 2 ** attempt) * (0.5 + Math.random() / 2), target.signal);
    }
  }
}
