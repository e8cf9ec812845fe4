import {
  ConnectorError,
  isConnectorError,
  type Lease,
  type Load,
  loadFields,
  type Publish,
  type Receipt,
  type Session,
  type Source,
  type Target,
  toFailure,
} from '@sampan/connector';
import { canBeCutOff, settleCommit } from './commit.ts';
import { createDirtyLimit } from './dirty.ts';
import { createMapping } from './mapping.ts';
import { createMeter, type Meter } from './meter.ts';
import { awaited, copySplit, type PipeParts, stopIfAborted } from './pipe.ts';
import type { RunSpec } from './run-spec.ts';
import type { RunEnd, RunStore } from './run-store.ts';
import { createThrottle } from './throttle.ts';

export interface Attempt {
  spec: RunSpec;
  source: Session;
  target: Session;
  store: RunStore;
  signal: AbortSignal;
}

/**
 * One attempt at an instance, from connecting to commit. Never rejects. It aborts nothing in the target: that is for
 * whoever moves the instance to a terminal state.
 */
export async function runAttempt(attempt: Attempt): Promise<RunEnd> {
  const meter = createMeter(attempt.store);
  try {
    return await attempted(attempt, meter);
  } catch (error) {
    if (isConnectorError(error) && error.code === 'LEASE_LOST') return { end: 'lost' };
    if (attempt.signal.aborted) return { end: 'stopped' };
    return { end: 'failed', failure: toFailure(error) };
  } finally {
    await meter.stop();
  }
}

async function attempted(attempt: Attempt, meter: Meter): Promise<RunEnd> {
  const { spec, store, signal } = attempt;
  const source = part(attempt.source.source, 'source');
  const target = part(attempt.target.target, 'target');
  const lease: Lease = { instance: spec.instance, attempt: spec.attempt };
  if (spec.resume?.committing) {
    await meter.phase('COMMITTING');
    const { handle, receipts, publish } = spec.resume;
    const stop = canBeCutOff(publish) ? signal : null;
    const limitMs = spec.options.commitMs;
    return awaited(
      meter,
      'WRITER',
      settleCommit({ target, handle, receipts, lease, outcomeFirst: true, limitMs, stop }),
    );
  }
  const { parts, receipts, publish } = await copy(attempt, meter, source, target, lease);
  await meter.phase('VERIFYING');
  await verify(parts, receipts, spec);
  stopIfAborted(signal);
  await store.committing();
  await meter.phase('COMMITTING');
  const limitMs = spec.options.commitMs;
  const { handle } = parts;
  const stop = canBeCutOff(publish) ? signal : null;
  return awaited(
    meter,
    'WRITER',
    settleCommit({ target, handle, receipts, lease, outcomeFirst: false, limitMs, stop }),
  );
}

function part<T>(found: T | undefined, role: string): T {
  if (found !== undefined) return found;
  throw new ConnectorError({
    kind: 'config',
    code: 'WRONG_ROLE',
    message: `This connector cannot be a ${role}.`,
    hint: 'Choose another data source.',
  });
}

async function copy(
  attempt: Attempt,
  meter: Meter,
  source: Source,
  target: Target,
  lease: Lease,
): Promise<{ parts: PipeParts; receipts: Receipt[]; publish: Publish }> {
  const { spec, store, signal } = attempt;
  const { options } = spec;
  await meter.phase('CONNECTING');
  const schema = await awaited(meter, 'READER', attempt.source.describe(spec.source.object, signal));
  await meter.phase('PLANNING');
  const { fields, keys, uniqueKeys, missing } = loadFields(spec.links, schema, spec.target.keys);
  if (missing.length > 0) {
    throw new ConnectorError({
      kind: 'missing',
      code: 'COLUMN_GONE',
      message: `${schema.object} has no column "${missing[0]}" any more, which is mapped.`,
      hint: 'Correct the mapping.',
      side: 'reader',
    });
  }
  const load: Load = { ...spec.target, fields, keys, uniqueKeys };
  const prepared = await awaited(meter, 'WRITER', target.prepare(load, signal));
  const mapping = createMapping(spec.links, schema, prepared.fields);
  const splits = spec.splits ?? (await planned(attempt, meter, source, target, mapping.columns));
  stopIfAborted(signal);
  const { resume } = spec;
  const previous =
    resume === null || resume.handle === null
      ? null
      : { attempt: resume.attempt, handle: resume.handle, dead: resume.dead };
  const begun = await awaited(meter, 'WRITER', target.begin(load, lease, previous, signal));
  await store.saveHandle(begun.handle, {
    publish: prepared.publish,
    visible: prepared.visible,
    resumed: begun.resumed,
  });
  const receipts = begun.resumed ? [...(resume?.receipts ?? [])] : [];
  await meter.phase('COPYING');
  const parts: PipeParts = {
    source,
    target,
    handle: begun.handle,
    lease,
    mapping,
    store,
    meter,
    dirty: createDirtyLimit(store, options.dirtyRows, options.dirtyShare),
    throttle: createThrottle(options.rowsPerSecond, options.bytesPerSecond),
    idleMs: options.idleMs,
    signal,
  };
  meter.planned(splits.length);
  const sealed = new Set(receipts.map((receipt) => receipt.split));
  for (const split of sealed) meter.done(split);
  for (const counts of resume?.counts ?? [])
    if (sealed.has(counts.split)) Object.assign(meter.split(counts.split), counts);
  const waiting = splits.filter((split) => !sealed.has(split.number));
  await inParallel(
    Math.min(options.parallel, target.traits.maxWriters),
    waiting,
    async (split) => {
      receipts.push(await copySplit(parts, split));
      meter.done(split.number);
    },
    parts,
  );
  return { parts, receipts: receipts.sort((a, b) => a.split - b.split), publish: prepared.publish };
}

async function planned(
  { spec, store, signal }: Attempt,
  meter: Meter,
  source: Source,
  target: Target,
  columns: string[],
) {
  const { object, where, splitKey, splits, fetchSize, options } = spec.source;
  const plan = await awaited(
    meter,
    'READER',
    source.plan(
      { object, columns, where, splitKey, splits, fetchSize, options, maxBytes: target.traits.splitBytes },
      signal,
    ),
  );
  return store.savePlan(plan.splits, plan.warnings);
}

/** Runs the work of each item, so many at a time; the first failure stops the others before it is told. */
async function inParallel<T>(
  width: number,
  items: readonly T[],
  work: (item: T) => Promise<void>,
  parts: PipeParts,
): Promise<void> {
  const failing = new AbortController();
  parts.signal = AbortSignal.any([parts.signal, failing.signal]);
  const outer = parts.signal;
  const queue = [...items];
  let failure: unknown;
  const lane = async () => {
    for (let item = queue.shift(); item !== undefined && !outer.aborted; item = queue.shift()) {
      try {
        await work(item);
      } catch (error) {
        failure ??= error;
        failing.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(width, items.length)) }, lane));
  if (failure !== undefined) throw failure;
  stopIfAborted(outer);
}

async function verify(parts: PipeParts, receipts: Receipt[], spec: RunSpec): Promise<void> {
  const total = parts.meter.total();
  parts.dirty.atEnd(total);
  if (total.rowsRead !== total.rowsWritten + total.rowsDirty + total.rowsFiltered) {
    throw new ConnectorError({
      kind: 'bug',
      code: 'COUNT_MISMATCH',
      message: `${total.rowsRead} rows were read; ${total.rowsWritten} written, ${total.rowsDirty} dirty and ${total.rowsFiltered} filtered do not add up to that.`,
      hint: 'Nothing was published. Please report it.',
    });
  }
  const written = receipts.reduce((sum, receipt) => sum + receipt.rows, 0);
  if (written !== total.rowsWritten) {
    throw new ConnectorError({
      kind: 'bug',
      code: 'COUNT_MISMATCH',
      message: `${total.rowsWritten} rows were written, the receipts say ${written}.`,
      hint: 'Nothing was published. Please report it.',
    });
  }
  const verdict = await awaited(
    parts.meter,
    'WRITER',
    parts.target.verify(parts.handle, receipts, parts.lease, parts.signal),
  );
  const ok = verdict.ok && (verdict.rows === null || verdict.rows === written);
  if (spec.options.reconciliation === 'COUNT') {
    await parts.store.reconciled({
      ok,
      sourceRows: total.rowsRead - total.rowsDirty - total.rowsFiltered,
      targetRows: verdict.rows,
      message: verdict.message,
    });
  }
  if (!ok)
    throw new ConnectorError({
      kind: 'data',
      code: 'VERIFICATION_FAILED',
      message: `What is staged is not what was written: ${verdict.message}`,
      hint: 'Nothing was published. Run it again; if it stays, report it.',
      side: 'writer',
    });
}
