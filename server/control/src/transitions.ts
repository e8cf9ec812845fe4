import type { Json } from '@sampan/connector';
import { and, eq, inArray, type SQL, sql } from 'drizzle-orm';
import { now } from './clock.ts';
import type { Transaction } from './context.ts';
import { type InstanceState, instances, transitions } from './tables/instances.ts';

export type Instance = typeof instances.$inferSelect;

/** Work that somebody is waiting for: the scheduler and the workers listen. */
export const WORK_CHANNEL = 'sampan_work';

export interface Move {
  from: InstanceState[];
  to: InstanceState;
  /** Who: `scheduler`, a worker's name, or a user's. */
  by: string;
  reason: string | null;
  set?: Partial<Record<keyof Instance, unknown>>;
  /** Further conditions, such as the attempt that may do this. */
  where?: SQL | undefined;
}

/**
 * The only way an instance changes its state: one conditional UPDATE, recorded in the same transaction.
 * Undefined where the instance was not in one of those states, or not under those conditions.
 */
export async function moveInstance(tx: Transaction, id: string, move: Move): Promise<Instance | undefined> {
  const [before] = await tx
    .select({ state: instances.state })
    .from(instances)
    .where(eq(instances.id, id))
    .for('update');
  if (before === undefined) return undefined;
  const [moved] = await tx
    .update(instances)
    .set({ ...(move.set as object), state: move.to })
    .where(and(eq(instances.id, id), inArray(instances.state, move.from), move.where))
    .returning();
  if (moved === undefined) return undefined;
  await record(tx, moved, before.state, move.by, move.reason);
  return moved;
}

/** Writes a transition down; the notice goes out when the transaction commits. */
export async function record(
  tx: Transaction,
  instance: Instance,
  from: InstanceState | null,
  by: string,
  reason: string | null,
): Promise<void> {
  await tx.insert(transitions).values({
    workspaceId: instance.workspaceId,
    instanceId: instance.id,
    taskId: instance.taskId,
    from,
    to: instance.state,
    at: now,
    by,
    reason,
    attempt: instance.attempt,
    snapshot: snapshotOf(instance),
  });
  await tx.execute(sql`select pg_notify(${WORK_CHANNEL}, '')`);
}

/** The instance as it is now, without what only the machinery needs. */
export function snapshotOf(instance: Instance): Record<string, Json> {
  const { handle: _handle, owner: _owner, ...shown } = instance;
  return JSON.parse(JSON.stringify(shown)) as Record<string, Json>;
}
