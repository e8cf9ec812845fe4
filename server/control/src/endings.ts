import type { Failure } from '@sampan/connector';
import type { RunEnd } from '@sampan/hosts/messages';
import { and, eq, sql } from 'drizzle-orm';
import { owned } from './claims.ts';
import { now } from './clock.ts';
import type { Control, Transaction } from './context.ts';
import type { FailureKindName, TaskDefinition } from './definitions.ts';
import { afterEnd, endedWith } from './lifecycle.ts';
import { attempts, instances } from './tables/instances.ts';
import { type Instance, moveInstance } from './transitions.ts';

/** A process that dies by itself is tried again so often, whatever the task says of retries. */
const MOST_CRASHES = 5;

interface Ending {
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
export async function endAttempt(control: Control, ending: Ending, end: RunEnd): Promise<void> {
  if (end.end === 'lost') return closeAttempt(control, ending, 'lost', null);
  await control.db.transaction(async (tx) => {
    if (end.end === 'undecided') return undecided(tx, ending, end.message);
    if (end.end === 'committed') return finish(tx, ending, 'SUCCEEDED', null, null);
    if (end.end === 'stopped') return stopped(tx, ending);
    return failed(tx, ending, end.failure);
  });
  await closeAttempt(control, ending, end.end, end.end === 'failed' ? end.failure : null);
}

async function closeAttempt(
  control: Control,
  { instance }: Ending,
  outcome: string,
  failure: Failure | null,
): Promise<void> {
  await control.db
    .update(attempts)
    .set({ processEnded: true, endedAt: now, outcome, failure })
    .where(and(eq(attempts.instanceId, instance.id), eq(attempts.number, instance.attempt)));
}

const mine = ({ instance, worker }: Ending) => owned({ id: instance.id, attempt: instance.attempt }, worker);

async function finish(
  tx: Transaction,
  ending: Ending,
  to: 'SUCCEEDED' | 'FAILED' | 'CANCELLED' | 'TIMED_OUT',
  reason: string | null,
  failure: Failure | null,
): Promise<void> {
  const { instance, definition, worker } = ending;
  const set = { ...endedWith(to === 'SUCCEEDED' ? 'forget' : 'abort'), failure, needsDecision: false, ranMs: ranSoFar };
  const by = (to === 'CANCELLED' || to === 'TIMED_OUT') && ending.stopBy ? ending.stopBy : worker;
  const moved = await moveInstance(tx, instance.id, { from: ['RUNNING'], to, by, reason, set, where: mine(ending) });
  if (moved !== undefined) await afterEnd(tx, moved, definition);
}

const ranSoFar = sql`${instances.ranMs} + coalesce((select extract(epoch from sampan_now() - started_at) * 1000 from attempts where instance_id = ${instances.id} and number = ${instances.attempt}), 0)::bigint`;

async function stopped(tx: Transaction, ending: Ending): Promise<void> {
  if (ending.stopTo !== null) return finish(tx, ending, ending.stopTo, ending.stopReason, null);
  // Nobody asked the instance to stop: its worker is leaving, and another attempt goes on.
  await requeue(tx, ending, 'worker stopped');
}

async function requeue(tx: Transaction, ending: Ending, reason: string): Promise<void> {
  await moveInstance(tx, ending.instance.id, {
    from: ['RUNNING'],
    to: 'QUEUED',
    by: ending.worker,
    reason,
    set: { owner: null, leaseUntil: null, phase: null, ranMs: ranSoFar },
    where: mine(ending),
  });
}

async function undecided(tx: Transaction, ending: Ending, message: string): Promise<void> {
  const failure: Failure = {
    kind: 'busy',
    code: 'COMMIT_UNDECIDED',
    message,
    hint: 'Look into the target, then say with resolveCommit whether this run is in it.',
    retryAfterMs: null,
    side: 'writer',
  };
  await tx.update(instances).set({ needsDecision: true, owner: null, leaseUntil: null, failure }).where(mine(ending));
}

async function failed(tx: Transaction, ending: Ending, failure: Failure): Promise<void> {
  const { instance, definition } = ending;
  const { options } = definition;
  if (failure.code === 'HOST_DIED' && instance.attempt < MOST_CRASHES)
    return requeue(tx, ending, `${failure.message.slice(0, 200)}`);
  const retries =
    options.retryOn.includes(failure.kind.toUpperCase() as FailureKindName) && failure.code !== 'HOST_DIED';
  // Once committing has begun, another attempt can only find out what became of it; the engine has done so already.
  if (!retries || instance.retriesUsed >= options.retries)
    return finish(tx, ending, 'FAILED', failure.message.slice(0, 500), failure);
  const seconds = Math.max(
    options.retryDelaySeconds * options.retryBackoff ** instance.retriesUsed,
    (failure.retryAfterMs ?? 0) / 1_000,
  );
  await moveInstance(tx, instance.id, {
    from: ['RUNNING'],
    to: 'WAITING',
    by: ending.worker,
    reason: 'retry',
    set: {
      dueAt: sql`sampan_now() + make_interval(secs => ${seconds})`,
      retriesUsed: instance.retriesUsed + 1,
      committing: false,
      owner: null,
      leaseUntil: null,
      phase: null,
      waitingFor: `a retry after: ${failure.message.slice(0, 200)}`,
      failure,
      ranMs: ranSoFar,
    },
    where: mine(ending),
  });
}
