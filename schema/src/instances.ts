import type { Failure, Split } from '@sampan/connector';
import {
  type AttemptRow,
  type DirtyRow,
  type Instance,
  type InstanceOutcome,
  listDirty,
  listInstances,
  listSplits,
  resolveCommit,
  runTask,
  type SplitRow,
  stopInstances,
  type Transition,
  type tables,
} from '@sampan/control';
import { builder } from './builder.ts';
import { connect, connectionType, workspaceOf } from './connections.ts';
import { ConnectorFailure, ErrorInterface, Side, toldError } from './errors.ts';
import { mutation } from './mutations.ts';
import { asNode, encodeId, idOf, idOrNull } from './node-ids.ts';
import { Node } from './nodes.ts';
import { checkCount, PublishPlan, TaskType } from './tasks.ts';

export const InstanceStateEnum = builder.enumType('InstanceState', {
  description: 'Terminal states never change.',
  values: ['WAITING', 'QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'CANCELLED', 'SKIPPED'] as const,
});
const RunPhase = builder.enumType('RunPhase', {
  description: 'What a running instance is doing.',
  values: ['CONNECTING', 'PLANNING', 'COPYING', 'VERIFYING', 'COMMITTING'] as const,
});
const TriggerEnum = builder.enumType('Trigger', {
  description: 'Why an instance was made.',
  values: ['SCHEDULE', 'ONLINE', 'MANUAL', 'RERUN', 'BACKFILL', 'REPLAY'] as const,
});
const InstanceAction = builder.enumType('InstanceAction', {
  description: 'What can be done with an instance.',
  values: ['STOP', 'RESOLVE_COMMIT'] as const,
});
const SplitState = builder.enumType('SplitState', {
  description: 'How far a split is; SEALED: all of it is durable in the target.',
  values: ['PENDING', 'RUNNING', 'SEALED'] as const,
});

type StoredProgress = Instance['progress'];
interface ProgressShape {
  counts: NonNullable<StoredProgress>['total'];
  rowsPerSecond: number | null;
  splitsTotal: number | null;
  splitsDone: number | null;
  stalledOn: 'READER' | 'WRITER' | null;
}

const ProgressType = builder.objectRef<ProgressShape>('Progress').implement({
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

const TransitionType = builder.objectRef<Transition>('Transition').implement({
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

const AttemptType = builder.objectRef<AttemptRow>('Attempt').implement({
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

const SplitType = builder.objectRef<SplitRow>('Split').implement({
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
const SplitConnection = connectionType('Split', SplitType as never);

const DirtyRecordType = builder.objectRef<DirtyRow>('DirtyRecord').implement({
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
const DirtyRecordConnection = connectionType('DirtyRecord', DirtyRecordType as never);

type StatementRow = typeof tables.statements.$inferSelect;
const StatementType = builder.objectRef<StatementRow>('Statement').implement({
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
const ReconciliationType = builder.objectRef<ReconciliationRow>('Reconciliation').implement({
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

export const InstanceType = builder.objectRef<Instance>('Instance').implement({
  description: 'One run of a task for one time (实例).',
  interfaces: [Node],
  fields: (t) => ({
    task: t.field({
      type: TaskType,
      nullable: true,
      description: 'Of which task.',
      resolve: (one, _args, context) => context.loaders.task(one.taskId),
    }),
    taskVersion: t.exposeInt('taskVersion', { description: 'The version it runs.' }),
    trigger: t.field({ type: TriggerEnum, description: 'Why it was made.', resolve: (one) => one.trigger }),
    state: t.field({ type: InstanceStateEnum, description: 'How far it is.', resolve: (one) => one.state }),
    phase: t.field({ type: RunPhase, nullable: true, description: 'While it runs.', resolve: (one) => one.phase }),
    waitingFor: t.exposeString('waitingFor', { nullable: true, description: 'While it waits, in words.' }),
    needsDecision: t.exposeBoolean('needsDecision', {
      description: 'Whether it was committed could not be found out: a person must say.',
    }),
    can: t.field({
      type: [InstanceAction],
      description: 'What can be done with it now.',
      resolve: (one) => {
        if (one.needsDecision) return ['RESOLVE_COMMIT' as const];
        return ['WAITING', 'QUEUED', 'RUNNING'].includes(one.state) && !one.committing ? ['STOP' as const] : [];
      },
    }),
    scheduledAt: t.field({
      type: 'DateTime',
      description: 'The time it runs for.',
      resolve: (one) => new Date(one.scheduledAt),
    }),
    businessDate: t.field({
      type: 'LocalDate',
      description: 'The scheduled date minus one day (业务日期).',
      resolve: (one) => one.businessDate,
    }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When it was made.',
      resolve: (one) => new Date(one.createdAt),
    }),
    startedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When its first attempt began.',
      resolve: (one) => dateOf(one.startedAt),
    }),
    endedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it ended.',
      resolve: (one) => dateOf(one.endedAt),
    }),
    durationMs: t.int({
      nullable: true,
      description: 'From start to end, or to now.',
      resolve: (one) => durationOf(one),
    }),
    progress: t.field({ type: ProgressType, description: 'What has flowed.', resolve: (one) => progressOf(one) }),
    splits: t.field({
      type: SplitConnection,
      description: 'In order.',
      args: {
        first: t.arg.int({ description: 'At most 500; 50 where absent.' }),
        after: t.arg.string({ description: 'Behind this cursor.' }),
      },
      resolve: (one, args, context) => connect(context, () => listSplits(context.control, one.id, args)) as never,
    }),
    attempts: t.field({
      type: [AttemptType],
      description: 'In order.',
      resolve: (one, _args, context) => context.loaders.attempts(one.id),
    }),
    statements: t.field({
      type: [StatementType],
      description: 'The SQL that ran.',
      resolve: (one, _args, context) => context.loaders.statements(one.id),
    }),
    warnings: t.stringList({ description: 'What was noticed while it was planned.', resolve: (one) => one.warnings }),
    dirty: t.field({
      type: DirtyRecordConnection,
      description: 'Dirty records, the first 10,000. Not for viewers.',
      args: {
        first: t.arg.int({ description: 'At most 500; 50 where absent.' }),
        after: t.arg.string({ description: 'Behind this cursor.' }),
      },
      resolve: (one, args, context) =>
        connect(context, () => listDirty(context.control, context.actor!, one, args)) as never,
    }),
    reconciliations: t.field({
      type: [ReconciliationType],
      description: 'In order.',
      resolve: (one, _args, context) => context.loaders.reconciliations(one.id),
    }),
    publish: t.field({
      type: PublishPlan,
      nullable: true,
      description: 'How it is published; null before its target was opened.',
      resolve: (one) => (one.publish === null ? null : { way: one.publish, visible: one.visible ?? '' }),
    }),
    failure: t.field({
      type: ConnectorFailure,
      nullable: true,
      description: 'What went wrong last.',
      resolve: (one) => one.failure as Failure | null,
    }),
    transitions: t.field({
      type: [TransitionType],
      description: 'In order.',
      resolve: (one, _args, context) => context.loaders.transitions(one.id),
    }),
  }),
});
const InstanceConnection = connectionType('Instance', InstanceType as never);

builder.objectFields(TaskType, (t) => ({
  lastInstance: t.field({
    type: InstanceType,
    nullable: true,
    description: 'The newest by scheduled time.',
    resolve: (one, _args, context) => context.loaders.lastInstance(one.id),
  }),
}));

// Instances of events are snapshots, in which times are text.
const dateOf = (value: Date | string | null) => (value === null ? null : new Date(value));

function durationOf(one: Instance): number | null {
  const from = dateOf(one.startedAt);
  return from === null ? null : (dateOf(one.endedAt) ?? new Date()).getTime() - from.getTime();
}

function progressOf({ progress }: Instance): ProgressShape {
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

export const InstanceFilter = builder.inputType('InstanceFilter', {
  description: 'Which instances; all conditions hold.',
  fields: (t) => ({
    taskIds: t.idList({ description: 'Of these tasks.' }),
    folderId: t.id({ description: 'Of tasks in or below this folder.' }),
    states: t.field({ type: [InstanceStateEnum], description: 'In one of these states.' }),
    triggers: t.field({ type: [TriggerEnum], description: 'Made for one of these reasons.' }),
    scheduledFrom: t.field({ type: 'DateTime', description: 'At or after.' }),
    scheduledTo: t.field({ type: 'DateTime', description: 'At or before.' }),
    businessFrom: t.field({ type: 'LocalDate', description: 'On or after.' }),
    businessTo: t.field({ type: 'LocalDate', description: 'On or before.' }),
    needsDecision: t.boolean({ description: 'Waiting for a person, or not.' }),
  }),
});

const InstanceOrder = builder.enumType('InstanceOrder', {
  description: 'Ties go by id.',
  values: ['SCHEDULED_AT_DESC', 'SCHEDULED_AT_ASC', 'CREATED_AT_DESC', 'CREATED_AT_ASC'] as const,
});

builder.queryField('instances', (t) =>
  t.field({
    type: InstanceConnection,
    description: 'Instances of a workspace.',
    args: {
      workspace: t.arg.id({ description: 'Absent: the default one.' }),
      filter: t.arg({ type: InstanceFilter, description: 'Which.' }),
      orderBy: t.arg({ type: InstanceOrder, description: 'Default SCHEDULED_AT_DESC.' }),
      first: t.arg.int({ description: 'At most 500; 50 where absent.' }),
      after: t.arg.string({ description: 'Behind this cursor.' }),
      last: t.arg.int({ description: 'The last ones instead.' }),
      before: t.arg.string({ description: 'In front of this cursor.' }),
    },
    resolve: async (_root, args, context) => {
      const workspaceId = await workspaceOf(context, args.workspace);
      const filter = {
        ...args.filter,
        taskIds: args.filter?.taskIds?.map((id) => idOf('Task', id)),
        folderId: idOrNull('Folder', args.filter?.folderId),
      };
      return connect(context, () =>
        listInstances(context.control, context.actor!, workspaceId, filter, args.orderBy ?? 'SCHEDULED_AT_DESC', args),
      ) as never;
    },
  }),
);

mutation('runTask', {
  description: 'Runs a task now. Allowed for offline tasks, refused outside the effective dates.',
  input: builder.inputType('RunTaskInput', {
    description: 'What to run.',
    fields: (t) => ({
      id: t.id({ required: true, description: 'Of the task.' }),
      scheduledAt: t.field({ type: 'DateTime', description: 'The time to run for; absent: now.' }),
      requestId: t.string({ description: 'The same id acts once.' }),
    }),
  }),
  errors: ['validation', 'conflict', 'notFound', 'forbidden'],
  fields: (t) => ({
    instance: t.field({
      type: InstanceType,
      description: 'As made.',
      resolve: (one: { instance: Instance }) => one.instance,
    }),
  }),
  resolve: async (input, context) => ({
    instance: asNode(
      'Instance',
      await runTask(context.control, context.actor!, {
        taskId: idOf('Task', input.id),
        scheduledAt: input.scheduledAt ?? null,
        requestId: input.requestId ?? null,
      }),
    ),
  }),
});

const InstanceOutcomeType = builder.objectRef<InstanceOutcome>('InstanceOutcome').implement({
  description: 'What became of one of many: exactly one of instance and error.',
  fields: (t) => ({
    id: t.id({
      nullable: true,
      description: 'As it was given.',
      resolve: (one) => (one as unknown as { given: string }).given,
    }),
    instance: t.field({
      type: InstanceType,
      nullable: true,
      description: 'As it is now.',
      resolve: (one) => one.instance,
    }),
    error: t.field({
      type: ErrorInterface,
      nullable: true,
      description: 'Why not.',
      resolve: (one) => toldError(one.error),
    }),
  }),
});

mutation('resolveCommit', {
  description:
    'Decides an instance with needsDecision: whether its target holds what it wrote. What it wrote and is not there is removed from staging.',
  input: builder.inputType('ResolveCommitInput', {
    description: 'What became of the commit.',
    fields: (t) => ({
      id: t.id({ required: true, description: 'The instance.' }),
      committed: t.boolean({ required: true, description: 'True: it is in the target, and SUCCEEDED. False: FAILED.' }),
      reason: t.string({ required: true, description: 'How you found out; kept with the transition.' }),
      requestId: t.string({ description: 'The same id acts once.' }),
    }),
  }),
  errors: ['validation', 'conflict', 'notFound', 'forbidden'],
  fields: (t) => ({
    instance: t.field({
      type: InstanceType,
      description: 'As it is now.',
      resolve: (one: { instance: Instance }) => one.instance,
    }),
  }),
  resolve: async ({ id, ...input }, context) => {
    const instanceId = idOf('Instance', id);
    return { instance: await resolveCommit(context.control, context.actor!, { ...input, instanceId }) };
  },
});

mutation('stopInstances', {
  description: 'Stops running instances and cancels waiting ones. At most 100 at once.',
  input: builder.inputType('InstanceIdsInput', {
    description: 'Which instances.',
    fields: (t) => ({
      ids: t.idList({ required: true, description: 'Of the instances.' }),
      requestId: t.string({ description: 'The same id acts once.' }),
    }),
  }),
  errors: ['forbidden'],
  fields: (t) => ({
    outcomes: t.field({
      type: [InstanceOutcomeType],
      description: 'One per id, in order.',
      resolve: (one: { outcomes: InstanceOutcome[] }) => one.outcomes,
    }),
  }),
  resolve: async (input, context) => {
    checkCount(input.ids);
    const found = await stopInstances(
      context.control,
      context.actor!,
      input.ids.map((id) => idOf('Instance', id)),
      input.requestId,
    );
    return { outcomes: found.map((one, index) => ({ ...one, given: input.ids[index] }) as never) };
  },
});

export { TransitionType };
