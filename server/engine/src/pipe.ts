import {
  type Batch,
  ConnectorError,
  type DirtyRow,
  isConnectorError,
  type Json,
  type Lease,
  type Receipt,
  type Source,
  type Split,
  type Target,
  type Writer,
} from '@sampan/connector';
import type { DirtyLimit } from './dirty.ts';
import type { Mapping } from './mapping.ts';
import type { Meter } from './meter.ts';
import type { LogLine, RunStore, SplitProgress } from './run-store.ts';
import { pause, type Throttle } from './throttle.ts';

/** What the pipes of one attempt share. */
export interface PipeParts {
  source: Source;
  target: Target;
  handle: Json;
  lease: Lease;
  mapping: Mapping;
  store: RunStore;
  meter: Meter;
  dirty: DirtyLimit;
  throttle: Throttle;
  idleMs: number;
  signal: AbortSignal;
}

const TRIES = 5;
const FIRST_PAUSE_MS = 500;
/** What a connector may take to free what it holds. */
const LET_GO_MS = 5_000;

/** A position as it travels through the writer: where the source goes on, and how many rows were read up to there. */
type Mark = { at: Json; read: number };

/**
 * Copies one split, from the start or from where an earlier try left it, and seals it. A failure of the kind `busy` is
 * tried again; a try that got further starts the count of tries anew.
 */
export async function copySplit(parts: PipeParts, split: Split): Promise<Receipt> {
  let furthest = -1;
  for (let attempt = 1; ; attempt++) {
    try {
      return await copyOnce(parts, split);
    } catch (error) {
      const again = isConnectorError(error) && error.kind === 'busy' && error.code !== 'LEASE_LOST';
      if (!again || parts.signal.aborted) throw error;
      const reached = parts.meter.split(split.number).rowsRead;
      if (reached > furthest) {
        furthest = reached;
        attempt = 1;
      }
      if (attempt >= TRIES) throw error;
      await parts.store.log([
        {
          at: new Date().toISOString(),
          level: 'warn',
          message: `Split ${split.number} is tried again: ${error.message}`,
          fields: { split: split.number, code: error.code },
        },
      ]);
      await pause(error.retryAfterMs ?? FIRST_PAUSE_MS * 2 ** (attempt - 1), parts.signal);
    }
  }
}

async function copyOnce(parts: PipeParts, split: Split): Promise<Receipt> {
  const { source, target, store, meter } = parts;
  // Its own signal: a try that ends in whatever way takes its read with it.
  const ending = new AbortController();
  const signal = AbortSignal.any([parts.signal, ending.signal]);
  const writer = await awaited(
    meter,
    'WRITER',
    target.writer(parts.handle, { split: split.number }, parts.lease, signal),
  );
  try {
    const mark = (writer.resumeAfter ?? null) as Mark | null;
    const counts = meter.split(split.number);
    const rowsRead = mark?.read ?? 0;
    const rowsWritten = writer.resumedRows ?? 0;
    // What was read and is not there was dirty, be it in the mapping's eyes or in the target's.
    const rowsDirty = rowsRead - rowsWritten;
    Object.assign(counts, { rowsRead, rowsDirty, rowsWritten, rowsFiltered: 0, bytesRead: 0, bytesWritten: 0 });
    const kept = await store.splitStarted(split.number, { resumed: mark !== null, keepDirty: rowsDirty });
    if (kept < rowsDirty) await store.log([valuesLost(split.number, rowsDirty, kept)]);
    const reading = new AbortController();
    const batches = source
      .read(split, mark?.at ?? null, AbortSignal.any([signal, reading.signal]))
      [Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await waitFor(parts, 'READER', batches.next());
        if (next.done) break;
        await passOn(parts, split, writer, next.value, counts);
      }
    } finally {
      // A read that hangs ends with its signal; without that, `return` would wait for it for ever.
      reading.abort();
      await Promise.race([batches.return?.(undefined), pause(LET_GO_MS, parts.signal)]).catch(() => {});
    }
    // A read that was told to stop may simply end: what came until then is not the whole split, and must not be sealed.
    stopIfAborted(parts.signal);
    const receipt = await waitFor(parts, 'WRITER', writer.seal());
    if (receipt.rows !== counts.rowsWritten) throw miscounted(split.number, counts, receipt);
    await store.saveReceipt(receipt, { ...counts });
    return receipt;
  } finally {
    ending.abort();
    await writer[Symbol.asyncDispose]();
  }
}

async function passOn(
  parts: PipeParts,
  split: Split,
  writer: Writer,
  batch: Batch,
  counts: SplitProgress,
): Promise<void> {
  const { mapping, meter, dirty, throttle } = parts;
  try {
    meter.throttled(await throttle.take(batch.rows, batch.bytes, parts.signal));
    counts.rowsRead += batch.rows;
    counts.bytesRead += batch.bytes;
    const mapped = mapping.apply(batch);
    const keep = async (rows: readonly DirtyRow[]) => {
      counts.rowsDirty += rows.length;
      if (rows.length > 0)
        await dirty.add(
          rows.map((one) => ({ ...one, split: split.number, ...mapping.describe(batch, one.row) })),
          meter.total(),
        );
    };
    // Kept before the other rows of the batch become durable: an attempt that goes on behind it never sees these again.
    await keep(mapped.dirty);
    const mark: Mark | null = batch.position === null ? null : { at: batch.position, read: counts.rowsRead };
    const refused =
      (await waitFor(parts, 'WRITER', writer.write({ ...mapped.batch, position: mark as unknown as Json }))) ?? [];
    counts.rowsWritten += mapped.batch.rows - refused.length;
    counts.bytesWritten += mapped.batch.bytes;
    await keep(refused.map((one) => ({ ...one, row: mapped.kept === null ? one.row : mapped.kept[one.row] })));
  } finally {
    batch.release();
  }
}

/** @throws ConnectorError `ABORTED` */
export function stopIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new ConnectorError({ kind: 'busy', code: 'ABORTED', message: 'The run was stopped.' });
}

/** Awaits one side, no longer than the idle limit; what follows names the side in what goes wrong. */
async function waitFor<T>(parts: PipeParts, side: 'READER' | 'WRITER', work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const idle = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(silent(side, parts.idleMs)), parts.idleMs);
  });
  try {
    return await awaited(parts.meter, side, Promise.race([work, idle]));
  } finally {
    clearTimeout(timer);
    work.catch(() => {});
  }
}

/** Awaits one side, however long that takes; measures it, tells that the run waits for it, and names it in errors. */
export async function awaited<T>(meter: Meter, side: 'READER' | 'WRITER', work: Promise<T>): Promise<T> {
  const name = side === 'READER' ? 'reader' : 'writer';
  const began = performance.now();
  const ended = meter.waiting(side);
  try {
    return await work;
  } catch (error) {
    if (isConnectorError(error) && error.code !== 'LEASE_LOST') error.side ??= name;
    throw error;
  } finally {
    ended();
    meter.waited(name, performance.now() - began);
  }
}

function silent(side: 'READER' | 'WRITER', idleMs: number): ConnectorError {
  const which = side === 'READER' ? 'source' : 'target';
  return new ConnectorError({
    kind: 'busy',
    code: 'STALLED',
    message: `The ${which} was silent for ${Math.round(idleMs / 1_000)} s.`,
    hint: `Look at the ${which} and the network to it; it is tried again by itself.`,
  });
}

/** The target refused rows, and the process ended before it had told of them; or there were too many to keep. */
function valuesLost(split: number, dirty: number, kept: number): LogLine {
  return {
    at: new Date().toISOString(),
    level: 'warn',
    message: `Split ${split} goes on: it had ${dirty} dirty rows until here, ${kept} of them are kept with their values.`,
    fields: { split, dirty, kept },
  };
}

function miscounted(split: number, counts: SplitProgress, receipt: Receipt): ConnectorError {
  return new ConnectorError({
    kind: 'bug',
    code: 'COUNT_MISMATCH',
    message: `Split ${split}: ${counts.rowsWritten} rows were written, the receipt says ${receipt.rows}.`,
    hint: 'Nothing was published. Please report it.',
    side: 'writer',
  });
}
