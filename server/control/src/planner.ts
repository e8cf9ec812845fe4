import { and, asc, eq, inArray, isNotNull, lte, sql } from 'drizzle-orm';
import { readNow } from './clock.ts';
import type { Control, Transaction } from './context.ts';
import type { Schedule, TaskDefinition } from './definitions.ts';
import { conflict } from './errors.ts';
import { createInstances, firstDue, type InstanceRow, instanceRow, lockTask } from './lifecycle.ts';
import { occurrencesAfter } from './occurrences.ts';
import { instances } from './tables/instances.ts';
import { tasks, taskVersions } from './tables/tasks.ts';

type Task = typeof tasks.$inferSelect;

/** An occurrence later than this is a missed one. */
const LATE_MS = 60_000;
const TASKS_A_ROUND = 200;
/** Why an instance of a period was made. */
const DUE = 'due';
/** Missed periods that are written down in one round for one task; the rest follows in the next. */
const PERIODS_A_ROUND = 100;

/**
 * Makes the instances of all periods that are due, a number of tasks in one transaction each. Any process may do it,
 * several at once too: each takes tasks that no other holds. How many tasks were due.
 */
export async function planDue(control: Control): Promise<number> {
  let planned = 0;
  // Each task once: one that has to wait for room stays due, and must not keep the others from being planned.
  for (let after: Place | null = { due: new Date(0), id: NO_ID }; after !== null; ) {
    const from: Place = after;
    const round = await control.db.transaction((tx) => planRound(control, tx, from));
    planned += round.tasks;
    after = round.last;
  }
  return planned;
}

interface Place {
  due: Date;
  id: string;
}

const NO_ID = '00000000-0000-0000-0000-000000000000';

async function planRound(
  control: Control,
  tx: Transaction,
  after: Place,
): Promise<{ tasks: number; last: Place | null }> {
  const due = await tx
    .select()
    .from(tasks)
    .where(
      and(
        eq(tasks.state, 'ONLINE'),
        isNotNull(tasks.nextDue),
        lte(tasks.nextDue, sql`sampan_now()`),
        sql`(${tasks.nextDue}, ${tasks.id}) > (${after.due.toISOString()}::timestamptz, ${after.id}::uuid)`,
      ),
    )
    .orderBy(asc(tasks.nextDue), asc(tasks.id))
    .limit(TASKS_A_ROUND)
    .for('update', { skipLocked: true });
  if (due.length === 0) return { tasks: 0, last: null };
  const at = await readNow(tx);
  const definitions = await definitionsOf(tx, due);
  const waiting = await countWaiting(tx, due);
  const rows: InstanceRow[] = [];
  const moved: Planned[] = [];
  for (const task of due) {
    try {
      const plan = planTask(task, definitions.get(task.id)!, waiting.get(task.id) ?? 0, at);
      rows.push(...plan.rows);
      moved.push({ id: task.id, next: plan.next, ended: plan.ended });
    } catch (error) {
      // A schedule that this machine cannot read, such as a time zone it does not know, must not stop the others.
      control.log.error({ err: error, task: task.id }, 'the periods of a task could not be planned');
    }
  }
  await createInstances(tx, rows, 'scheduler');
  await advance(tx, moved);
  const { nextDue, id } = due[due.length - 1];
  return { tasks: due.length, last: due.length < TASKS_A_ROUND ? null : { due: nextDue!, id } };
}

async function definitionsOf(tx: Transaction, due: readonly Task[]): Promise<Map<string, TaskDefinition>> {
  const found = await tx
    .select({ id: taskVersions.taskId, definition: taskVersions.definition })
    .from(taskVersions)
    .innerJoin(tasks, and(eq(tasks.id, taskVersions.taskId), eq(tasks.version, taskVersions.number)))
    .where(
      inArray(
        taskVersions.taskId,
        due.map((task) => task.id),
      ),
    );
  return new Map(found.map((row) => [row.id, row.definition]));
}

async function countWaiting(tx: Transaction, due: readonly Task[]): Promise<Map<string, number>> {
  const counted = await tx
    .select({ id: instances.taskId, count: sql<number>`count(*)::int` })
    .from(instances)
    .where(
      and(
        inArray(
          instances.taskId,
          due.map((task) => task.id),
        ),
        inArray(instances.state, ['WAITING', 'QUEUED']),
      ),
    )
    .groupBy(instances.taskId);
  return new Map(counted.map((row) => [row.id, row.count]));
}

interface Planned {
  id: string;
  next: Date | null;
  /** Past the last of its effective dates: there is nothing more to plan. */
  ended: boolean;
}

async function advance(tx: Transaction, planned: readonly Planned[]): Promise<void> {
  if (planned.length === 0) return;
  const rows = planned.map(
    (one) => sql`(${one.id}::uuid, ${one.next?.toISOString() ?? null}::timestamptz, ${one.ended}::boolean)`,
  );
  await tx.execute(sql`
    update tasks set next_due = planned.next, state = case when planned.ended then 'FINISHED' else tasks.state end
    from (values ${sql.join(rows, sql`, `)}) as planned (id, next, ended) where tasks.id = planned.id`);
}

/**
 * A changed schedule takes effect from now on. Periods that were due before, and for which there was no time or room
 * yet, are those of the old one: each has its instance, or a row that says why not.
 * @throws ConflictError where nothing would follow
 */
export async function replanTask(
  tx: Transaction,
  taskId: string,
  before: { version: number; definition: TaskDefinition },
  schedule: Schedule,
): Promise<void> {
  const task = await lockTask(tx, taskId);
  if (task?.state !== 'ONLINE' || sameTimes(before.definition.schedule, schedule)) return;
  if (schedule.type === 'ONCE' && schedule.runAt === null)
    throw conflict(
      'TASK_ONLINE',
      `Task "${task.name}" is online already, and would run only when brought online.`,
      'Take it offline first, or give it a time.',
      [{ type: 'Task', id: task.id }],
    );
  const at = await readNow(tx);
  const nextDue = firstDue(schedule, at, task);
  const waiting = (await countWaiting(tx, [task])).get(taskId) ?? 0;
  const old = { ...task, version: before.version };
  await createInstances(tx, overdue(old, before.definition, waiting, at), 'scheduler');
  await tx.update(tasks).set({ nextDue }).where(eq(tasks.id, taskId));
}

const TIMES = 'type timeZone effectiveFrom effectiveTo period every windowFrom windowTo minute at runAt'.split(' ');

const sameTimes = (a: Schedule, b: Schedule) =>
  (TIMES as (keyof Schedule)[]).every((name) => (a[name] ?? null) === (b[name] ?? null));

/** All that is due and not planned: what may run, the rest as skipped. */
function overdue(task: Task, definition: TaskDefinition, waiting: number, at: Date): InstanceRow[] {
  const rows: InstanceRow[] = [];
  for (let next = task.nextDue; next !== null && next <= at; ) {
    const free = waiting + rows.filter((row) => row.values.state === 'WAITING').length;
    const plan = planTask({ ...task, nextDue: next }, definition, free, at);
    rows.push(...plan.rows);
    if (plan.next !== null && plan.next <= at && plan.rows.length < PERIODS_A_ROUND) {
      const left = duePeriods(plan.next, definition.schedule, at);
      const reason = 'too many instances waited when the schedule was changed';
      for (const scheduledAt of left.due)
        rows.push(instanceRow(task, definition, { trigger: 'SCHEDULE', scheduledAt, state: 'SKIPPED', reason }));
      next = left.next;
    } else next = plan.next;
  }
  return rows;
}

function planTask(
  task: Task,
  definition: TaskDefinition,
  waiting: number,
  at: Date,
): { rows: InstanceRow[]; next: Date | null; ended: boolean } {
  const { schedule } = definition;
  const first = task.nextDue!;
  if (schedule.type === 'ONCE') {
    const row = instanceRow(task, definition, { trigger: 'SCHEDULE', scheduledAt: first, reason: DUE });
    return { rows: [row], next: null, ended: false };
  }
  const { due, next } = duePeriods(first, schedule, at);
  const more = next !== null && next <= at;
  const chosen = choose(due, schedule.misfire, at, schedule.maxWaiting - waiting, more);
  const rows = chosen.rows.map((one) =>
    instanceRow(task, definition, {
      trigger: 'SCHEDULE',
      scheduledAt: one.at,
      state: one.skip === null ? 'WAITING' : 'SKIPPED',
      reason: one.skip ?? DUE,
    }),
  );
  const left = chosen.left ?? next;
  return { rows, next: left, ended: left === null };
}

/** The periods from the first one due on, and the one that follows them, which may be due too. */
function duePeriods(first: Date, schedule: Schedule, at: Date): { due: Date[]; next: Date | null } {
  const due = [first];
  for (const one of occurrencesAfter(schedule, first)) {
    if (one > at || due.length >= PERIODS_A_ROUND) return { due, next: one };
    due.push(one);
  }
  return { due, next: null };
}

interface Choice {
  rows: { at: Date; skip: string | null }[];
  /** Where planning goes on when not all could be made. */
  left: Date | null;
}

/**
 * What becomes of each due period; `more`: later ones are due besides. Nothing is left out without a row that says so.
 * Where there is no room, `ALL` goes on where it stopped, `LATEST` keeps the newest for when there is.
 */
export function choose(due: Date[], misfire: Schedule['misfire'], at: Date, room: number, more = false): Choice {
  if (misfire === 'ALL') {
    const made = due.slice(0, Math.max(0, room));
    return { rows: made.map((one) => ({ at: one, skip: null })), left: due[made.length] ?? null };
  }
  if (misfire === 'LATEST') {
    const older = more ? due : due.slice(0, -1);
    const rows: Choice['rows'] = older.map((one) => ({ at: one, skip: 'missed: a later period is due' }));
    if (more) return { rows, left: null };
    const newest = due[due.length - 1];
    return room < 1 ? { rows, left: newest } : { rows: [...rows, { at: newest, skip: null }], left: null };
  }
  let free = room;
  const rows = due.map((one) => {
    if (at.getTime() - one.getTime() > LATE_MS) return { at: one, skip: 'missed' };
    return { at: one, skip: free-- > 0 ? null : 'too many instances wait' };
  });
  return { rows, left: null };
}
