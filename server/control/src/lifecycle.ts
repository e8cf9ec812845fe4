import { randomUUID } from 'node:crypto';
import { and, eq, inArray, isNull, or, sql } from 'drizzle-orm';
import { now, readNow } from './clock.ts';
import type { Actor, Transaction } from './context.ts';
import type { Schedule, TaskDefinition } from './definitions.ts';
import { conflict, notFound } from './errors.ts';
import { businessDate, isEffective, nextOccurrences } from './occurrences.ts';
import { type InstanceState, instances, type Partition, type Trigger } from './tables/instances.ts';
import { tasks, taskVersions } from './tables/tasks.ts';
import { type Instance, moveInstances, record } from './transitions.ts';

type Task = typeof tasks.$inferSelect;

const PRIORITIES = { LOW: 0, NORMAL: 1, HIGH: 2 };

export async function definitionOf(tx: Transaction, task: { id: string; version: number }): Promise<TaskDefinition> {
  const [row] = await tx
    .select({ definition: taskVersions.definition })
    .from(taskVersions)
    .where(and(eq(taskVersions.taskId, task.id), eq(taskVersions.number, task.version)));
  return row.definition;
}

/** What two instances must not write at the same time: the object, or the same partition of it. */
function targetOf({ target }: TaskDefinition): { targetKey: string; targetPartition: Partition } {
  return {
    targetKey: `${target.dataSourceId}/${target.object.toLowerCase()}`,
    targetPartition: Object.fromEntries(target.partition.map((one) => [one.name.toLowerCase(), one.value])),
  };
}

export interface NewInstance {
  trigger: Trigger;
  scheduledAt: Date;
  state?: 'WAITING' | 'SKIPPED';
  by: string;
  reason: string;
}

/** Undefined where that period has its instance already. */
export async function createInstance(
  tx: Transaction,
  task: Task,
  definition: TaskDefinition,
  init: NewInstance,
): Promise<Instance | undefined> {
  return (await createInstances(tx, [instanceRow(task, definition, init)], init.by))[0];
}

export type InstanceRow = { values: typeof instances.$inferInsert; reason: string };

/** The row of a new instance, with what it needs of its task frozen into it. */
export function instanceRow(task: Task, definition: TaskDefinition, init: Omit<NewInstance, 'by'>): InstanceRow {
  const { options, schedule, target } = definition;
  const state: InstanceState = init.state ?? 'WAITING';
  const values = {
    workspaceId: task.workspaceId,
    taskId: task.id,
    taskVersion: task.version,
    trigger: init.trigger,
    triggerKey: init.trigger === 'SCHEDULE' ? '' : randomUUID(),
    chain: task.chain,
    state,
    scheduledAt: init.scheduledAt,
    businessDate: businessDate(init.scheduledAt, schedule.timeZone),
    dueAt: init.scheduledAt,
    createdAt: now,
    endedAt: state === 'SKIPPED' ? now : null,
    priority: PRIORITIES[options.priority],
    memoryMb: options.memoryMb,
    cpu: options.cpu,
    ...targetOf(definition),
    appends: target.writeMode === 'APPEND',
    dependsOnPrevious: init.trigger === 'SCHEDULE' || init.trigger === 'ONLINE' ? schedule.dependsOnPrevious : 'NONE',
    timeoutMinutes: options.timeoutMinutes,
  };
  return { values: values as unknown as typeof instances.$inferInsert, reason: init.reason };
}

const ROWS_A_STATEMENT = 500;

/** Those that were made: periods that have their instance already are left as they are. */
export async function createInstances(tx: Transaction, rows: readonly InstanceRow[], by: string): Promise<Instance[]> {
  const all: Instance[] = [];
  for (let at = 0; at < rows.length; at += ROWS_A_STATEMENT) {
    const some = rows.slice(at, at + ROWS_A_STATEMENT);
    const made = await tx
      .insert(instances)
      .values(some.map((row) => row.values))
      .onConflictDoNothing()
      .returning();
    all.push(...made);
    const reasons = new Map(some.map((row) => [keyOf(row.values), row.reason]));
    for (const reason of new Set(reasons.values())) {
      const changes = made.filter((one) => reasons.get(keyOf(one)) === reason);
      await record(
        tx,
        changes.map((instance) => ({ instance, from: null })),
        by,
        reason,
      );
    }
  }
  return all;
}

const keyOf = (row: { taskId: string; scheduledAt: Date; triggerKey: string }) =>
  `${row.taskId} ${row.scheduledAt.getTime()} ${row.triggerKey}`;

const wholeSecond = (date: Date) => new Date(Math.floor(date.getTime() / 1_000) * 1_000);

/** Whoever changes a task and its instances locks the task first: two of them would wait for each other otherwise. */
export async function lockTask(tx: Transaction, taskId: string): Promise<Task | undefined> {
  const [task] = await tx.select().from(tasks).where(eq(tasks.id, taskId)).for('update');
  return task;
}

async function locked(tx: Transaction, taskId: string): Promise<Task> {
  const task = await lockTask(tx, taskId);
  if (task === undefined || task.deletedAt !== null) throw notFound('task', taskId);
  return task;
}

/** Schedules a task from now on. An online task stays as it is. @throws ConflictError where no period would follow */
export async function bringOnline(tx: Transaction, taskId: string, actor: Actor): Promise<void> {
  const task = await locked(tx, taskId);
  if (task.state === 'ONLINE') return;
  const definition = await definitionOf(tx, task);
  const { schedule } = definition;
  const at = await readNow(tx);
  const runsNow =
    schedule.type === 'ONCE' ? schedule.runAt === null : schedule.runOnOnline && isEffective(schedule, at);
  const nextDue = firstDue(schedule, at, task);
  const online = { ...task, chain: task.chain + 1 };
  await tx
    .update(tasks)
    .set({ state: 'ONLINE', chain: online.chain, nextDue, updatedAt: now })
    .where(eq(tasks.id, task.id));
  if (runsNow)
    await createInstance(tx, online, definition, {
      trigger: 'ONLINE',
      scheduledAt: wholeSecond(at),
      by: actor.name,
      reason: 'brought online',
    });
}

/** @throws ConflictError where none follows */
export function firstDue(schedule: Schedule, at: Date, task: Task): Date | null {
  if (schedule.type === 'ONCE') {
    if (schedule.runAt === null) return null;
    const due = new Date(schedule.runAt);
    if (due <= at)
      throw conflict(
        'RUN_AT_PASSED',
        `The time of task "${task.name}" (${schedule.runAt}) lies in the past.`,
        'Give it a new time.',
        [{ type: 'Task', id: task.id }],
      );
    return due;
  }
  const [first] = nextOccurrences(schedule, at, 1);
  if (first === undefined)
    throw conflict('NO_PERIOD_LEFT', `No period of task "${task.name}" lies ahead.`, 'Change its effective dates.', [
      { type: 'Task', id: task.id },
    ]);
  return first;
}

/** No new instances; those that wait are cancelled, those that run finish unless they are to be stopped. */
export async function takeOffline(
  tx: Transaction,
  taskId: string,
  actor: { name: string },
  how: { stopRunning: boolean },
): Promise<void> {
  const task = await locked(tx, taskId);
  if (task.state !== 'OFFLINE')
    await tx.update(tasks).set({ state: 'OFFLINE', nextDue: null, updatedAt: now }).where(eq(tasks.id, task.id));
  await endOpen(tx, taskId, actor.name, 'taken offline');
  if (!how.stopRunning) return;
  await tx
    .update(instances)
    .set({ stopTo: 'CANCELLED', stopReason: 'taken offline', stopBy: actor.name })
    .where(and(eq(instances.taskId, taskId), stoppable));
}

/** Publishing by session or swap takes a moment and cannot be cut off; by transaction or in steps it can. */
export const stoppable = and(
  eq(instances.state, 'RUNNING'),
  eq(instances.needsDecision, false),
  or(eq(instances.committing, false), inArray(instances.publish, ['transaction', 'stepped'])),
);

/**
 * What waits is cancelled, what runs is on its last attempt. An instance that may have been published already is not
 * cancelled: only finding out ends it, and where it was not, it is not copied anew.
 */
async function endOpen(tx: Transaction, taskId: string, by: string, reason: string): Promise<void> {
  const mine = and(eq(instances.taskId, taskId), eq(instances.committing, false));
  const waiting = await tx
    .select({ id: instances.id })
    .from(instances)
    .where(and(mine, inArray(instances.state, ['WAITING', 'QUEUED'])));
  await moveInstances(
    tx,
    waiting.map((one) => one.id),
    { from: ['WAITING', 'QUEUED'], to: 'CANCELLED', by, reason, set: endedWith('abort') },
  );
  const open = inArray(instances.state, ['WAITING', 'QUEUED', 'RUNNING']);
  await tx
    .update(instances)
    .set({ lastAttempt: true })
    .where(and(eq(instances.taskId, taskId), open));
}

/** Fields of an instance that has ended; what it may have left in its target is cleaned up afterwards. */
export function endedWith(cleanup: 'abort' | 'forget'): Partial<Record<keyof Instance, unknown>> {
  return {
    endedAt: now,
    owner: null,
    leaseUntil: null,
    waitingFor: null,
    phase: null,
    // Once it was planned, a target may have begun whose handle was never stored.
    cleanup: sql`case when ${instances.handle} is null and not ${instances.planned} then null else ${cleanup} end`,
    cleanupAt: now,
  };
}

/**
 * What the end of an instance means for its task: a task that runs once has finished; a failure may take it offline. The
 * task is locked already.
 */
export async function afterEnd(tx: Transaction, instance: Instance, definition: TaskDefinition): Promise<void> {
  if (instance.trigger !== 'SCHEDULE' && instance.trigger !== 'ONLINE') return;
  const { schedule } = definition;
  const mine = and(eq(tasks.id, instance.taskId), eq(tasks.chain, instance.chain), eq(tasks.state, 'ONLINE'));
  if (schedule.type === 'ONCE') {
    // A time that it was given meanwhile, or periods, are still to come.
    await tx
      .update(tasks)
      .set({ state: 'FINISHED', updatedAt: now })
      .where(and(mine, isNull(tasks.nextDue)));
    return;
  }
  if (!schedule.offlineOnFailure || (instance.state !== 'FAILED' && instance.state !== 'TIMED_OUT')) return;
  const offline = await tx
    .update(tasks)
    .set({ state: 'OFFLINE', nextDue: null, updatedAt: now })
    .where(mine)
    .returning({ id: tasks.id });
  if (offline.length > 0) await endOpen(tx, instance.taskId, 'scheduler', 'taken offline after a failure');
}
