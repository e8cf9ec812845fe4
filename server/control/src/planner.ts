import { and, asc, eq, inArray, isNotNull, lte, sql } from 'drizzle-orm';
import { readNow } from './clock.ts';
import type { Control, Transaction } from './context.ts';
import type { TaskDefinition } from './definitions.ts';
import { createInstance, definitionOf } from './lifecycle.ts';
import { occurrencesAfter } from './occurrences.ts';
import { instances } from './tables/instances.ts';
import { tasks } from './tables/tasks.ts';

type Task = typeof tasks.$inferSelect;

/** An occurrence later than this is a missed one. */
const LATE_MS = 60_000;
const TASKS_A_ROUND = 100;
/** Missed periods that are written down in one round for one task; the rest follows in the next. */
const PERIODS_A_ROUND = 500;

/** Makes the instances of all periods that are due. Any process may do it, several at once too. How many tasks were due. */
export async function planDue(control: Control): Promise<number> {
  return control.db.transaction(async (tx) => {
    const due = await tx
      .select()
      .from(tasks)
      .where(and(eq(tasks.state, 'ONLINE'), isNotNull(tasks.nextDue), lte(tasks.nextDue, sql`sampan_now()`)))
      .orderBy(asc(tasks.nextDue))
      .limit(TASKS_A_ROUND)
      .for('update', { skipLocked: true });
    if (due.length === 0) return 0;
    const at = await readNow(tx);
    for (const task of due) await planTask(tx, task, await definitionOf(tx, task), at);
    return due.length;
  });
}

async function planTask(tx: Transaction, task: Task, definition: TaskDefinition, at: Date): Promise<void> {
  const { schedule } = definition;
  if (schedule.type === 'ONCE') {
    await createInstance(tx, task, definition, {
      trigger: 'SCHEDULE',
      scheduledAt: task.nextDue!,
      by: 'scheduler',
      reason: null,
    });
    await tx.update(tasks).set({ nextDue: null }).where(eq(tasks.id, task.id));
    return;
  }
  const periods = duePeriods(task.nextDue!, definition, at);
  const room = schedule.maxWaiting - (await countWaiting(tx, task.id));
  const planned = choose(periods.due, schedule.misfire, at, room);
  for (const one of planned.rows) {
    await createInstance(tx, task, definition, {
      trigger: 'SCHEDULE',
      scheduledAt: one.at,
      state: one.skip === null ? 'WAITING' : 'SKIPPED',
      by: 'scheduler',
      reason: one.skip,
    });
  }
  const next = planned.left ?? periods.next;
  // Past the last of its effective dates there is nothing more to plan.
  await tx
    .update(tasks)
    .set(next === null ? { nextDue: null, state: 'FINISHED' } : { nextDue: next })
    .where(eq(tasks.id, task.id));
}

/** The periods from the first one due on, and the first one that is not due yet. */
function duePeriods(first: Date, { schedule }: TaskDefinition, at: Date): { due: Date[]; next: Date | null } {
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

/** What becomes of each due period. Nothing is left out without a row that says so. */
export function choose(due: Date[], misfire: TaskDefinition['schedule']['misfire'], at: Date, room: number): Choice {
  if (misfire === 'ALL') {
    const made = due.slice(0, Math.max(0, room));
    return { rows: made.map((one) => ({ at: one, skip: null })), left: due[made.length] ?? null };
  }
  if (misfire === 'LATEST') {
    const newest = due.length - 1;
    return {
      rows: due.map((one, index) => ({
        at: one,
        skip: index < newest ? 'missed: a later period is due' : room < 1 ? 'too many instances wait' : null,
      })),
      left: null,
    };
  }
  let free = room;
  const rows = due.map((one) => {
    if (at.getTime() - one.getTime() > LATE_MS) return { at: one, skip: 'missed' };
    return { at: one, skip: free-- > 0 ? null : 'too many instances wait' };
  });
  return { rows, left: null };
}

async function countWaiting(tx: Transaction, taskId: string): Promise<number> {
  const [{ count }] = await tx
    .select({ count: sql<number>`count(*)::int` })
    .from(instances)
    .where(and(eq(instances.taskId, taskId), inArray(instances.state, ['WAITING', 'QUEUED'])));
  return count;
}
