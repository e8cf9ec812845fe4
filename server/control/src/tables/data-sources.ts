import type { CheckResult, Json, Schema } from '@sampan/connector';
import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  customType,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { idColumn, instant } from './columns.ts';
import { workspaces } from './people.ts';

const bytes = customType<{ data: Uint8Array; driverData: Uint8Array }>({ dataType: () => 'bytea' });

export interface ConnectionCheck {
  ok: boolean;
  at: string;
  steps: CheckResult[];
}

export const dataSources = pgTable(
  'data_sources',
  {
    id: idColumn(),
    workspaceId: uuid('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    name: text('name').notNull(),
    description: text('description').notNull().default(''),
    connector: text('connector').notNull(),
    options: jsonb('options').$type<{ [key: string]: Json }>().notNull(),
    secretNames: text('secret_names').array().notNull().default(sql`'{}'::text[]`),
    /** AES-256-GCM under the key-encryption key; null where there are no secrets. */
    sealed: bytes('sealed'),
    allowCustomSql: boolean('allow_custom_sql').notNull().default(true),
    use: text('use').array().$type<('READ' | 'WRITE')[]>().notNull(),
    lastCheck: jsonb('last_check').$type<ConnectionCheck>(),
    revision: integer('revision').notNull().default(1),
    createdAt: instant('created_at').notNull().defaultNow(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (t) => [uniqueIndex('data_sources_name').on(t.workspaceId, t.name)],
);

/** The catalogue as last read. */
export const dataObjects = pgTable(
  'data_objects',
  {
    dataSourceId: uuid('data_source_id')
      .notNull()
      .references(() => dataSources.id, { onDelete: 'cascade' }),
    name: text('name').notNull(),
    kind: text('kind').$type<Schema['kind']>().notNull(),
    rowEstimate: bigint('row_estimate', { mode: 'number' }),
    byteEstimate: bigint('byte_estimate', { mode: 'number' }),
    comment: text('comment'),
    /** Columns and keys; null until they were asked for. */
    schema: jsonb('schema').$type<Schema>(),
    refreshedAt: instant('refreshed_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.dataSourceId, t.name] })],
);

export type OperationState = 'RUNNING' | 'DONE' | 'FAILED' | 'CANCELLED';

/** Work that outlives the request that asked for it. */
export const operations = pgTable(
  'operations',
  {
    id: idColumn(),
    workspaceId: uuid('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    kind: text('kind').notNull(),
    subject: uuid('subject'),
    state: text('state').$type<OperationState>().notNull(),
    done: integer('done').notNull().default(0),
    total: integer('total'),
    error: jsonb('error').$type<{ code: string; message: string; hint: string | null }>(),
    startedAt: instant('started_at').notNull().defaultNow(),
    endedAt: instant('ended_at'),
  },
  (t) => [index('operations_workspace').on(t.workspaceId, t.startedAt)],
);
