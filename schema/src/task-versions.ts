import type { LinkDefinition, RunOptions, SourceDefinition, TargetDefinition, TaskVersion } from '@sampan/control';
import { builder } from './builder.ts';
import { DataSourceType, WriteMode } from './data-sources.ts';
import { FailureKind } from './errors.ts';
import { UserType } from './people.ts';
import { ScheduleObject } from './schedules.ts';
import { OnLossy, Priority, PublishChoice, ReconciliationMode } from './task-inputs.ts';

const PublishEnum = builder.enumType('Publish', {
  description: 'How a target is published.',
  values: ['SWAP', 'TRANSACTION', 'STEPPED', 'SESSION'] as const,
});

export const PublishPlan = builder.objectRef<{ way: string; visible: string }>('PublishPlan').implement({
  description: 'How the target is published, and what others see meanwhile.',
  fields: (t) => ({
    way: t.field({ type: PublishEnum, description: 'The way.', resolve: (one) => one.way.toUpperCase() as 'SESSION' }),
    visible: t.exposeString('visible', { description: 'What others see meanwhile, in words.' }),
  }),
});

const SourceObject = builder.objectRef<SourceDefinition>('Source').implement({
  description: 'What a task reads.',
  fields: (t) => ({
    dataSource: t.field({
      type: DataSourceType,
      nullable: true,
      description: 'From where.',
      resolve: (one, _args, context) => context.loaders.dataSource(one.dataSourceId),
    }),
    objects: t.exposeStringList('objects', { description: 'Which objects.' }),
    where: t.exposeString('where', { nullable: true, description: 'Row filter.' }),
    splitKey: t.exposeString('splitKey', { nullable: true, description: 'Column to split by.' }),
    splits: t.exposeInt('splits', { nullable: true, description: 'Splits wanted.' }),
    parallel: t.exposeInt('parallel', { description: 'Splits copied at the same time.' }),
    fetchSize: t.exposeInt('fetchSize', { nullable: true, description: 'Rows fetched at a time.' }),
    options: t.field({ type: 'JSON', description: 'Of the connector.', resolve: (one) => one.options }),
  }),
});

const PartitionValue = builder.objectRef<{ name: string; value: string }>('PartitionValue').implement({
  description: 'A value of a partition column.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The column.' }),
    value: t.exposeString('value', { description: 'Its value.' }),
  }),
});

const TargetObject = builder.objectRef<TargetDefinition>('Target').implement({
  description: 'Where a task writes.',
  fields: (t) => ({
    dataSource: t.field({
      type: DataSourceType,
      nullable: true,
      description: 'To where.',
      resolve: (one, _args, context) => context.loaders.dataSource(one.dataSourceId),
    }),
    object: t.exposeString('object', { description: 'The table.' }),
    create: t.exposeBoolean('create', { description: 'It is created where it is missing.' }),
    ddl: t.exposeString('ddl', { nullable: true, description: 'Your own statement for that.' }),
    writeMode: t.field({
      type: WriteMode,
      description: 'How rows meet what is there.',
      resolve: (one) => one.writeMode,
    }),
    keys: t.stringList({
      description: 'The target columns that tell rows apart; empty: the primary key of the source.',
      resolve: (one) => one.keys ?? [],
    }),
    partition: t.field({ type: [PartitionValue], description: 'The partition.', resolve: (one) => one.partition }),
    preSql: t.exposeStringList('preSql', { description: 'Statements before.' }),
    postSql: t.exposeStringList('postSql', { description: 'Statements after.' }),
    publish: t.field({ type: PublishChoice, description: 'The way that was chosen.', resolve: (one) => one.publish }),
    options: t.field({ type: 'JSON', description: 'Of the connector.', resolve: (one) => one.options }),
  }),
});

const LinkObject = builder.objectRef<LinkDefinition>('Link').implement({
  description: 'A link of the field mapping.',
  fields: (t) => ({
    target: t.exposeString('target', { description: 'Target column.' }),
    column: t.exposeString('column', { nullable: true, description: 'Source column.' }),
    constant: t.exposeString('constant', { nullable: true, description: 'The same text in every row.' }),
    onLossy: t.field({
      type: OnLossy,
      description: 'What to do with values that would lose something.',
      resolve: (one) => one.onLossy,
    }),
  }),
});

export const RunOptionsObject = builder.objectRef<RunOptions>('RunOptions').implement({
  description: 'How a task runs.',
  fields: (t) => ({
    cpu: t.exposeFloat('cpu', { description: 'Cores, a ceiling.' }),
    memoryMb: t.exposeInt('memoryMb', { description: "Of the run's process, in MB." }),
    timeoutMinutes: t.exposeInt('timeoutMinutes', { description: 'Time under a live lease, over all attempts.' }),
    priority: t.field({
      type: Priority,
      description: 'Which of the waiting starts first.',
      resolve: (one) => one.priority,
    }),
    dirtyRows: t.field({
      type: 'BigInt',
      nullable: true,
      description: 'Dirty rows allowed.',
      resolve: (one) => one.dirtyRows,
    }),
    dirtyShare: t.exposeFloat('dirtyShare', { nullable: true, description: 'Share of dirty rows allowed.' }),
    rowsPerSecond: t.exposeInt('rowsPerSecond', { nullable: true, description: 'At most.' }),
    bytesPerSecond: t.field({
      type: 'BigInt',
      nullable: true,
      description: 'At most.',
      resolve: (one) => one.bytesPerSecond,
    }),
    reconciliation: t.field({
      type: ReconciliationMode,
      description: 'The check before the commit.',
      resolve: (one) => one.reconciliation,
    }),
    retries: t.exposeInt('retries', { description: 'After failures of the kinds named.' }),
    retryDelaySeconds: t.exposeInt('retryDelaySeconds', { description: 'Before the first.' }),
    retryBackoff: t.exposeFloat('retryBackoff', { description: 'By which the delay grows.' }),
    retryOn: t.field({
      type: [FailureKind],
      description: 'Kinds of failure that are tried again.',
      resolve: (one) => one.retryOn,
    }),
  }),
});

export const TaskVersionType = builder.objectRef<TaskVersion>('TaskVersion').implement({
  description: 'One immutable version of a task.',
  fields: (t) => ({
    number: t.exposeInt('number', { description: 'From 1.' }),
    at: t.field({ type: 'DateTime', description: 'When it was made.', resolve: (one) => one.at }),
    by: t.field({
      type: UserType,
      description: 'By whom.',
      resolve: (one, _args, context) => context.loaders.user(one.byUser),
    }),
    source: t.field({ type: SourceObject, description: 'What is read.', resolve: (one) => one.definition.source }),
    target: t.field({
      type: TargetObject,
      description: 'Where it is written.',
      resolve: (one) => one.definition.target,
    }),
    mapping: t.field({
      type: [LinkObject],
      description: 'Which column goes where.',
      resolve: (one) => one.definition.mapping,
    }),
    schedule: t.field({
      type: ScheduleObject,
      description: 'When it runs.',
      resolve: (one) => one.definition.schedule,
    }),
    options: t.field({ type: RunOptionsObject, description: 'How it runs.', resolve: (one) => one.definition.options }),
  }),
});

export const NextRun = builder.objectRef<{ scheduledAt: Date; businessDate: string }>('NextRun').implement({
  description: 'A period to come.',
  fields: (t) => ({
    scheduledAt: t.field({ type: 'DateTime', description: 'When.', resolve: (one) => one.scheduledAt }),
    businessDate: t.field({
      type: 'LocalDate',
      description: 'The scheduled date minus one day (业务日期).',
      resolve: (one) => one.businessDate,
    }),
  }),
});
