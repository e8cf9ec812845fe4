import type { Split } from '@sampan/connector';
import type { AttemptRow, DirtyRow, Instance, SplitRow, Transition, tables } from '@sampan/control';
import { builder } from './builder.ts';
import { connectionType } from './connections.ts';
import { ConnectorFailure, Side } from './errors.ts';
import { encodeId } from './node-ids.ts';

export const InstanceStateEnum = builder.enumType('InstanceState', {
  description: 'Terminal states never change.',
  values: ['WAITING', 'QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'CANCELLED', 'SKIPPED'] as const,
});
export const RunPhase = builder.enumType('RunPhase', {
  description: 'What a running instance is doing.',
  values: ['CONNECTING', 'PLANNING', 'COPYING', 'VERIFYING', 'COMMITTING'] as const,
});
const SplitState = builder.enumType('SplitState', {
  description: 'How far a split is; SEALED: all of it is durable in the target.',
  values: ['PENDING', 'RUNNING', 'SEALED'] as const,
});

type StoredProgress = Instance['progress'];
export interface ProgressShape {
  counts: NonNullable<StoredProgress>['total'];
  rowsPerSecond: number | null;
  splitsTotal: number | null;
  splitsDone: number | null;
  stalledOn: 'READER' | 'WRITER' | null;
}

export const ProgressType = builder.objectRef<ProgressShape>('Progress').implement({
  description: 'What has flowed: read = written + dirty + filtered.',
  fields: (t) => ({
    rowsRead: t.field({ type: 'BigInt', description: 'From the source.', resolve: ({ counts }) => counts.rowsRead }),
    rowsWritten: t.field({
      type: 'BigInt',
      description: 'Taken by the target.',
      resolve: ({ counts }) => counts.rowsWritten,
    }),
    rowsDirty: t.field({
      type: 'BigInt',
      description: 'Dirty records (脏数据).',
      resolve: ({ counts }) => counts.rowsDirty,
    }),
    rowsFiltered: t.field({
      type: 'BigInt',
      description: 'Left out by rule.',
      resolve: ({ counts }) => counts.rowsFiltered,
    }),
    bytesRead: t.field({
      type: 'BigInt',
      description: 'In memory, as read.',
      resolve: ({ counts }) => counts.bytesRead,
    }),
    bytesWritten: t.field({
      type: 'BigInt',
      description: 'In memory, as written.',
      resolve: ({ counts }) => counts.bytesWritten,
    }),
    rowsPerSecond: t.exposeFloat('rowsPerSecond', {
      nullable: true,
      description: 'Rows written, over the time of copying.',
    }),
    splitsTotal: t.exposeInt('splitsTotal', { nullable: true, description: 'Null until planned.' }),
    splitsDone: t.exposeInt('splitsDone', { nullable: true, description: 'Splits that are sealed.' }),
    stalledOn: t.field({
      type: Side,
      nullable: true,
      description: 'The side that has let the run wait for a while.',
      resolve: (one) => one.stalledOn,
    }),
  }),
});

const zero = { rowsRead: 0, rowsWritten: 0, rowsDirty: 0, rowsFiltered: 0, bytesRead: 0, bytesWritten: 0 };

export const TransitionType = builder.objectRef<Transition>('Transition').implement({
  description: 'A change of state.',
  fields: (t) => ({
    from: t.field({
      type: InstanceStateEnum,
      nullable: true,
      description: 'Null where it was made.',
      resolve: (one) => one.from,
    }),
    to: t.field({ type: InstanceStateEnum, description: 'The new state.', resolve: (one) => one.to }),
    at: t.field({ type: 'DateTime', description: 'When.', resolve: (one) => one.at }),
    by: t.exposeString('by', { description: 'A user, a worker or the scheduler.' }),
    reason: t.exposeString('reason', { nullable: true, description: 'Why.' }),
  }),
});

type Phase = NonNullable<AttemptRow['phases']>[number];
const PhaseTiming = builder.objectRef<Phase>('PhaseTiming').implement({
  description: 'How long a phase took, and what it waited for.',
  fields: (t) => ({
    phase: t.field({ type: RunPhase, description: 'Which.', resolve: (one) => one.phase }),
    millis: t.exposeFloat('millis', { description: 'In all.' }),
    waitedForReaderMs: t.exposeFloat('waitedForReaderMs', { description: 'Summed over the splits.' }),
    waitedForWriterMs: t.exposeFloat('waitedForWriterMs', { description: 'Summed over the splits.' }),
    throttledMs: t.exposeFloat('throttledMs', { description: 'Held back by rate limits.' }),
  }),
});

export const AttemptType = builder.objectRef<AttemptRow>('Attempt').implement({
  description: 'One try at an instance (尝试).',
  fields: (t) => ({
    id: t.id({ description: 'Opaque.', resolve: (one) => encodeId('Attempt', one.id) }),
    number: t.exposeInt('number', { description: 'From 1.' }),
    worker: t.exposeString('worker', { description: 'The process that had it.' }),
    executor: t.exposeString('executor', { description: 'How it ran.' }),
    memoryLimitBy: t.exposeString('memoryLimitBy', {
      nullable: true,
      description: 'Who kept its memory limit: cgroup or polling.',
    }),
    startedAt: t.field({ type: 'DateTime', description: 'When.', resolve: (one) => one.startedAt }),
    endedAt: t.field({ type: 'DateTime', nullable: true, description: 'When.', resolve: (one) => one.endedAt }),
    outcome: t.exposeString('outcome', { nullable: true, description: 'How it ended.' }),
    failure: t.field({
      type: ConnectorFailure,
      nullable: true,
      description: 'What went wrong.',
      resolve: (one) => one.failure,
    }),
    phases: t.field({ type: [PhaseTiming], description: 'In order.', resolve: (one) => one.phases ?? [] }),
  }),
});

export const SplitType = builder.objectRef<SplitRow>('Split').implement({
  description: 'A slice of the source object (分片).',
  fields: (t) => ({
    number: t.exposeInt('number', { description: 'From 0.' }),
    description: t.string({ description: 'Which rows.', resolve: (one) => (one.split as Split).description }),
    state: t.field({ type: SplitState, description: 'How far it is.', resolve: (one) => one.state }),
    attempt: t.exposeInt('attempt', { description: 'The attempt that had it last.' }),
    progress: t.field({
      type: ProgressType,
      description: 'Of the sealed split.',
      resolve: (one) => ({
        counts: one.counts ?? zero,
        rowsPerSecond: null,
        splitsTotal: null,
        splitsDone: null,
        stalledOn: null,
      }),
    }),
  }),
});
export const SplitConnection = connectionType('Split', SplitType as never);

export const DirtyRecordType = builder.objectRef<DirtyRow>('DirtyRecord').implement({
  description: 'A row that was not written, with its reason.',
  fields: (t) => ({
    id: t.id({ description: 'Unique in its instance.', resolve: (one) => String(one.id) }),
    column: t.string({
      nullable: true,
      description: 'Target column; null: the whole row.',
      resolve: (one) => one.record.column,
    }),
    value: t.string({
      nullable: true,
      description: 'As text, cut to 1,000 characters.',
      resolve: (one) => one.record.value,
    }),
    reason: t.string({ description: 'Why.', resolve: (one) => one.record.reason }),
    key: t.field({ type: 'JSON', nullable: true, description: "The row's key.", resolve: (one) => one.record.key }),
    row: t.field({
      type: 'JSON',
      nullable: true,
      description: 'The row as read.',
      resolve: (one) => one.record.record,
    }),
    split: t.exposeInt('split', { description: 'Number of the split.' }),
    attempt: t.exposeInt('attempt', { description: 'Number of the attempt.' }),
  }),
});
export const DirtyRecordConnection = connectionType('DirtyRecord', DirtyRecordType as never);

type StatementRow = typeof tables.statements.$inferSelect;
export const StatementType = builder.objectRef<StatementRow>('Statement').implement({
  description: 'SQL that ran.',
  fields: (t) => ({
    at: t.field({ type: 'DateTime', description: 'When.', resolve: (one) => new Date(one.statement.at) }),
    side: t.field({ type: Side, description: 'Where.', resolve: (one) => one.statement.side }),
    sql: t.string({ description: 'Without secrets.', resolve: (one) => one.statement.sql }),
    millis: t.float({ nullable: true, description: 'How long.', resolve: (one) => one.statement.millis }),
    rows: t.field({ type: 'BigInt', nullable: true, description: 'How many.', resolve: (one) => one.statement.rows }),
  }),
});

type ReconciliationRow = typeof tables.reconciliations.$inferSelect;
export const ReconciliationType = builder.objectRef<ReconciliationRow>('Reconciliation').implement({
  description: 'The check that the target has taken what the source gave (对账).',
  fields: (t) => ({
    at: t.field({ type: 'DateTime', description: 'When.', resolve: (one) => one.at }),
    mode: t.exposeString('mode', { description: 'COUNT.' }),
    ok: t.exposeBoolean('ok', { description: 'They agree.' }),
    sourceRows: t.field({
      type: 'BigInt',
      nullable: true,
      description: 'Rows to be written.',
      resolve: (one) => one.sourceRows,
    }),
    targetRows: t.field({
      type: 'BigInt',
      nullable: true,
      description: 'Rows the target counts; null where it gives none.',
      resolve: (one) => one.targetRows,
    }),
    message: t.exposeString('message', { description: 'In words.' }),
  }),
});

export function progressOf({ progress }: Instance): ProgressShape {
  if (progress === null)
    return { counts: zero, rowsPerSecond: null, splitsTotal: null, splitsDone: null, stalledOn: null };
  const copying = progress.timings.find((one) => one.phase === 'COPYING')?.millis ?? 0;
  return {
    counts: progress.total,
    rowsPerSecond: copying > 0 ? (progress.total.rowsWritten / copying) * 1_000 : null,
    splitsTotal: progress.splitsTotal,
    splitsDone: progress.splitsDone,
    stalledOn: progress.stalledOn,
  };
}
