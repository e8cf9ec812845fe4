import type { Failure } from '@sampan/connector';
import type { HostEnd } from '@sampan/hosts/messages';
import { and, eq, sql } from 'drizzle-orm';
import { owned, ranSoFar } from './claims.ts';
import { now } from './clock.ts';
import type { Control, Transaction } from './context.ts';
import type { FailureKindName, TaskDefinition } from './definitions.ts';
import { afterEnd, endedWith, lockTask } from './lifecycle.ts';
import { PROGRESS_CHANNEL } from './run-store.ts';
import { attempts, instances } from './tables/instances.ts';
import { type Instance, moveInstance } from './transitions.ts';

/** A process that dies by itself is tried again so often, whatever the task says of retries. */
const MOST_CRASHES = 5;
/** How often a commit whose outcome is not known is asked about, by attempts, before a person has to. */
const MOST_ASKED = 20;
const ASK_AGAIN_SECONDS = 10;

export interface Ending {
  instance: Instance;
  definition: TaskDefinition;
  worker: string;
  /** What was asked for, where the run was stopped. */
  stopTo: Instance['stopTo'];
  stopReason: string | null;
  stopBy: string | null;
}

/**
 * Moves an instance to what follows from how its attempt ended; the mark of success, the state and what it means for the
 * task are one transaction. An attempt that is no longer the owner changes nothing.
 */
export async function endAttempt(control: Control, ending: Ending, end: HostEnd): Promise<void> {
  const failure = 'failure' in end ? end.failure : null;
  if (end.end !== 'lost') {
    await control.db.transaction(async (tx) => {
      await lockTask(tx, ending.instance.taskId);
      const [row] = await tx.select().from(instances).where(mine(ending)).for('update');
      if (row !== undefined) await follow(tx, { ...ending, instance: row }, end);
    });
  }
  await control.db
    .update(attempts)
    .set({ processEnded: true, endedAt: now, outcome: end.end, failure })
    .where(and(eq(attempts.instanceId, ending.instance.id), eq(attempts.number, ending.instance.attempt)));
}

async function follow(tx: Transaction, ending: Ending, end: HostEnd): Promise<void> {
  switch (end.end) {
    case 'committed':
      return finish(tx, ending, 'SUCCEEDED', 'committed', null);
    case 'undecided':
      return end.again
        ? askAgain(tx, ending, undecidedFailure(end.message), ASK_AGAIN_SECONDS)
        : undecided(tx, ending, end.message);
    case 'stopped':
      return stopped(tx, ending, end.unpublished === true);
    case 'failed':
    case 'died':
      // Killed because it did not stop in time, or stopped by itself before it heard of it.
      if (stopOf(ending).stopTo !== null && !ending.instance.committing) return stopped(tx, ending, true);
      return failed(tx, ending, end.failure, end.end === 'died');
    default:
  }
}

const mine = ({ instance, worker }: Ending) => owned({ id: instance.id, attempt: instance.attempt }, worker);

const stopOf = (ending: Ending) => (ending.stopTo !== null ? ending : ending.instance);

async function finish(
  tx: Transaction,
  ending: Ending,
  to: 'SUCCEEDED' | 'FAILED' | 'CANCELLED' | 'TIMED_OUT',
  reason: string,
  failure: Failure | null,
): Promise<void> {
  const { instance, definition, worker } = ending;
  const set = { ...endedWith(to === 'SUCCEEDED' ? 'forget' : 'abort'), failure, needsDecision: false, ranMs };
  const by = (to === 'CANCELLED' || to === 'TIMED_OUT' ? stopOf(ending).stopBy : null) ?? worker;
  const moved = await moveInstance(tx, instance.id, { from: ['RUNNING'], to, by, reason, set });
  if (moved !== undefined) await afterEnd(tx, moved, definition);
}

const ranMs = ranSoFar(sql`sampan_now()`);
const released = { owner: null, leaseUntil: null, phase: null, ranMs };

/** @param unpublished also where it was being published: then only the target's own word counts */
async function stopped(tx: Transaction, ending: Ending, unpublished: boolean): Promise<void> {
  const { stopTo, stopReason } = stopOf(ending);
  if (stopTo !== null && (unpublished || !ending.instance.committing))
    return finish(tx, ending, stopTo, stopReason ?? 'stopped', null);
  // Nobody asked the instance to stop: its worker is leaving, and another attempt goes on.
  await requeue(tx, ending, 'worker stopped');
}

async function requeue(tx: Transaction, ending: Ending, reason: string): Promise<void> {
  const { instance, worker } = ending;
  if (instance.lastAttempt && !instance.committing) return finish(tx, ending, 'CANCELLED', 'taken offline', null);
  await moveInstance(tx, instance.id, { from: ['RUNNING'], to: 'QUEUED', by: worker, reason, set: released });
}

const undecidedFailure = (message: string): Failure => ({
  kind: 'busy',
  code: 'COMMIT_UNDECIDED',
  message,
  hint: 'Look into the target. Once needsDecision is set, say with resolveCommit whether this run is in it.',
  retryAfterMs: null,
  side: 'writer',
});

async function undecided(tx: Transaction, { instance }: Ending, message: string): Promise<void> {
  await tx
    .update(instances)
    .set({ needsDecision: true, owner: null, leaseUntil: null, ranMs, failure: undecidedFailure(message) })
    .where(eq(instances.id, instance.id));
  // The state stays: those who follow the instance hear of it as progress.
  await tx.execute(sql`select pg_notify(${PROGRESS_CHANNEL}, ${instance.id})`);
}

/** @param died a failure of the process, not of the work: it says nothing about what became of a commit */
async function failed(tx: Transaction, ending: Ending, failure: Failure, died: boolean): Promise<void> {
  const { instance, definition } = ending;
  const { options } = definition;
  const told = failure.message.slice(0, 500);
  // In this phase the engine has asked the target before it said "failed"; before it, or cut off in it, nobody knows.
  if (instance.committing && (died || instance.phase !== 'COMMITTING'))
    return askAgain(tx, ending, failure, died ? 0 : ASK_AGAIN_SECONDS);
  if (died && failure.kind === 'busy' && (await crashesOf(tx, instance)) < MOST_CRASHES - 1)
    return requeue(tx, ending, told.slice(0, 200));
  const retried = options.retryOn.includes(failure.kind.toUpperCase() as FailureKindName) && !died;
  if (!retried || instance.lastAttempt || instance.retriesUsed >= options.retries)
    return finish(tx, ending, 'FAILED', told, failure);
  const seconds = Math.max(
    options.retryDelaySeconds * options.retryBackoff ** instance.retriesUsed,
    (failure.retryAfterMs ?? 0) / 1_000,
  );
  await wait(tx, ending, failure, seconds, {
    retriesUsed: instance.retriesUsed + 1,
    // What was staged is gone for good, so it cannot be published late: the whole copy may begin anew.
    ...(failure.code === 'STAGED_GONE' ? { committing: false } : {}),
  });
}

/** It may have been published: the next attempt only finds out and finishes. It neither costs a retry nor fails. */
async function askAgain(tx: Transaction, ending: Ending, failure: Failure, seconds: number): Promise<void> {
  const { instance } = ending;
  if (instance.attempt >= MOST_ASKED)
    return undecided(tx, ending, `Whether this run was committed could not be found out: ${failure.message}`);
  await wait(tx, ending, failure, seconds, {});
}

async function wait(tx: Transaction, ending: Ending, failure: Failure, seconds: number, set: object): Promise<void> {
  await moveInstance(tx, ending.instance.id, {
    from: ['RUNNING'],
    to: 'WAITING',
    by: ending.worker,
    reason: 'retry',
    set: {
      ...released,
      dueAt: sql`sampan_now() + make_interval(secs => ${seconds})`,
      waitingFor: `a retry after: ${failure.message.slice(0, 200)}`,
      failure,
      ...set,
    },
  });
}

/** Earlier attempts whose process died. */
async function crashesOf(tx: Transaction, instance: Instance): Promise<number> {
  const [{ n }] = await tx
    .select({ n: sql<number>`count(*)::int` })
    .from(attempts)
    .where(and(eq(attempts.instanceId, instance.id), eq(attempts.outcome, 'died')));
  return n;
}
