import type { DirtyRecord, Failure, Json, Publish, Receipt, Split } from '@sampan/connector';
import type { LogLine, Progress, RanStatement, RunPhase, SplitProgress } from '@sampan/hosts/messages';
import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  date,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  real,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { idColumn, instant } from './columns.ts';
import { tasks } from './tasks.ts';

export type InstanceState =
  | 'WAITING'
  | 'QUEUED'
  | 'RUNNING'
  | 'SUCCEEDED'
  | 'FAILED'
  | 'TIMED_OUT'
  | 'CANCELLED'
  | 'SKIPPED';
export type Trigger = 'SCHEDULE' | 'ONLINE' | 'MANUAL' | 'RERUN' | 'BACKFILL' | 'REPLAY';

export type Partition = { [column: string]: string };

export const instances = pgTable(
  'instances',
  {
    id: idColumn(),
    workspaceId: uuid('workspace_id').notNull(),
    taskId: uuid('task_id')
      .notNull()
      .references(() => tasks.id),
    taskVersion: integer('task_version').notNull(),
    trigger: text('trigger').$type<Trigger>().notNull(),
    /** '' for SCHEDULE, a UUID for every other trigger. */
    triggerKey: text('trigger_key').notNull(),
    chain: integer('chain').notNull(),
    state: text('state').$type<InstanceState>().notNull(),
    phase: text('phase').$type<RunPhase>(),
    waitingFor: text('waiting_for'),
    needsDecision: boolean('needs_decision').notNull().default(false),
    scheduledAt: instant('scheduled_at').notNull(),
    businessDate: date('business_date').notNull(),
    /** Not before this instant: the scheduled time, or that of the next retry. */
    dueAt: instant('due_at').notNull(),
    createdAt: instant('created_at').notNull(),
    startedAt: instant('started_at'),
    endedAt: instant('ended_at'),
    priority: integer('priority').notNull().default(1),
    memoryMb: integer('memory_mb').notNull(),
    /** Cores, a ceiling. */
    cpu: real('cpu').notNull().default(2),
    /** Data source + object: two of the same never overlap unless both append, or their partitions are apart. */
    targetKey: text('target_key').notNull(),
    /** Values of partition columns, by name in lower case; a column that is not named may have any. */
    targetPartition: jsonb('target_partition').$type<Partition>().notNull().default({}),
    appends: boolean('appends').notNull(),
    /** What it needs of the instance before it in its chain. */
    dependsOnPrevious: text('depends_on_previous').$type<'NONE' | 'ENDED' | 'SUCCEEDED'>().notNull(),
    timeoutMinutes: integer('timeout_minutes').notNull(),
    attempt: integer('attempt').notNull().default(0),
    retriesUsed: integer('retries_used').notNull().default(0),
    owner: text('owner'),
    leaseUntil: instant('lease_until'),
    /** Time under a live lease before the present attempt, in milliseconds. */
    ranMs: bigint('ran_ms', { mode: 'number' }).notNull().default(0),
    stopReason: text('stop_reason'),
    stopBy: text('stop_by'),
    /** What the instance becomes once its run has stopped. */
    stopTo: text('stop_to').$type<'CANCELLED' | 'TIMED_OUT'>(),
    /** Its task was taken offline meanwhile: what runs may end, and no further attempt follows. */
    lastAttempt: boolean('last_attempt').notNull().default(false),
    planned: boolean('planned').notNull().default(false),
    handle: jsonb('handle').$type<Json>(),
    handleAttempt: integer('handle_attempt'),
    committing: boolean('committing').notNull().default(false),
    publish: text('publish').$type<Publish>(),
    visible: text('visible'),
    progress: jsonb('progress').$type<Progress>(),
    warnings: text('warnings').array().notNull().default(sql`'{}'::text[]`),
    failure: jsonb('failure').$type<Failure>(),
    /** What is still to be done in the target after the end, and not before when. */
    cleanup: text('cleanup').$type<'abort' | 'forget'>(),
    cleanupAt: instant('cleanup_at'),
    rerunOf: uuid('rerun_of'),
  },
  (t) => [
    uniqueIndex('instances_once').on(t.taskId, t.scheduledAt, t.triggerKey),
    index('instances_scheduled').on(t.workspaceId, t.scheduledAt.desc().nullsFirst(), t.id.desc().nullsFirst()),
    index('instances_created').on(t.workspaceId, t.createdAt.desc().nullsFirst(), t.id.desc().nullsFirst()),
    index('instances_task').on(t.taskId, t.scheduledAt.desc().nullsFirst(), t.id.desc().nullsFirst()),
    index('instances_claimable')
      .on(t.priority.desc().nullsFirst(), t.scheduledAt, t.id)
      .where(sql`state in ('WAITING', 'QUEUED')`),
    index('instances_open').on(t.taskId).where(sql`state in ('WAITING', 'QUEUED', 'RUNNING')`),
    index('instances_target').on(t.targetKey).where(sql`state in ('WAITING', 'QUEUED', 'RUNNING')`),
    index('instances_reruns').on(t.rerunOf).where(sql`rerun_of is not null`),
    index('instances_cleanup').on(t.cleanupAt).where(sql`cleanup is not null`),
    index('instances_leases').on(t.leaseUntil).where(sql`state = 'RUNNING'`),
  ],
);

export const attempts = pgTable(
  'attempts',
  {
    id: idColumn(),
    instanceId: uuid('instance_id')
      .notNull()
      .references(() => instances.id),
    number: integer('number').notNull(),
    worker: text('worker').notNull(),
    executor: text('executor').notNull(),
    /** Names the host's process beyond pid reuse; null until it runs. */
    process: text('process'),
    memoryLimitBy: text('memory_limit_by').$type<'cgroup' | 'polling'>(),
    /** The worker saw its host end: a takeover need not fear it. */
    processEnded: boolean('process_ended').notNull().default(false),
    startedAt: instant('started_at').notNull(),
    endedAt: instant('ended_at'),
    outcome: text('outcome'),
    failure: jsonb('failure').$type<Failure>(),
    phases: jsonb('phases').$type<Progress['timings']>(),
  },
  (t) => [uniqueIndex('attempts_number').on(t.instanceId, t.number)],
);

export const splits = pgTable(
  'splits',
  {
    instanceId: uuid('instance_id')
      .notNull()
      .references(() => instances.id),
    number: integer('number').notNull(),
    split: jsonb('split').$type<Split>().notNull(),
    state: text('state').$type<'PENDING' | 'RUNNING' | 'SEALED'>().notNull(),
    attempt: integer('attempt').notNull().default(0),
    receipt: jsonb('receipt').$type<Receipt>(),
    counts: jsonb('counts').$type<SplitProgress>(),
  },
  (t) => [primaryKey({ columns: [t.instanceId, t.number] })],
);

/** Each change of state, written in the same transaction; also the outbox of the subscriptions. */
export const transitions = pgTable(
  'transitions',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    /** Given by the sequencer after commit, without gaps: a serial taken in a transaction would let late ones be skipped. */
    sequence: bigint('sequence', { mode: 'number' }),
    workspaceId: uuid('workspace_id').notNull(),
    instanceId: uuid('instance_id').notNull(),
    taskId: uuid('task_id').notNull(),
    from: text('from').$type<InstanceState>(),
    to: text('to').$type<InstanceState>().notNull(),
    at: instant('at').notNull(),
    by: text('by').notNull(),
    reason: text('reason').notNull(),
    attempt: integer('attempt').notNull(),
    /** The instance as it was at that moment. */
    snapshot: jsonb('snapshot').$type<Record<string, Json>>().notNull(),
  },
  (t) => [
    uniqueIndex('transitions_sequence').on(t.sequence),
    index('transitions_unsequenced').on(t.id).where(sql`sequence is null`),
    index('transitions_instance').on(t.instanceId, t.id),
  ],
);

export const dirtyRecords = pgTable(
  'dirty_records',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    instanceId: uuid('instance_id').notNull(),
    attempt: integer('attempt').notNull(),
    split: integer('split').notNull(),
    record: jsonb('record').$type<DirtyRecord>().notNull(),
  },
  (t) => [index('dirty_records_instance').on(t.instanceId, t.id)],
);

export const logLines = pgTable(
  'log_lines',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    instanceId: uuid('instance_id').notNull(),
    attempt: integer('attempt').notNull(),
    line: jsonb('line').$type<LogLine>().notNull(),
  },
  (t) => [index('log_lines_attempt').on(t.instanceId, t.attempt, t.id)],
);

export const statements = pgTable(
  'statements',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    instanceId: uuid('instance_id').notNull(),
    attempt: integer('attempt').notNull(),
    statement: jsonb('statement').$type<RanStatement>().notNull(),
  },
  (t) => [index('statements_instance').on(t.instanceId, t.id)],
);

export const reconciliations = pgTable(
  'reconciliations',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    instanceId: uuid('instance_id').notNull(),
    at: instant('at').notNull(),
    mode: text('mode').notNull(),
    ok: boolean('ok').notNull(),
    sourceRows: bigint('source_rows', { mode: 'number' }),
    targetRows: bigint('target_rows', { mode: 'number' }),
    message: text('message').notNull(),
  },
  (t) => [index('reconciliations_instance').on(t.instanceId, t.id)],
);
