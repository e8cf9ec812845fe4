import { and, asc, desc, eq, getTableColumns, gte, inArray, lte, type SQL, sql } from 'drizzle-orm';
import { requireRole, visibleWorkspaces } from './access.ts';
import type { Actor, Control } from './context.ts';
import { notFound } from './errors.ts';
import { countRows, cutPage, decodeCursor, encodeCursor, type Page, type PageArgs, pageSize } from './paging.ts';
import {
  attempts,
  dirtyRecords,
  type InstanceState,
  instances,
  logLines,
  reconciliations,
  splits,
  statements,
  type Trigger,
  transitions,
} from './tables/instances.ts';
import type { Instance } from './transitions.ts';

export type { Instance } from './transitions.ts';

type Maybe<T> = T | null | undefined;

/** @throws NotFoundError */
export async function getInstance(control: Control, actor: Actor, id: string): Promise<Instance> {
  const [row] = await instancesByIds(control, actor, [id]);
  if (row === undefined) throw notFound('instance', id);
  return row;
}

export async function instancesByIds(control: Control, actor: Actor, ids: readonly string[]): Promise<Instance[]> {
  const workspaceIds = await visibleWorkspaces(control, actor);
  if (workspaceIds.length === 0 || ids.length === 0) return [];
  return control.db
    .select()
    .from(instances)
    .where(and(inArray(instances.id, [...ids]), inArray(instances.workspaceId, workspaceIds)));
}

export interface InstanceFilter {
  taskIds?: Maybe<string[]>;
  folderId?: Maybe<string>;
  states?: Maybe<InstanceState[]>;
  triggers?: Maybe<Trigger[]>;
  scheduledFrom?: Maybe<Date>;
  scheduledTo?: Maybe<Date>;
  businessFrom?: Maybe<string>;
  businessTo?: Maybe<string>;
  needsDecision?: Maybe<boolean>;
}

export type InstanceOrder = 'SCHEDULED_AT_DESC' | 'SCHEDULED_AT_ASC' | 'CREATED_AT_DESC' | 'CREATED_AT_ASC';

export async function listInstances(
  control: Control,
  actor: Actor,
  workspaceId: string,
  filter: InstanceFilter,
  order: InstanceOrder,
  args: PageArgs,
): Promise<Page<Instance>> {
  await requireRole(control, actor, workspaceId, 'VIEWER');
  const { limit, backward } = pageSize(args);
  const column = order.startsWith('SCHEDULED') ? instances.scheduledAt : instances.createdAt;
  const descending = order.endsWith('DESC') !== backward;
  const where = and(eq(instances.workspaceId, workspaceId), ...lasting(filter), ...passing(filter));
  const cursor = backward ? args.before : args.after;
  const [key, id] = cursor ? decodeCursor(cursor, 2) : [];
  // Cursors carry microseconds as text: a JavaScript date would cut them.
  const beyond =
    key === undefined
      ? undefined
      : sql`(${column}, ${instances.id}) ${descending ? sql`<` : sql`>`} (${key}::timestamptz, ${id}::uuid)`;
  // The index has NULLS FIRST on its descending columns, and serves only an order that says the same.
  const ordering = descending
    ? [sql`${column} desc nulls first`, sql`${instances.id} desc nulls first`]
    : [asc(column), asc(instances.id)];
  const rows = await control.db
    .select({ row: instances, at: sql<string>`to_char(${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')` })
    .from(instances)
    .where(and(where, beyond))
    .orderBy(...ordering)
    .limit(limit + 1);
  const at = new Map(rows.map((one) => [one.row.id, one.at]));
  return {
    ...cutPage(
      rows.map((one) => one.row),
      args,
    ),
    cursorOf: (row) => encodeCursor([at.get(row.id) as string, row.id]),
    ...(await countRows(control.db, instances, where)),
  };
}

/** What an instance meets or does not, whatever becomes of it. */
export function lasting(filter: InstanceFilter): (SQL | undefined)[] {
  return [
    filter.taskIds?.length ? inArray(instances.taskId, filter.taskIds) : undefined,
    filter.triggers?.length ? inArray(instances.trigger, filter.triggers) : undefined,
    filter.scheduledFrom ? gte(instances.scheduledAt, filter.scheduledFrom) : undefined,
    filter.scheduledTo ? lte(instances.scheduledAt, filter.scheduledTo) : undefined,
    filter.businessFrom ? gte(instances.businessDate, filter.businessFrom) : undefined,
    filter.businessTo ? lte(instances.businessDate, filter.businessTo) : undefined,
    filter.folderId
      ? sql`${instances.taskId} in (select id from tasks where folder_id in (
          with recursive below as (select id from folders where id = ${filter.folderId} union select c.id from folders c join below b on c.parent_id = b.id) select id from below))`
      : undefined,
  ];
}

/** What it may meet at one time and not at another. */
export function passing(filter: InstanceFilter): (SQL | undefined)[] {
  return [
    filter.states?.length ? inArray(instances.state, filter.states) : undefined,
    filter.needsDecision == null ? undefined : eq(instances.needsDecision, filter.needsDecision),
  ];
}

const inInstance = <T extends { instanceId: typeof splits.instanceId | typeof attempts.instanceId }>(
  table: T,
  ids: readonly string[],
) => inArray(table.instanceId, [...ids]);

export const attemptsOf = (control: Control, ids: readonly string[]) =>
  control.db.select().from(attempts).where(inInstance(attempts, ids)).orderBy(attempts.number);
export const transitionsOf = (control: Control, ids: readonly string[]) =>
  control.db
    .select()
    .from(transitions)
    .where(inArray(transitions.instanceId, [...ids]))
    .orderBy(transitions.id);
/** The first thousand of each. */
export async function statementsOf(control: Control, ids: readonly string[]) {
  const numbered = control.db
    .select({
      ...getTableColumns(statements),
      place: sql<number>`row_number() over (partition by ${statements.instanceId} order by ${statements.id})`.as(
        'place',
      ),
    })
    .from(statements)
    .where(inArray(statements.instanceId, [...ids]))
    .as('numbered');
  return control.db.select().from(numbered).where(lte(numbered.place, 1_000)).orderBy(numbered.id);
}
export const reconciliationsOf = (control: Control, ids: readonly string[]) =>
  control.db
    .select()
    .from(reconciliations)
    .where(inArray(reconciliations.instanceId, [...ids]))
    .orderBy(reconciliations.id);
export const logOf = (control: Control, instanceId: string, attempt: number) =>
  control.db
    .select()
    .from(logLines)
    .where(and(eq(logLines.instanceId, instanceId), eq(logLines.attempt, attempt)))
    .orderBy(logLines.id)
    .limit(10_000);

/** The newest instance of each task. */
export async function lastInstances(control: Control, taskIds: readonly string[]): Promise<Instance[]> {
  if (taskIds.length === 0) return [];
  return control.db
    .selectDistinctOn([instances.taskId])
    .from(instances)
    .where(inArray(instances.taskId, [...taskIds]))
    .orderBy(instances.taskId, desc(instances.scheduledAt), desc(instances.id));
}

export type SplitRow = typeof splits.$inferSelect;
export type DirtyRow = typeof dirtyRecords.$inferSelect;
export type AttemptRow = typeof attempts.$inferSelect;

export async function listSplits(control: Control, instanceId: string, args: PageArgs): Promise<Page<SplitRow>> {
  const { limit } = pageSize(args);
  const mine = eq(splits.instanceId, instanceId);
  const from = args.after ? Number(decodeCursor(args.after, 1)[0]) : -1;
  const rows = await control.db
    .select()
    .from(splits)
    .where(and(mine, sql`${splits.number} > ${from}`))
    .orderBy(splits.number)
    .limit(limit + 1);
  const [{ count }] = await control.db.select({ count: sql<number>`count(*)::int` }).from(splits).where(mine);
  return {
    ...cutPage(rows, args),
    cursorOf: (row) => encodeCursor([row.number]),
    totalCount: count,
    totalIsExact: true,
  };
}

/** Values are for those who operate; viewers do not see them. */
export async function listDirty(
  control: Control,
  actor: Actor,
  instance: Instance,
  args: PageArgs,
): Promise<Page<DirtyRow>> {
  await requireRole(control, actor, instance.workspaceId, 'OPERATOR');
  const { limit } = pageSize(args);
  const mine = eq(dirtyRecords.instanceId, instance.id);
  const from = args.after ? Number(decodeCursor(args.after, 1)[0]) : 0;
  const rows = await control.db
    .select()
    .from(dirtyRecords)
    .where(and(mine, sql`${dirtyRecords.id} > ${from}`))
    .orderBy(dirtyRecords.id)
    .limit(limit + 1);
  const [{ count }] = await control.db.select({ count: sql<number>`count(*)::int` }).from(dirtyRecords).where(mine);
  return { ...cutPage(rows, args), cursorOf: (row) => encodeCursor([row.id]), totalCount: count, totalIsExact: true };
}
