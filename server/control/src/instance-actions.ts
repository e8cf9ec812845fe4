import { and, eq, isNull } from 'drizzle-orm';
import { requireRole } from './access.ts';
import { recordChange } from './audit.ts';
import { readNow } from './clock.ts';
import type { Actor, Control, Transaction } from './context.ts';
import { ControlError, conflict, invalid, issue, notFound } from './errors.ts';
import { getInstance } from './instances.ts';
import { afterEnd, createInstance, definitionOf, endedWith, lockTask, stoppable } from './lifecycle.ts';
import { isEffective } from './occurrences.ts';
import { itemRequest, once } from './requests.ts';
import { instances } from './tables/instances.ts';
import { tasks } from './tables/tasks.ts';
import { getTask } from './tasks.ts';
import { type Instance, moveInstance } from './transitions.ts';

type Maybe<T> = T | null | undefined;

/** Runs a task now, or as of the scheduled time given; allowed for offline tasks, never outside the effective dates. */
export async function runTask(
  control: Control,
  actor: Actor,
  input: { taskId: string; scheduledAt?: Maybe<Date>; requestId?: Maybe<string> },
): Promise<Instance> {
  const task = await getTask(control, actor, input.taskId);
  await requireRole(control, actor, task.workspaceId, 'OPERATOR', { noun: 'task', id: task.id });
  const id = await once(
    control,
    actor,
    { mutation: 'runTask', requestId: input.requestId, content: input },
    async (tx) => {
      const [row] = await tx.select().from(tasks).where(eq(tasks.id, task.id)).for('share');
      if (row.deletedAt !== null) throw notFound('task', task.id);
      const definition = await definitionOf(tx, row);
      const scheduledAt = new Date(Math.floor((input.scheduledAt ?? (await readNow(tx))).getTime() / 1_000) * 1_000);
      if (!isEffective(definition.schedule, scheduledAt)) {
        const { effectiveFrom, effectiveTo } = definition.schedule;
        throw invalid([
          issue(
            ['scheduledAt'],
            'OUTSIDE_EFFECTIVE_DATES',
            `The task is effective from ${effectiveFrom ?? 'the beginning'} to ${effectiveTo ?? 'the end'} of time.`,
            'Change its effective dates, or choose a time inside them.',
          ),
        ]);
      }
      const made = await createInstance(tx, row, definition, {
        trigger: 'MANUAL',
        scheduledAt,
        by: actor.name,
        reason: 'run by hand',
      });
      await recordChange(tx, actor, { workspaceId: row.workspaceId, action: 'runTask', objectId: row.id, changes: [] });
      return made!.id;
    },
  );
  return getInstance(control, actor, id);
}

export type InstanceOutcome =
  | { id: string; instance: Instance; error: null }
  | { id: string; instance: null; error: ControlError };

/** Stops running instances and cancels waiting ones; one outcome per id, in order. */
export async function stopInstances(
  control: Control,
  actor: Actor,
  ids: readonly string[],
  requestId?: Maybe<string>,
): Promise<InstanceOutcome[]> {
  const outcomes: InstanceOutcome[] = [];
  for (const id of ids) {
    try {
      outcomes.push({ id, instance: await stopInstance(control, actor, id, requestId), error: null });
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
      outcomes.push({ id, instance: null, error });
    }
  }
  return outcomes;
}

async function stopInstance(control: Control, actor: Actor, id: string, requestId: Maybe<string>): Promise<Instance> {
  const instance = await getInstance(control, actor, id);
  await requireRole(control, actor, instance.workspaceId, 'OPERATOR', { noun: 'instance', id });
  const request = { mutation: 'stopInstances', requestId: itemRequest(requestId, id), content: id };
  await once(control, actor, request, async (tx) => {
    await lockTask(tx, instance.taskId);
    if (!(await cancelled(tx, actor, instance)) && !(await askedToStop(tx, actor, id)))
      throw conflict(
        'NOT_STOPPABLE',
        `The instance is ${instance.state}${instance.committing ? ' and is being published' : ''}.`,
        'Only what waits or runs can be stopped, and publishing only by transaction or in steps.',
        [{ type: 'Instance', id }],
      );
    const { workspaceId } = instance;
    await recordChange(tx, actor, { workspaceId, action: 'stopInstance', objectId: id, changes: [] });
    return null;
  });
  return getInstance(control, actor, id);
}

async function cancelled(tx: Transaction, actor: Actor, { id, taskId, taskVersion }: Instance): Promise<boolean> {
  const moved = await moveInstance(tx, id, {
    from: ['WAITING', 'QUEUED'],
    to: 'CANCELLED',
    by: actor.name,
    reason: 'stopped',
    set: endedWith('abort'),
    where: eq(instances.committing, false),
  });
  if (moved !== undefined) await afterEnd(tx, moved, await definitionOf(tx, { id: taskId, version: taskVersion }));
  return moved !== undefined;
}

async function askedToStop(tx: Transaction, actor: Actor, id: string): Promise<boolean> {
  const asked = await tx
    .update(instances)
    .set({ stopTo: 'CANCELLED', stopReason: 'stopped', stopBy: actor.name })
    .where(and(eq(instances.id, id), stoppable))
    .returning({ id: instances.id });
  return asked.length > 0;
}

export interface CommitDecision {
  instanceId: string;
  /** Whether the target holds what this run wrote. */
  committed: boolean;
  reason: string;
  requestId?: Maybe<string>;
}

/**
 * Says what became of a commit whose outcome could not be found out: SUCCEEDED, or FAILED with what it staged removed.
 * @throws ConflictError where nothing is to be decided; ValidationError without a reason
 */
export async function resolveCommit(control: Control, actor: Actor, decision: CommitDecision): Promise<Instance> {
  const { instanceId: id, committed, reason, requestId } = decision;
  const { workspaceId, taskId } = await getInstance(control, actor, id);
  await requireRole(control, actor, workspaceId, 'OPERATOR', { noun: 'instance', id });
  if (reason.trim() === '' || reason.length > 1_000)
    throw invalid([issue(['reason'], 'REQUIRED', 'Say in 1 to 1000 characters how you found out.')]);
  await once(control, actor, { mutation: 'resolveCommit', requestId, content: decision }, async (tx) => {
    await lockTask(tx, taskId);
    const set = committed ? { failure: null, ...endedWith('forget') } : endedWith('abort');
    const moved = await moveInstance(tx, id, {
      from: ['RUNNING'],
      to: committed ? 'SUCCEEDED' : 'FAILED',
      by: actor.name,
      reason: `${committed ? 'committed' : 'not committed'}: ${reason.trim()}`,
      set: { ...set, needsDecision: false },
      where: and(eq(instances.needsDecision, true), isNull(instances.owner)),
    });
    if (moved === undefined)
      throw conflict(
        'NOTHING_TO_DECIDE',
        'The outcome of this instance is not in doubt.',
        'Only instances with needsDecision are decided by a person.',
        [{ type: 'Instance', id }],
      );
    await afterEnd(tx, moved, await definitionOf(tx, { id: taskId, version: moved.taskVersion }));
    const changes = [{ path: ['state'], before: 'RUNNING', after: moved.state }];
    await recordChange(tx, actor, { workspaceId, action: 'resolveCommit', objectId: id, changes });
    return null;
  });
  return getInstance(control, actor, id);
}
