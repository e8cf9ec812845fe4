import { and, eq, inArray, isNull, sql } from 'drizzle-orm';
import { requireRole, visibleWorkspaces } from './access.ts';
import { recordChange } from './audit.ts';
import type { Actor, Control, Transaction } from './context.ts';
import { uniqueViolation } from './database-errors.ts';
import type { TaskDefinition } from './definitions.ts';
import { conflict, type Issue, invalid, issue, notFound, refuseErrors } from './errors.ts';
import { getFolder } from './folders.ts';
import { replanTask } from './planner.ts';
import { once } from './requests.ts';
import { defaultTimeoutMinutes, parseSchedule } from './schedules.ts';
import { taskDataSources, tasks, taskVersions } from './tables/tasks.ts';
import { checkEnds, type EndsCheck } from './task-checks.ts';
import {
  linkDefinitions,
  runOptions,
  sourceDefinition,
  type TaskDraft,
  type TaskInput,
  targetDefinition,
} from './task-input.ts';

export type Task = typeof tasks.$inferSelect;
export type TaskVersion = typeof taskVersions.$inferSelect;

export interface DraftCheck extends EndsCheck {
  /** The schedule with its defaults, where the draft has one without mistakes. */
  schedule: TaskDefinition['schedule'] | null;
  /** The whole definition, where the draft is complete. */
  definition: TaskDefinition | null;
}

/** Checks what a draft holds so far; the wizard asks at each step. Throws nothing for what is merely wrong in it. */
export async function checkDraft(control: Control, actor: Actor, draft: TaskDraft): Promise<DraftCheck> {
  const folder = draft.folderId ? await getFolder(control, actor, draft.folderId) : null;
  if (folder !== null) await requireRole(control, actor, folder.workspaceId, 'DEVELOPER');
  const issues = basicIssues(draft);
  const source = draft.source ? sourceDefinition(draft.source) : null;
  const target = draft.target ? targetDefinition(draft.target) : null;
  const links = draft.mapping ? linkDefinitions(draft.mapping) : null;
  const planned = draft.schedule ? parseSchedule(draft.schedule) : null;
  const run = planned
    ? runOptions(draft.options ?? {}, defaultTimeoutMinutes(planned.schedule))
    : runOptions(draft.options ?? {}, 1440);
  issues.push(
    ...(source?.issues ?? []),
    ...(target?.issues ?? []),
    ...(links?.issues ?? []),
    ...(planned?.issues ?? []),
    ...run.issues,
  );
  const parts = { source: source?.source ?? null, target: target?.target ?? null, mapping: links?.mapping ?? null };
  const ends = await checkEnds(control, actor, folder?.workspaceId ?? null, parts);
  const complete = parts.source && parts.target && parts.mapping && planned;
  return {
    ...ends,
    issues: [...issues, ...ends.issues],
    schedule: planned && planned.issues.length === 0 ? planned.schedule : null,
    definition: complete
      ? {
          source: parts.source!,
          target: parts.target!,
          mapping: parts.mapping!,
          schedule: planned.schedule,
          options: run.options,
        }
      : null,
  };
}

function basicIssues(draft: TaskDraft): Issue[] {
  const issues: Issue[] = [];
  if (draft.name != null && (draft.name.trim() === '' || draft.name.length > 200)) {
    issues.push(issue(['name'], 'BAD_NAME', 'A task name has 1 to 200 characters.'));
  }
  if (draft.kind === 'INCREMENTAL') {
    issues.push(issue(['kind'], 'KIND_UNAVAILABLE', 'Incremental tasks are not available yet.', 'Use FULL.'));
  }
  if ((draft.tags ?? []).some((tag) => tag.trim() === '' || tag.length > 100)) {
    issues.push(issue(['tags'], 'BAD_TAG', 'A tag has 1 to 100 characters.'));
  }
  return issues;
}

export interface Saved {
  task: Task;
  warnings: Issue[];
}

/** @throws ValidationError, ConflictError (name taken), NotFoundError (folder), ForbiddenError */
export async function createTask(
  control: Control,
  actor: Actor,
  input: TaskInput,
  requestId?: string | null,
): Promise<Saved> {
  const folder = await getFolder(control, actor, input.folderId);
  await requireRole(control, actor, folder.workspaceId, 'DEVELOPER');
  const check = await checkDraft(control, actor, input);
  const warnings = refuseErrors(check.issues);
  const definition = check.definition as TaskDefinition;
  const id = await once(control, actor, { mutation: 'createTask', requestId, content: input }, async (tx) => {
    const values = { ...unversioned(input), workspaceId: folder.workspaceId, kind: input.kind };
    const [row] = await namedOnce(input.name, () => tx.insert(tasks).values(values).returning({ id: tasks.id }));
    await writeVersion(tx, actor, row.id, 1, definition);
    const changes = [{ path: [], before: null, after: structuredClone({ ...values, definition }) as never }];
    await recordChange(tx, actor, { workspaceId: folder.workspaceId, action: 'createTask', objectId: row.id, changes });
    return row.id;
  });
  return { task: await getTask(control, actor, id), warnings };
}

/**
 * Changes a task; a changed definition is a new version, which an online task takes from its next instance on.
 * @throws ValidationError, ConflictError (stale revision, name taken), NotFoundError, ForbiddenError
 */
export async function updateTask(
  control: Control,
  actor: Actor,
  input: { id: string; expectedRevision: number; task: TaskInput; requestId?: string | null | undefined },
): Promise<Saved> {
  const task = await getTask(control, actor, input.id);
  const folder = await getFolder(control, actor, input.task.folderId);
  if (folder.workspaceId !== task.workspaceId) throw notFound('folder', input.task.folderId);
  await requireRole(control, actor, task.workspaceId, 'DEVELOPER');
  if (input.task.kind !== task.kind)
    throw invalid([issue(['task', 'kind'], 'FIXED', 'The kind of a task cannot be changed.', 'Create another task.')]);
  const check = await checkDraft(control, actor, { ...input.task, id: task.id });
  const warnings = refuseErrors(check.issues);
  const definition = check.definition as TaskDefinition;
  await once(control, actor, { mutation: 'updateTask', requestId: input.requestId, content: input }, async (tx) => {
    const [locked] = await tx.select().from(tasks).where(eq(tasks.id, task.id)).for('update');
    if (locked.deletedAt !== null) throw notFound('task', task.id);
    if (locked.revision !== input.expectedRevision) {
      throw conflict(
        'STALE_REVISION',
        `The task was changed meanwhile (revision ${locked.revision}).`,
        'Read it again and repeat the change.',
        [{ type: 'Task', id: task.id }],
      );
    }
    const [current] = await tx
      .select()
      .from(taskVersions)
      .where(and(eq(taskVersions.taskId, task.id), eq(taskVersions.number, locked.version)));
    const changed = !sameJson(current.definition, definition);
    const version = changed ? locked.version + 1 : locked.version;
    const values = { ...unversioned(input.task), version, revision: locked.revision + 1, updatedAt: sql`now()` };
    await namedOnce(input.task.name, () => tx.update(tasks).set(values).where(eq(tasks.id, task.id)));
    if (changed) await writeVersion(tx, actor, task.id, version, definition);
    const before = { version: locked.version, definition: current.definition };
    await replanTask(tx, task.id, before, definition.schedule);
    const changes = changed
      ? [{ path: ['definition'], before: current.definition as never, after: definition as never }]
      : [];
    await recordChange(tx, actor, { workspaceId: task.workspaceId, action: 'updateTask', objectId: task.id, changes });
    return null;
  });
  return { task: await getTask(control, actor, task.id), warnings };
}

const unversioned = (input: TaskInput) => ({
  folderId: input.folderId,
  name: input.name.trim(),
  description: input.description ?? '',
  owner: input.owner ?? null,
  tags: input.tags ?? [],
});

async function namedOnce<T>(name: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (uniqueViolation(error) !== 'tasks_folder_name') throw error;
    throw conflict(
      'NAME_TAKEN',
      `There is a task called "${name.trim()}" in this folder already.`,
      'Choose another name.',
    );
  }
}

async function writeVersion(
  tx: Transaction,
  actor: Actor,
  taskId: string,
  number: number,
  definition: TaskDefinition,
): Promise<void> {
  await tx.insert(taskVersions).values({ taskId, number, byUser: actor.userId, definition });
  await tx.delete(taskDataSources).where(eq(taskDataSources.taskId, taskId));
  await tx.insert(taskDataSources).values([
    { taskId, dataSourceId: definition.source.dataSourceId, role: 'SOURCE' },
    { taskId, dataSourceId: definition.target.dataSourceId, role: 'TARGET' },
  ]);
}

/** PostgreSQL keeps jsonb keys in an order of its own. */
function sameJson(a: unknown, b: unknown): boolean {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(
      Object.entries(value)
        .sort(([x], [y]) => (x < y ? -1 : 1))
        .map(([key, inner]) => [key, sorted(inner)]),
    );
  };
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

/** @throws NotFoundError, for deleted ones as well */
export async function getTask(control: Control, actor: Actor, id: string): Promise<Task> {
  const [row] = await tasksByIds(control, actor, [id]);
  if (row === undefined || row.deletedAt !== null) throw notFound('task', id);
  return row;
}

/** Tombstones included: an instance goes on naming the task it belonged to. */
export async function tasksByIds(control: Control, actor: Actor, ids: readonly string[]): Promise<Task[]> {
  const workspaceIds = await visibleWorkspaces(control, actor);
  if (workspaceIds.length === 0 || ids.length === 0) return [];
  return control.db
    .select()
    .from(tasks)
    .where(and(inArray(tasks.id, [...ids]), inArray(tasks.workspaceId, workspaceIds)));
}

/** Versions by task and number. */
export async function versionsByNumbers(
  control: Control,
  wanted: readonly { taskId: string; number: number }[],
): Promise<TaskVersion[]> {
  if (wanted.length === 0) return [];
  const pairs = sql.join(
    wanted.map((one) => sql`(${one.taskId}::uuid, ${one.number}::int)`),
    sql`, `,
  );
  return control.db
    .select()
    .from(taskVersions)
    .where(sql`(${taskVersions.taskId}, ${taskVersions.number}) in (${pairs})`);
}

/** Tasks whose current version reads or writes the data source. */
export async function tasksUsing(control: Control, dataSourceId: string): Promise<Task[]> {
  const rows = await control.db
    .selectDistinct({ task: tasks })
    .from(tasks)
    .innerJoin(taskDataSources, eq(taskDataSources.taskId, tasks.id))
    .where(and(eq(taskDataSources.dataSourceId, dataSourceId), isNull(tasks.deletedAt)))
    .orderBy(tasks.name)
    .limit(500);
  return rows.map((row) => row.task);
}
