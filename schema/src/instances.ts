import type { Failure } from '@sampan/connector';
import { type Instance, listDirty, listInstances, listSplits } from '@sampan/control';
import { builder } from './builder.ts';
import { connect, connectionType, workspaceOf } from './connections.ts';
import { ConnectorFailure } from './errors.ts';
import {
  AttemptType,
  DirtyRecordConnection,
  InstanceStateEnum,
  ProgressType,
  progressOf,
  ReconciliationType,
  RunPhase,
  SplitConnection,
  StatementType,
  TransitionType,
} from './instance-details.ts';
import { idOf, idOrNull } from './node-ids.ts';
import { Node } from './nodes.ts';
import { PublishPlan } from './task-versions.ts';
import { TaskType } from './tasks.ts';

const TriggerEnum = builder.enumType('Trigger', {
  description: 'Why an instance was made.',
  values: ['SCHEDULE', 'ONLINE', 'MANUAL', 'RERUN', 'BACKFILL', 'REPLAY'] as const,
});
const InstanceAction = builder.enumType('InstanceAction', {
  description: 'What can be done with an instance.',
  values: ['STOP', 'RESOLVE_COMMIT'] as const,
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
        if (one.committing && (one.state !== 'RUNNING' || !['transaction', 'stepped'].includes(one.publish ?? '')))
          return [];
        return ['WAITING', 'QUEUED', 'RUNNING'].includes(one.state) ? ['STOP' as const] : [];
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

/** The same with ids of rows in place of global ones. */
export const instanceFilter = (given: typeof InstanceFilter.$inferInput | null | undefined) => ({
  ...given,
  taskIds: given?.taskIds?.map((id) => idOf('Task', id)),
  folderId: idOrNull('Folder', given?.folderId),
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
      const filter = instanceFilter(args.filter);
      return connect(context, () =>
        listInstances(context.control, context.actor!, workspaceId, filter, args.orderBy ?? 'SCHEDULED_AT_DESC', args),
      ) as never;
    },
  }),
);
