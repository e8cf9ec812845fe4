import type { Begun, Lease, OpenContext, Outcome, Receipt, Target } from '@sampan/connector';
import { beginLoad } from './begin.ts';
import {
  deadline,
  enter,
  fenced,
  killOthers,
  lockedRun,
  MAX_WRITERS,
  ofInstance,
  type RunRow,
  readRun,
} from './fence.ts';
import { MODES, prepareLoad } from './prepare.ts';
import { publish, runAfter, stillStaged, type Told, verifyStaged } from './publish.ts';
import { indexLiteral } from './sql.ts';
import { dropStaging, type Handle, handleOf, RUN, SLOT } from './staging.ts';
import { type Connect, inTransaction, type Link, openLink, whileLocked } from './target-link.ts';
import { openWriter } from './writer.ts';

/** Bookkeeping of ended runs is kept this long, as the fence against a process that wakes up late. */
const KEEP_DAYS = 30;

/**
 * MySQL as a target: rows are staged beside the table and published in one transaction.
 *
 * @param connect opens a connection to the target's database with the data source's options
 */
export function createTarget(connect: Connect, context: Pick<OpenContext, 'log' | 'statement'>): Target {
  const told: Told = (sql, millis, rows) => context.statement(sql, millis, rows);
  const warn = (message: string) => context.log('warn', message);
  return {
    traits: { modes: MODES, publish: ['transaction'], maxWriters: MAX_WRITERS, splitBytes: null, expires: null },
    async prepare(load, signal) {
      await using link = await openLink(connect, signal);
      return await prepareLoad(link, load);
    },
    begin: (load, lease, previous, signal): Promise<Begun> => beginLoad(connect, told, load, lease, previous, signal),
    async writer(handle, { split }, lease, signal) {
      return openWriter(connect, told, handleOf(handle), split, lease, signal);
    },
    async verify(handle, receipts, lease, signal) {
      const { link, run } = await enterOpen(connect, lease, signal);
      await using _ = link;
      if (run.state === 'committed') return committed(receipts);
      return await verifyStaged(link, handleOf(handle), receipts, lease);
    },
    async commit(handle, receipts, lease, signal) {
      await commit(connect, told, warn, handleOf(handle), receipts, lease, signal);
    },
    outcome: (_handle, lease, signal) => outcome(connect, lease, signal),
    abort: (_handle, lease) => abort(connect, lease),
    async forget(handle, lease) {
      await forget(connect, told, warn, handleOf(handle), lease);
    },
  };
}

function committed(receipts: Receipt[]) {
  const rows = receipts.reduce((sum, receipt) => sum + receipt.rows, 0);
  return { ok: true, rows, message: `${rows} rows are published already.` };
}

async function enterOpen(connect: Connect, lease: Lease, signal: AbortSignal): Promise<{ link: Link; run: RunRow }> {
  const { link, run } = await enter(connect, lease, signal);
  if (run !== null && run.state !== 'aborted') return { link, run };
  link.cut();
  throw fenced(lease, null);
}

async function commit(
  connect: Connect,
  told: Told,
  warn: (message: string) => void,
  handle: Handle,
  receipts: Receipt[],
  lease: Lease,
  signal: AbortSignal,
): Promise<void> {
  const { link, run } = await enterOpen(connect, lease, signal);
  await using _ = link;
  // The server would go on with a statement whose client has left.
  const stop = () => void killSession(connect, link.connection.threadId);
  signal.addEventListener('abort', stop, { once: true });
  try {
    const now = run.state === 'open' && (await publish(link, handle, receipts, lease, told));
    if (now || !run.postSqlDone) await runAfter(link, handle, lease, told, warn);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function killSession(connect: Connect, id: number): Promise<void> {
  try {
    await using link = await openLink(connect, undefined);
    await link.change(`KILL CONNECTION ${id}`, 'ending the session that published');
  } catch {
    // It has ended already, or the server cannot be reached: then it finds the closed socket itself.
  }
}

/** The mark, read under its lock: a commit that is still under way is waited for, or ended by a takeover. */
async function outcome(connect: Connect, lease: Lease, signal: AbortSignal): Promise<Outcome> {
  const { link, run } = await enter(connect, lease, signal);
  await using _ = link;
  if (run === null) return 'gone';
  const now = await lockedRun(link, lease);
  if (now === null || now.state === 'aborted') return 'gone';
  if (now.state === 'committed') return 'committed';
  return (await stillStaged(link, lease)) ? 'open' : 'gone';
}

/** Ends this attempt's connections, then removes what it staged. What is committed stays. */
async function abort(connect: Connect, lease: Lease): Promise<void> {
  await using link = await openLink(connect, undefined);
  await killOthers(link, lease);
  const { link: seat, run } = await enter(connect, lease, undefined);
  await using _ = seat;
  if (run === null) return;
  const ended = await whileLocked(undefined, deadline(), () =>
    inTransaction(seat, async () => {
      const now = await readRun(seat, lease, true);
      if (now === null || now.state === 'committed') return now?.state;
      if (now.attempt !== lease.attempt) throw fenced(lease, now.attempt);
      await seat.change(
        `UPDATE ${RUN} SET state = 'aborted', changed = UTC_TIMESTAMP(6) WHERE ${ofInstance(lease)}`,
        'ending the run',
      );
      await seat.change(`DELETE FROM ${SLOT} WHERE ${ofInstance(lease)}`, 'clearing slots');
      return 'aborted';
    }),
  );
  if (ended === 'aborted') await whileLocked(undefined, deadline(), () => dropStaging(seat, lease));
}

/** After a commit that is recorded: staging and slots go at once, the run row later. */
async function forget(
  connect: Connect,
  told: Told,
  warn: (message: string) => void,
  handle: Handle,
  lease: Lease,
): Promise<void> {
  const { link, run } = await enter(connect, lease, undefined);
  await using _ = link;
  if (run?.state !== 'committed') return;
  if (!run.postSqlDone) await runAfter(link, handle, lease, told, warn);
  await whileLocked(undefined, deadline(), () => dropStaging(link, lease));
  await whileLocked(undefined, deadline(), () =>
    link.change(`DELETE FROM ${SLOT} WHERE ${ofInstance(lease)}`, 'clearing slots'),
  );
  await forgetOld(link);
}

/** Found without locks and deleted by key: other runs must not wait for housekeeping, nor it for them. */
async function forgetOld(link: Link): Promise<void> {
  const old = await link.rows(
    `SELECT instance FROM ${RUN} WHERE state <> 'open' AND changed < UTC_TIMESTAMP(6) - INTERVAL ${KEEP_DAYS} DAY LIMIT 100`,
    'looking for old runs',
  );
  for (const { instance } of old) {
    await link
      .change(
        `DELETE FROM ${RUN} WHERE instance = ${indexLiteral(String(instance))} AND state <> 'open'`,
        'clearing an old run',
      )
      .catch(() => {});
  }
}
