import { builder } from './builder.ts';
import { WriteMode } from './data-sources.ts';
import { FailureKind } from './errors.ts';
import { ScheduleInput } from './schedules.ts';

export const TaskKindEnum = builder.enumType('TaskKind', {
  description: '全量 or 增量. INCREMENTAL is not available yet and is refused.',
  values: ['FULL', 'INCREMENTAL'] as const,
});
export const OnLossy = builder.enumType('OnLossy', {
  description:
    'What to do where values would lose something: refuse the mapping, let them, or count those rows as dirty.',
  values: ['REFUSE', 'ALLOW', 'DIRTY'] as const,
});
export const PublishChoice = builder.enumType('PublishChoice', {
  description: 'How the target is published.',
  values: ['AUTO', 'SWAP', 'TRANSACTION', 'STEPPED'] as const,
});
export const Priority = builder.enumType('Priority', {
  description: 'Which of the waiting instances starts first.',
  values: ['LOW', 'NORMAL', 'HIGH'] as const,
});
export const ReconciliationMode = builder.enumType('ReconciliationMode', {
  description: 'The check that the target has taken what the source gave (对账).',
  values: ['OFF', 'COUNT'] as const,
});

export const SourceInput = builder.inputType('SourceInput', {
  description: 'What is read.',
  fields: (t) => ({
    dataSourceId: t.id({ required: true, description: 'From where.' }),
    objects: t.stringList({ required: true, description: 'One object.' }),
    where: t.string({ description: "A condition in the source's own language." }),
    splitKey: t.string({ description: 'Column to split by; absent: the primary key.' }),
    splits: t.int({ description: 'Splits wanted; absent: by size.' }),
    parallel: t.int({ description: 'Splits copied at the same time (default 2).' }),
    fetchSize: t.int({ description: 'Rows fetched at a time; absent: the connector chooses.' }),
    options: t.field({ type: 'JSON', description: 'Of the connector.' }),
  }),
});

const PartitionValueInput = builder.inputType('PartitionValueInput', {
  description: 'A value of a partition column.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'The column.' }),
    value: t.string({ required: true, description: 'Its value.' }),
  }),
});

export const TargetInput = builder.inputType('TargetInput', {
  description: 'Where it is written.',
  fields: (t) => ({
    dataSourceId: t.id({ required: true, description: 'To where.' }),
    object: t.string({ required: true, description: 'The table.' }),
    create: t.boolean({ description: 'Create it where it is missing (自动建表).' }),
    ddl: t.string({ description: 'Your own statement for that; absent: the one checkTask shows.' }),
    writeMode: t.field({ type: WriteMode, required: true, description: 'How rows meet what is there.' }),
    keys: t.stringList({
      description:
        'Of UPSERT: the target columns that tell rows apart, exactly one unique index of the target. Absent: the primary key of the source.',
    }),
    partition: t.field({ type: [PartitionValueInput], description: 'The partition, in the order of its columns.' }),
    preSql: t.stringList({ description: 'Statements before.' }),
    postSql: t.stringList({ description: 'Statements after.' }),
    publish: t.field({ type: PublishChoice, description: 'Default AUTO.' }),
    options: t.field({ type: 'JSON', description: 'Of the connector.' }),
  }),
});

export const LinkInput = builder.inputType('LinkInput', {
  description: 'A link of the field mapping (字段映射); exactly one of column and constant.',
  fields: (t) => ({
    target: t.string({ required: true, description: 'Target column.' }),
    column: t.string({ description: 'Source column.' }),
    constant: t.string({ description: 'The same text in every row.' }),
    onLossy: t.field({ type: OnLossy, description: 'Default REFUSE.' }),
  }),
});

export const RunOptionsInput = builder.inputType('RunOptionsInput', {
  description: 'How a task runs.',
  fields: (t) => ({
    cpu: t.float({ description: 'Cores, a ceiling (default 2).' }),
    memoryMb: t.int({ description: "Of the run's process, in MB (default 1024)." }),
    timeoutMinutes: t.int({
      description:
        'Default: three intervals, or a day for timed schedules. Publishing does not count: it may take as long again, at least one hour and at most six.',
    }),
    priority: t.field({ type: Priority, description: 'Default NORMAL.' }),
    dirtyRows: t.field({ type: 'BigInt', description: 'Dirty rows allowed (default 0).' }),
    dirtyShare: t.float({ description: 'Share of dirty rows allowed, 0 to 1.' }),
    rowsPerSecond: t.int({ description: 'At most; absent: no limit.' }),
    bytesPerSecond: t.field({ type: 'BigInt', description: 'At most; absent: no limit.' }),
    reconciliation: t.field({ type: ReconciliationMode, description: 'Default COUNT.' }),
    retries: t.int({ description: 'Default 3.' }),
    retryDelaySeconds: t.int({ description: 'Before the first retry (default 10).' }),
    retryBackoff: t.float({ description: 'By which the delay grows (default 2).' }),
    retryOn: t.field({ type: [FailureKind], description: 'Default BUSY.' }),
  }),
});

const basics = (t: Parameters<Parameters<typeof builder.inputType>[1]['fields']>[0]) => ({
  description: t.string({ description: 'For people.' }),
  owner: t.string({ description: 'Who answers for it.' }),
  tags: t.stringList({ description: 'For finding it.' }),
  options: t.field({ type: RunOptionsInput, description: 'How it runs.' }),
});

export const TaskInput = builder.inputType('TaskInput', {
  description: 'A task, whole.',
  fields: (t) => ({
    folderId: t.id({ required: true, description: 'Where it lies.' }),
    name: t.string({ required: true, description: 'Unique in its folder.' }),
    kind: t.field({ type: TaskKindEnum, required: true, description: 'FULL.' }),
    source: t.field({ type: SourceInput, required: true, description: 'What is read.' }),
    target: t.field({ type: TargetInput, required: true, description: 'Where it is written.' }),
    mapping: t.field({ type: [LinkInput], required: true, description: 'Which column goes where.' }),
    schedule: t.field({ type: ScheduleInput, required: true, description: 'When it runs.' }),
    ...basics(t),
  }),
});

export const TaskDraftInput = builder.inputType('TaskDraftInput', {
  description: "A wizard's state: each step can be checked alone.",
  fields: (t) => ({
    id: t.id({ description: 'The task that is edited.' }),
    folderId: t.id({ description: 'Where it lies.' }),
    name: t.string({ description: 'Unique in its folder.' }),
    kind: t.field({ type: TaskKindEnum, description: 'FULL.' }),
    source: t.field({ type: SourceInput, description: 'What is read.' }),
    target: t.field({ type: TargetInput, description: 'Where it is written.' }),
    mapping: t.field({ type: [LinkInput], description: 'Which column goes where.' }),
    schedule: t.field({ type: ScheduleInput, description: 'When it runs.' }),
    ...basics(t),
  }),
});
