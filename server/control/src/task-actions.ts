import { createHash } from 'node:crypto';
import { and, eq, inArray, isNull, sql } from 'drizzle-orm';
import { requireRole } from './access.ts';
import { recordChange } from './audit.ts';
import type { Actor, Control } from './context.ts';
import type { TaskDefinition } from './definitions.ts';
import { ControlError, conflict, notFound, refuseErrors } from './errors.ts';
import { bringOnline, takeOffline } from './lifecycle.ts';
import { itemRequest, once } from './requests.ts';
import { instances } from './tables/instances.ts';
import { tasks, taskVersions } from './tables/tasks.ts';
import { checkEnds } from './task-checks.ts';
import { getTask, type Task, tasksByIds } from './tasks.ts';

/** What became of one item of a plural mutation: exactly one of the two is set. */
export type TaskOutcome = { id: string; task: Task; error: null } | { id: string; task: null; error: ControlError };

/** One outcome per id, in order; one bad item never fails the others. */
async function each(ids: readonly string[], act: (id: string) => Promise<Task>): Promise<TaskOutcome[]> {
  const outcomes: TaskOutcome[] = [];
  for (const id of ids) {
    try {
      outcomes.push({ id, task: await act(id), error: null });
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
      outcomes.push({ id, task: null, error });
    }
  }
  return outcomes;
}

/** 上线: checks each task against both ends as they are now, then schedules it. Online tasks stay as they are. */
export async function onlineTasks(
  control: Control,
  actor: Actor,
  ids: readonly string[],
  requestId?: string | null,
): Promise<TaskOutcome[]> {
  return each(ids, async (id) => {
    const task = await getTask(control, actor, id);
    await requireRole(control, actor, task.workspaceId, 'OPERATOR', { noun: 'task', id });
    if (task.state === 'ONLINE') return task;
    const definition = await currentDefinition(control, task);
    refuseErrors((await checkEnds(control, actor, task.workspaceId, definition)).issues);
    await once(
      control,
      actor,
      { mutation: 'onlineTasks', requestId: itemRequest(requestId, id), content: id },
      async (tx) => {
        await bringOnline(tx, task.id, actor);
        await recordChange(tx, actor, {
          workspaceId: task.workspaceId,
          action: 'onlineTask',
          objectId: id,
          changes: stateChange(task.state, 'ONLINE'),
        });
        return null;
      },
    );
    return getTask(control, actor, id);
  });
}

/** 下线: waiting instances are cancelled; running ones finish unless `stopRunning`. */
export async function offlineTasks(
  control: Control,
  actor: Actor,
  ids: readonly string[],
  options: { stopRunning: boolean; requestId?: string | null | undefined },
): Promise<TaskOutcome[]> {
  return each(ids, async (id) => {
    const task = await getTask(control, actor, id);
    await requireRole(control, actor, task.workspaceId, 'OPERATOR', { noun: 'task', id });
    await once(
      control,
      actor,
      { mutation: 'offlineTasks', requestId: itemRequest(options.requestId, id), content: [id, options.stopRunning] },
      async (tx) => {
        await takeOffline(tx, task.id, actor, { stopRunning: options.stopRunning });
        if (task.state !== 'OFFLINE') {
          await recordChange(tx, actor, {
            workspaceId: task.workspaceId,
            action: 'offlineTask',
            objectId: id,
            changes: stateChange(task.state, 'OFFLINE'),
          });
        }
        return null;
      },
    );
    return getTask(control, actor, id);
  });
}

/** What deleting these tasks would take along. The token stands for exactly that state of them. */
export interface TaskDeletion {
  token: string;
  tasks: number;
  instances: number;
  online: Task[];
}

export async function taskDeletion(control: Control, actor: Actor, ids: readonly string[]): Promise<TaskDeletion> {
  const found = (await tasksByIds(control, actor, ids)).filter((task) => task.deletedAt === null);
  const missing = ids.find((id) => !found.some((task) => task.id === id));
  if (missing !== undefined) throw notFound('task', missing);
  const [{ count }] = await control.db
    .select({ count: sql<number>`count(*)::int` })
    .from(instances)
    .where(
      found.length === 0
        ? sql`false`
        : inArray(
            instances.taskId,
            found.map((task) => task.id),
          ),
    );
  return {
    token: deletionToken(found),
    tasks: found.length,
    instances: count,
    online: found.filter((task) => task.state === 'ONLINE' || task.state === 'PAUSED'),
  };
}

function deletionToken(found: readonly Task[]): string {
  const named = found.map((task) => `${task.id}:${task.revision}`).sort();
  return createHash('sha256').update(named.join('\n')).digest('base64url').slice(0, 24);
}

/** 删除: refused while online. A deleted task is a tombstone: its instances go on naming it. */
export async function deleteTasks(
  control: Control,
  actor: Actor,
  ids: readonly string[],
  options: { confirmToken: string; requestId?: string | null | undefined },
): Promise<TaskOutcome[]> {
  const named = (await tasksByIds(control, actor, ids)).filter((task) => task.deletedAt === null);
  const confirmed = deletionToken(named) === options.confirmToken;
  return each(ids, async (id) => {
    const task = await getTask(control, actor, id);
    await requireRole(control, actor, task.workspaceId, 'DEVELOPER', { noun: 'task', id });
    if (!confirmed)
      throw conflict(
        'STALE_CONFIRMATION',
        'The confirmation does not stand for these tasks as they are now.',
        'Ask taskDeletion again and confirm what it names.',
      );
    await once(
      control,
      actor,
      { mutation: 'deleteTasks', requestId: itemRequest(options.requestId, id), content: id },
      async (tx) => {
        const deleted = await tx
          .update(tasks)
          .set({ deletedAt: sql`now()`, updatedAt: sql`now()`, nextDue: null })
          .where(and(eq(tasks.id, id), isNull(tasks.deletedAt), inArray(tasks.state, ['OFFLINE', 'FINISHED'])))
          .returning({ id: tasks.id });
        if (deleted.length === 0) {
          throw conflict('TASK_ONLINE', `Task "${task.name}" is online.`, 'Take it offline first.', [
            { type: 'Task', id },
          ]);
        }
        const [open] = await tx
          .select({ id: instances.id })
          .from(instances)
          .where(and(eq(instances.taskId, id), inArray(instances.state, ['WAITING', 'QUEUED', 'RUNNING'])))
          .limit(1);
        if (open !== undefined) {
          throw conflict(
            'TASK_RUNNING',
            `Task "${task.name}" has an instance under way.`,
            'Stop it or let it end first.',
            [{ type: 'Instance', id: open.id }],
          );
        }
        await recordChange(tx, actor, {
          workspaceId: task.workspaceId,
          action: 'deleteTask',
          objectId: id,
          changes: [],
        });
        return null;
      },
    );
    const [deleted] = await tasksByIds(control, actor, [id]);
    return deleted;
  });
}

export async function currentDefinition(control: Control, task: Task): Promise<TaskDefinition> {
  const [version] = await control.db
    .select()
    .from(taskVersions)
    .where(and(eq(taskVersions.taskId, task.id), eq(taskVersions.number, task.version)));
  return version.definition;
}

const stateChange = (before: string, after: string) => [{ path: ['state'], before, after }];
