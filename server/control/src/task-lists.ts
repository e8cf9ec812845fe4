import { and, arrayOverlaps, asc, desc, eq, ilike, inArray, isNull, type SQL, sql } from 'drizzle-orm';
import { requireRole } from './access.ts';
import type { Actor, Control } from './context.ts';
import { likeAnywhere } from './data-sources.ts';
import { countRows, cutPage, decodeCursor, encodeCursor, type Page, type PageArgs, pageSize } from './paging.ts';
import { type TaskKind, type TaskState, taskDataSources, tasks } from './tables/tasks.ts';
import type { Task } from './tasks.ts';

type Maybe<T> = T | null | undefined;

export interface TaskFilter {
  search?: Maybe<string>;
  folderId?: Maybe<string>;
  /** Sub-folders too (default true). */
  recursive?: Maybe<boolean>;
  states?: Maybe<TaskState[]>;
  kinds?: Maybe<TaskKind[]>;
  tags?: Maybe<string[]>;
  owner?: Maybe<string>;
  dataSourceId?: Maybe<string>;
}

/** By name, or the last changed first. Ties go by id, so that no row is listed twice or left out. */
export type TaskOrder = 'NAME' | 'UPDATED_AT';

export async function listTasks(
  control: Control,
  actor: Actor,
  workspaceId: string,
  filter: TaskFilter,
  order: TaskOrder,
  args: PageArgs,
): Promise<Page<Task>> {
  await requireRole(control, actor, workspaceId, 'VIEWER');
  const { limit, backward } = pageSize(args);
  const where = and(eq(tasks.workspaceId, workspaceId), isNull(tasks.deletedAt), ...conditions(filter));
  const rows = await control.db
    .select()
    .from(tasks)
    .where(and(where, beyond(order, backward, backward ? args.before : args.after)))
    .orderBy(...ordering(order, backward))
    .limit(limit + 1);
  return {
    ...cutPage(rows, args),
    cursorOf: (row) => encodeCursor([order === 'NAME' ? row.name : row.updatedAt.toISOString(), row.id]),
    ...(await countRows(control.db, tasks, where)),
  };
}

function conditions(filter: TaskFilter): (SQL | undefined)[] {
  return [
    filter.search ? ilike(tasks.name, likeAnywhere(filter.search)) : undefined,
    filter.states?.length ? inArray(tasks.state, filter.states) : undefined,
    filter.kinds?.length ? inArray(tasks.kind, filter.kinds) : undefined,
    filter.tags?.length ? arrayOverlaps(tasks.tags, filter.tags) : undefined,
    filter.owner ? eq(tasks.owner, filter.owner) : undefined,
    filter.dataSourceId
      ? sql`exists (select 1 from ${taskDataSources} where ${taskDataSources.taskId} = ${tasks.id} and ${taskDataSources.dataSourceId} = ${filter.dataSourceId})`
      : undefined,
    filter.folderId ? inFolder(filter.folderId, filter.recursive ?? true) : undefined,
  ];
}

function inFolder(folderId: string, recursive: boolean): SQL {
  if (!recursive) return eq(tasks.folderId, folderId);
  return sql`${tasks.folderId} in (
    with recursive below as (
      select id from folders where id = ${folderId}
      union select child.id from folders child join below on child.parent_id = below.id
    ) select id from below)`;
}

// A time travels through a cursor in milliseconds while rows have microseconds: both sides are cut alike.
const updatedMillis = sql`date_trunc('milliseconds', ${tasks.updatedAt})`;

function ordering(order: TaskOrder, backward: boolean): SQL[] {
  if (order === 'NAME') return backward ? [desc(tasks.name), desc(tasks.id)] : [asc(tasks.name), asc(tasks.id)];
  return backward ? [asc(updatedMillis), asc(tasks.id)] : [desc(updatedMillis), desc(tasks.id)];
}

function beyond(order: TaskOrder, backward: boolean, cursor: Maybe<string>): SQL | undefined {
  if (!cursor) return undefined;
  const [key, id] = decodeCursor(cursor, 2);
  const greater = (order === 'NAME') !== backward;
  const than = greater ? sql`>` : sql`<`;
  if (order === 'NAME') return sql`(${tasks.name}, ${tasks.id}) ${than} (${key}, ${id}::uuid)`;
  return sql`(${updatedMillis}, ${tasks.id}) ${than} (${key}::timestamptz, ${id}::uuid)`;
}
