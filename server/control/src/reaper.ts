import { isConnectorError } from '@sampan/connector';
import { and, eq, isNotNull, lt, lte, sql } from 'drizzle-orm';
import { now } from './clock.ts';
import type { Control } from './context.ts';
import { endOf } from './data-sources.ts';
import { afterEnd, endedWith } from './lifecycle.ts';
import { versionOf } from './run-specs.ts';
import { attempts, instances } from './tables/instances.ts';
import { type Instance, moveInstance } from './transitions.ts';

const AT_ONCE = 100;
/** A process that crashes its worker every time must not do so for ever. */
const MOST_ATTEMPTS = 20;

/** Gives instances whose lease ran out to another attempt, or ends them where that was asked for. */
export async function reapLeases(control: Control): Promise<void> {
  const expired = await control.db
    .select()
    .from(instances)
    .where(and(eq(instances.state, 'RUNNING'), eq(instances.needsDecision, false), lt(instances.leaseUntil, now)))
    .limit(AT_ONCE);
  for (const instance of expired) await reap(control, instance);
}

async function reap(control: Control, instance: Instance): Promise<void> {
  const definition = await versionOf(control, instance);
  await control.db.transaction(async (tx) => {
    const still = and(eq(instances.attempt, instance.attempt), lt(instances.leaseUntil, now));
    const lost = { owner: null, leaseUntil: null, phase: null };
    const stopTo = instance.committing ? null : instance.stopTo;
    const worn = instance.attempt >= MOST_ATTEMPTS && !instance.committing;
    if (stopTo !== null || worn) {
      const to = stopTo ?? 'FAILED';
      const reason = stopTo === null ? `its worker was lost ${instance.attempt} times` : instance.stopReason;
      const moved = await moveInstance(tx, instance.id, {
        from: ['RUNNING'],
        to,
        by: instance.stopBy ?? 'scheduler',
        reason,
        set: { ...lost, ...endedWith('abort') },
        where: still,
      });
      if (moved !== undefined) await afterEnd(tx, moved, definition);
    } else
      await moveInstance(tx, instance.id, {
        from: ['RUNNING'],
        to: 'QUEUED',
        by: 'scheduler',
        reason: 'lease lost',
        set: lost,
        where: still,
      });
    await tx
      .update(attempts)
      .set({ endedAt: now, outcome: 'lease lost' })
      .where(
        and(
          eq(attempts.instanceId, instance.id),
          eq(attempts.number, instance.attempt),
          sql`${attempts.endedAt} is null`,
        ),
      );
  });
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
