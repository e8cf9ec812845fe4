import { sql } from 'drizzle-orm';
import { bigint, index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import type { TaskDefinition } from '../definitions.ts';
import { idColumn, instant } from './columns.ts';
import { users, workspaces } from './people.ts';

export const folders = pgTable(
  'folders',
  {
    id: idColumn(),
    workspaceId: uuid('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    parentId: uuid('parent_id'),
    name: text('name').notNull(),
    description: text('description').notNull().default(''),
    revision: integer('revision').notNull().default(1),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [
    uniqueIndex('folders_sibling_name').on(
      t.workspaceId,
      sql`coalesce(${t.parentId}, '00000000-0000-0000-0000-000000000000'::uuid)`,
      t.name,
    ),
    index('folders_parent').on(t.parentId),
  ],
);

export type TaskKind = 'FULL' | 'INCREMENTAL';
export type TaskState = 'OFFLINE' | 'ONLINE' | 'PAUSED' | 'FINISHED';

export const tasks = pgTable(
  'tasks',
  {
    id: idColumn(),
    workspaceId: uuid('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    folderId: uuid('folder_id')
      .notNull()
      .references(() => folders.id),
    name: text('name').notNull(),
    description: text('description').notNull().default(''),
    owner: text('owner'),
    tags: text('tags').array().notNull().default(sql`'{}'::text[]`),
    kind: text('kind').$type<TaskKind>().notNull(),
    state: text('state').$type<TaskState>().notNull().default('OFFLINE'),
    revision: integer('revision').notNull().default(1),
    version: integer('version').notNull().default(1),
    /** Counts how often it was brought online: the chain of periods starts anew each time. */
    chain: integer('chain').notNull().default(0),
    /** The first occurrence that is not planned yet; null: none. */
    nextDue: instant('next_due'),
    deletedAt: instant('deleted_at'),
    createdAt: instant('created_at').notNull().defaultNow(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (t) => [
    uniqueIndex('tasks_folder_name').on(t.folderId, t.name).where(sql`deleted_at is null`),
    index('tasks_workspace_name').on(t.workspaceId, t.name, t.id),
    index('tasks_workspace_updated').on(t.workspaceId, t.updatedAt.desc().nullsFirst(), t.id.desc().nullsFirst()),
    index('tasks_due').on(t.nextDue).where(sql`state = 'ONLINE' and next_due is not null`),
  ],
);

export const taskVersions = pgTable(
  'task_versions',
  {
    taskId: uuid('task_id')
      .notNull()
      .references(() => tasks.id),
    number: integer('number').notNull(),
    at: instant('at').notNull().defaultNow(),
    byUser: uuid('by_user')
      .notNull()
      .references(() => users.id),
    definition: jsonb('definition').$type<TaskDefinition>().notNull(),
  },
  (t) => [primaryKey({ columns: [t.taskId, t.number] })],
);

/** Data sources that a task's current version uses, for `usedBy` and for refusing their removal. */
export const taskDataSources = pgTable(
  'task_data_sources',
  {
    taskId: uuid('task_id')
      .notNull()
      .references(() => tasks.id),
    dataSourceId: uuid('data_source_id').notNull(),
    role: text('role').$type<'SOURCE' | 'TARGET'>().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.taskId, t.role] }),
    index('task_data_sources_by_source').on(t.dataSourceId, t.taskId),
  ],
);

/** A mutation's answer under the caller's own request id, kept for 24 hours. */
export const requests = pgTable(
  'requests',
  {
    actor: uuid('actor').notNull(),
    mutation: text('mutation').notNull(),
    requestId: text('request_id').notNull(),
    content: text('content').notNull(),
    result: jsonb('result'),
    at: instant('at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.actor, t.mutation, t.requestId] }), index('requests_at').on(t.at)],
);

/** Who changed what: written in the transaction of the change. */
export const audit = pgTable(
  'audit',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    workspaceId: uuid('workspace_id'),
    at: instant('at').notNull().defaultNow(),
    byUser: uuid('by_user').notNull(),
    action: text('action').notNull(),
    objectId: text('object_id').notNull(),
    changes: jsonb('changes').notNull(),
  },
  (t) => [index('audit_workspace_at').on(t.workspaceId, t.id)],
);
