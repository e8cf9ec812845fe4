import type { Json } from '@sampan/connector';
import { and, inArray, type SQL, sql } from 'drizzle-orm';
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
  reason: string;
  set?: Partial<Record<keyof Instance, unknown>>;
  /** Further conditions, such as the attempt that may do this. */
  where?: SQL | undefined;
}

/**
 * The only way instances change their state: one conditional UPDATE, recorded in the same transaction. Those that were
 * not in one of the states, or not under the conditions, are left as they are and are not in the answer.
 */
export async function moveInstances(tx: Transaction, ids: readonly string[], move: Move): Promise<Instance[]> {
  if (ids.length === 0) return [];
  // In the order of ids, so that two who move some of the same never wait for each other.
  const before = await tx
    .select({ id: instances.id, state: instances.state })
    .from(instances)
    .where(inArray(instances.id, [...ids]))
    .orderBy(instances.id)
    .for('update');
  const moved = await tx
    .update(instances)
    .set({ ...(move.set as object), state: move.to })
    .where(and(inArray(instances.id, [...ids]), inArray(instances.state, move.from), move.where))
    .returning();
  const from = new Map(before.map((one) => [one.id, one.state]));
  await record(
    tx,
    moved.map((instance) => ({ instance, from: from.get(instance.id)! })),
    move.by,
    move.reason,
  );
  return moved;
}

/** The same for one. Undefined where it was not moved. */
export async function moveInstance(tx: Transaction, id: string, move: Move): Promise<Instance | undefined> {
  return (await moveInstances(tx, [id], move))[0];
}

interface Change {
  instance: Instance;
  /** Null where it was made. */
  from: InstanceState | null;
}

/** Writes transitions down; the notice goes out when the transaction commits. */
export async function record(tx: Transaction, changes: readonly Change[], by: string, reason: string): Promise<void> {
  if (changes.length === 0) return;
  await tx.insert(transitions).values(
    changes.map(({ instance, from }) => ({
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
    })),
  );
  await tx.execute(sql`select pg_notify(${WORK_CHANNEL}, '')`);
}

/** The instance as it is now, without what only the machinery needs. */
export function snapshotOf(instance: Instance): Record<string, Json> {
  const { handle: _handle, owner: _owner, ...shown } = instance;
  return JSON.parse(JSON.stringify(shown)) as Record<string, Json>;
}
