import { type Failure, isConnectorError } from '@sampan/connector';
import { and, eq, isNotNull, isNull, lt, lte, sql } from 'drizzle-orm';
import { ranSoFar } from './claims.ts';
import { now } from './clock.ts';
import type { Control, Transaction } from './context.ts';
import { endOf } from './data-sources.ts';
import { afterEnd, definitionOf, endedWith, lockTask } from './lifecycle.ts';
import { versionOf } from './run-specs.ts';
import { attempts, instances } from './tables/instances.ts';
import { type Instance, moveInstance } from './transitions.ts';

const AT_ONCE = 100;
/** An instance that takes its worker along every time must not do so for ever. */
const MOST_LOST = 20;

/** Gives instances whose lease ran out to another attempt, or ends them where that was asked for. */
export async function reapLeases(control: Control): Promise<void> {
  const expired = await control.db
    .select()
    .from(instances)
    .where(and(eq(instances.state, 'RUNNING'), eq(instances.needsDecision, false), lt(instances.leaseUntil, now)))
    .orderBy(instances.leaseUntil)
    .limit(AT_ONCE);
  for (const instance of expired) {
    // One that cannot be reaped must not keep the others from it.
    await reap(control, instance).catch((error: unknown) =>
      control.log.warn({ err: error, instance: instance.id }, 'a lost lease could not be given on'),
    );
  }
}

async function reap(control: Control, { id, attempt, taskId }: Instance): Promise<void> {
  await control.db.transaction(async (tx) => {
    await lockTask(tx, taskId);
    const [instance] = await tx
      .select()
      .from(instances)
      .where(
        and(
          eq(instances.id, id),
          eq(instances.attempt, attempt),
          eq(instances.state, 'RUNNING'),
          lt(instances.leaseUntil, now),
        ),
      )
      .for('update');
    if (instance === undefined) return;
    const here = and(eq(attempts.instanceId, id), eq(attempts.number, attempt));
    await tx
      .update(attempts)
      .set({ endedAt: now, outcome: LOST })
      .where(and(here, isNull(attempts.endedAt)));
    await follow(tx, instance);
  });
}

const LOST = 'lease lost';

async function follow(tx: Transaction, instance: Instance): Promise<void> {
  const ending = await endingOf(tx, instance);
  const set = { owner: null, leaseUntil: null, phase: null, ranMs: ranSoFar(sql`${instances.leaseUntil}`) };
  if (ending === null) {
    await moveInstance(tx, instance.id, { from: ['RUNNING'], to: 'QUEUED', by: 'scheduler', reason: LOST, set });
    return;
  }
  const { to, by, reason, failure } = ending;
  const moved = await moveInstance(tx, instance.id, {
    from: ['RUNNING'],
    to,
    by,
    reason,
    set: { ...set, ...endedWith('abort'), failure },
  });
  if (moved !== undefined)
    await afterEnd(tx, moved, await definitionOf(tx, { id: instance.taskId, version: instance.taskVersion }));
}

interface LostEnding {
  to: 'CANCELLED' | 'TIMED_OUT' | 'FAILED';
  by: string;
  reason: string;
  failure: Failure | null;
}

/** Null: another attempt goes on. What may have been published always does: only finding out ends it. */
async function endingOf(tx: Transaction, instance: Instance): Promise<LostEnding | null> {
  const { stopTo, stopBy, stopReason, lastAttempt, committing, failure } = instance;
  if (committing) return null;
  if (stopTo !== null) return { to: stopTo, by: stopBy ?? 'scheduler', reason: stopReason ?? 'stopped', failure };
  if (lastAttempt) return { to: 'CANCELLED', by: 'scheduler', reason: 'taken offline', failure };
  const [{ lost }] = await tx
    .select({ lost: sql<number>`count(*)::int` })
    .from(attempts)
    .where(and(eq(attempts.instanceId, instance.id), eq(attempts.outcome, LOST)));
  if (lost < MOST_LOST) return null;
  const message = `Its worker was lost ${lost} times.`;
  return {
    to: 'FAILED',
    by: 'scheduler',
    reason: message,
    failure: {
      kind: 'bug',
      code: 'WORKER_LOST',
      message,
      hint: 'Look at the memory of the workers and at their logs.',
      retryAfterMs: null,
      side: null,
    },
  };
}

/** A target that does not answer is asked again after this long. */
const CLEANUP_AGAIN_SECONDS = 60;

/** Removes from targets what ended instances left there. Whoever ended them wrote down that it is to be done. */
export async function cleanUp(control: Control): Promise<void> {
  const waiting = await control.db
    .select()
    .from(instances)
    .where(and(isNotNull(instances.cleanup), lte(instances.cleanupAt, now)))
    .limit(10);
  for (const instance of waiting) await cleanUpOne(control, instance);
}

async function cleanUpOne(control: Control, instance: Instance): Promise<void> {
  // Taken by moving its time on: another process finds nothing to do meanwhile.
  const taken = await control.db
    .update(instances)
    .set({ cleanupAt: sql`sampan_now() + make_interval(secs => ${CLEANUP_AGAIN_SECONDS})` })
    .where(and(eq(instances.id, instance.id), isNotNull(instances.cleanup), lte(instances.cleanupAt, now)))
    .returning({ id: instances.id });
  if (taken.length === 0) return;
  try {
    const definition = await versionOf(control, instance);
    const end = await endOf(control, definition.target.dataSourceId, null);
    const lease = { instance: instance.id, attempt: instance.attempt };
    await control.hosts.ask(instance.cleanup as 'abort' | 'forget', { end, handle: instance.handle ?? null, lease });
    await control.db.update(instances).set({ cleanup: null, cleanupAt: null }).where(eq(instances.id, instance.id));
  } catch (error) {
    const code = isConnectorError(error) ? error.code : 'INTERNAL';
    control.log.warn(
      { instance: instance.id, code, reason: (error as Error).message },
      'cleaning up in the target failed, it is tried again',
    );
  }
}
