import {
  BadInputError,
  businessDate,
  type CheckedLink,
  checkDraft,
  createTask,
  type DraftCheck,
  deleteTasks,
  type Issue,
  type LinkDefinition,
  listTasks,
  nextOccurrences,
  offlineTasks,
  onlineTasks,
  type RunOptions,
  readNow,
  type SourceDefinition,
  scheduleInWords,
  suggestMapping,
  type TargetDefinition,
  type Task,
  type TaskDeletion,
  type TaskOutcome,
  type TaskVersion,
  taskDeletion,
  updateTask,
} from '@sampan/control';
import { builder } from './builder.ts';
import { connect, connectionType, workspaceOf } from './connections.ts';
import { DataSourceType, WriteMode } from './data-sources.ts';
import { ErrorInterface, FailureKind, IssueType, toldError } from './errors.ts';
import { FolderType } from './folders.ts';
import { mutation } from './mutations.ts';
import { asNode, idOf, idOrNull } from './node-ids.ts';
import { Node } from './nodes.ts';
import { UserType } from './people.ts';
import { ScheduleObject } from './schedules.ts';
import {
  OnLossy,
  Priority,
  PublishChoice,
  ReconciliationMode,
  SourceInput,
  TargetInput,
  TaskDraftInput,
  TaskInput,
  TaskKindEnum,
} from './task-inputs.ts';

const TaskState = builder.enumType('TaskState', {
  description: 'FINISHED: it ran once, or its effective dates have passed.',
  values: ['OFFLINE', 'ONLINE', 'PAUSED', 'FINISHED'] as const,
});
const TaskAction = builder.enumType('TaskAction', {
  description: 'What can be done with a task.',
  values: ['EDIT', 'ONLINE', 'OFFLINE', 'RUN', 'DELETE'] as const,
});
const Verdict = builder.enumType('Verdict', {
  description: 'What becomes of values on a link; see reason.',
  values: ['EXACT', 'WIDENING', 'NARROWING', 'LOSSY', 'IMPOSSIBLE'] as const,
});
const MappingRule = builder.enumType('MappingRule', {
  description: '同名映射, the same without letter case and _, 同行映射.',
  values: ['SAME_NAME', 'SAME_NAME_LOOSE', 'SAME_POSITION'] as const,
});
const TaskOrder = builder.enumType('TaskOrder', {
  description: 'By name, or the last changed first.',
  values: ['NAME', 'UPDATED_AT'] as const,
});
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

const RunOptionsObject = builder.objectRef<RunOptions>('RunOptions').implement({
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

const TaskVersionType = builder.objectRef<TaskVersion>('TaskVersion').implement({
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

const NextRun = builder.objectRef<{ scheduledAt: Date; businessDate: string }>('NextRun').implement({
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

export const TaskType = builder.objectRef<Task>('Task').implement({
  description: 'Source, target, mapping, schedule and run options (任务); every change of these is a new version.',
  interfaces: [Node],
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Unique in its folder.' }),
    description: t.exposeString('description', { description: 'For people.' }),
    folder: t.field({
      type: FolderType,
      nullable: true,
      description: 'Where it lies.',
      resolve: (one, _args, context) => context.loaders.folder(one.folderId),
    }),
    owner: t.exposeString('owner', { nullable: true, description: 'Who answers for it.' }),
    tags: t.exposeStringList('tags', { description: 'For finding it.' }),
    kind: t.field({ type: TaskKindEnum, description: '全量 or 增量.', resolve: (one) => one.kind }),
    state: t.field({ type: TaskState, description: 'Whether it is scheduled.', resolve: (one) => one.state }),
    revision: t.exposeInt('revision', { description: 'Grows with each change; updateTask wants it.' }),
    version: t.exposeInt('version', { description: 'Number of the current version.' }),
    current: t.field({
      type: TaskVersionType,
      description: 'The current version.',
      resolve: (one, _args, context) => context.loaders.version(one.id, one.version),
    }),
    scheduleInWords: t.string({
      description: 'The schedule as a sentence.',
      args: { locale: t.arg.string({ description: 'en or zh-CN.' }) },
      resolve: async (one, args, context) =>
        scheduleInWords((await context.loaders.version(one.id, one.version)).definition.schedule, args.locale ?? 'en'),
    }),
    nextRuns: t.field({
      type: [NextRun],
      description: 'The next periods of its schedule, whether it is online or not.',
      args: { first: t.arg.int({ defaultValue: 5, description: 'How many, at most 100.' }) },
      resolve: async (one, args, context) => {
        const { schedule } = (await context.loaders.version(one.id, one.version)).definition;
        const runs = nextOccurrences(schedule, await readNow(context.control.db), Math.min(args.first ?? 5, 100));
        return runs.map((scheduledAt) => ({ scheduledAt, businessDate: businessDate(scheduledAt, schedule.timeZone) }));
      },
    }),
    can: t.field({
      type: [TaskAction],
      description: 'What can be done with it in its state.',
      resolve: (one) => actionsOf(one),
    }),
    deletedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Set once it is deleted.',
      resolve: (one) => one.deletedAt,
    }),
    createdAt: t.field({ type: 'DateTime', description: 'When it was made.', resolve: (one) => one.createdAt }),
    updatedAt: t.field({ type: 'DateTime', description: 'When it last changed.', resolve: (one) => one.updatedAt }),
  }),
});

function actionsOf(task: Task): ('EDIT' | 'ONLINE' | 'OFFLINE' | 'RUN' | 'DELETE')[] {
  if (task.deletedAt !== null) return [];
  return task.state === 'ONLINE' || task.state === 'PAUSED'
    ? ['EDIT', 'OFFLINE', 'RUN']
    : ['EDIT', 'ONLINE', 'RUN', 'DELETE'];
}

export const TaskConnection = connectionType('Task', TaskType as never);

const TaskFilter = builder.inputType('TaskFilter', {
  description: 'Which tasks; all conditions hold.',
  fields: (t) => ({
    search: t.string({ description: 'Part of the name.' }),
    folderId: t.id({ description: 'In this folder.' }),
    recursive: t.boolean({ defaultValue: true, description: 'And in the folders below it.' }),
    states: t.field({ type: [TaskState], description: 'In one of these states.' }),
    kinds: t.field({ type: [TaskKindEnum], description: 'Of one of these kinds.' }),
    tags: t.stringList({ description: 'With one of these tags.' }),
    owner: t.string({ description: 'Of this owner.' }),
    dataSourceId: t.id({ description: 'Reading or writing this data source.' }),
  }),
});

const DeletionType = builder.objectRef<TaskDeletion>('Deletion').implement({
  description: 'What would go.',
  fields: (t) => ({
    token: t.exposeString('token', { description: 'Stands for exactly this; deleteTasks wants it.' }),
    tasks: t.exposeInt('tasks', { description: 'How many.' }),
    instances: t.field({
      type: 'BigInt',
      description: 'Their instances, which stay as history.',
      resolve: (one) => one.instances,
    }),
    online: t.field({
      type: [TaskType],
      description: 'Those that are online, and refused.',
      resolve: (one) => one.online,
    }),
  }),
});

const SuggestedLinkType = builder.objectRef<CheckedLink>('SuggestedLink').implement({
  description: 'A link with its verdict.',
  fields: (t) => ({
    target: t.exposeString('target', { description: 'Target column.' }),
    column: t.exposeString('column', { description: 'Source column; empty for a constant.' }),
    targetPosition: t.exposeInt('targetPosition', { description: 'From 1.' }),
    verdict: t.field({ type: Verdict, description: 'What becomes of values.', resolve: (one) => one.verdict }),
    reason: t.exposeString('reason', { description: 'Why.' }),
  }),
});

interface Suggestion {
  links: CheckedLink[];
  unmappedSource: string[];
  unmappedTarget: string[];
}
const MappingSuggestion = builder.objectRef<Suggestion>('MappingSuggestion').implement({
  description: 'Links by rule.',
  fields: (t) => ({
    links: t.field({
      type: [SuggestedLinkType],
      description: 'In the order of the target.',
      resolve: (one) => one.links,
    }),
    unmappedSource: t.exposeStringList('unmappedSource', { description: 'Source columns left over.' }),
    unmappedTarget: t.exposeStringList('unmappedTarget', { description: 'Target columns left over.' }),
  }),
});

const TaskCheckType = builder
  .objectRef<DraftCheck & { runs: { scheduledAt: Date; businessDate: string }[] }>('TaskCheck')
  .implement({
    description: 'What is wrong with a draft, and what it would do.',
    fields: (t) => ({
      ok: t.boolean({
        description: 'No problem of severity ERROR.',
        resolve: (one) => !one.issues.some((issue) => issue.severity === 'ERROR'),
      }),
      problems: t.field({
        type: [IssueType],
        description: 'Mistakes and warnings, each with its field.',
        resolve: (one) => one.issues,
      }),
      links: t.field({
        type: [SuggestedLinkType],
        description: 'The links with their verdicts.',
        resolve: (one) => one.links,
      }),
      ddl: t.string({
        nullable: true,
        description: 'The statement that will create the target; null where it exists.',
        resolve: (one) => one.prepared?.ddl ?? null,
      }),
      publish: t.field({
        type: PublishPlan,
        nullable: true,
        description: 'How it will be published.',
        resolve: (one) => (one.prepared === null ? null : { way: one.prepared.publish, visible: one.prepared.visible }),
      }),
      nextRuns: t.field({
        type: [NextRun],
        description: 'The first periods of its schedule.',
        resolve: (one) => one.runs,
      }),
    }),
  });

builder.queryFields((t) => ({
  tasks: t.field({
    type: TaskConnection,
    description: 'Tasks of a workspace.',
    args: {
      workspace: t.arg.id({ description: 'Absent: the default one.' }),
      filter: t.arg({ type: TaskFilter, description: 'Which.' }),
      orderBy: t.arg({ type: TaskOrder, description: 'Default NAME.' }),
      first: t.arg.int({ description: 'At most 500; 50 where absent.' }),
      after: t.arg.string({ description: 'Behind this cursor.' }),
      last: t.arg.int({ description: 'The last ones instead.' }),
      before: t.arg.string({ description: 'In front of this cursor.' }),
    },
    resolve: async (_root, args, context) => {
      const workspaceId = await workspaceOf(context, args.workspace);
      const filter = {
        ...args.filter,
        folderId: idOrNull('Folder', args.filter?.folderId),
        dataSourceId: idOrNull('DataSource', args.filter?.dataSourceId),
      };
      return connect(context, () =>
        listTasks(context.control, context.actor!, workspaceId, filter, args.orderBy ?? 'NAME', args),
      ) as never;
    },
  }),
  taskDeletion: t.field({
    type: DeletionType,
    description: 'What deleting these tasks would take along.',
    args: { ids: t.arg.idList({ required: true, description: 'Of the tasks.' }) },
    resolve: (_root, args, context) =>
      taskDeletion(
        context.control,
        context.actor!,
        args.ids.map((id) => idOf('Task', id)),
      ),
  }),
  suggestMapping: t.field({
    type: MappingSuggestion,
    description:
      'Links the columns of both ends by rule; where the target is to be created, to columns of the same names.',
    args: {
      input: t.arg({
        type: builder.inputType('SuggestMappingInput', {
          description: 'Both ends and a rule.',
          fields: (f) => ({
            source: f.field({ type: SourceInput, required: true, description: 'What is read.' }),
            target: f.field({ type: TargetInput, required: true, description: 'Where it is written.' }),
            rule: f.field({ type: MappingRule, required: true, description: 'How columns are paired.' }),
          }),
        }),
        required: true,
        description: 'What to pair.',
      }),
    },
    resolve: (_root, { input }, context) =>
      suggestMapping(
        context.control,
        context.actor!,
        {
          source: { ...input.source, dataSourceId: idOf('DataSource', input.source.dataSourceId) },
          target: { ...input.target, dataSourceId: idOf('DataSource', input.target.dataSourceId) },
        },
        input.rule,
      ),
  }),
  checkTask: t.field({
    type: TaskCheckType,
    description: 'Checks what a draft holds so far against both ends as they are now. Changes nothing.',
    args: {
      input: t.arg({ type: TaskDraftInput, required: true, description: 'The draft.' }),
      runs: t.arg.int({ defaultValue: 5, description: 'How many periods to show, at most 100.' }),
      runsFrom: t.arg({ type: 'DateTime', description: 'Periods after this; absent: now.' }),
    },
    resolve: async (_root, args, context) => {
      const check = await checkDraft(context.control, context.actor!, taskOf(args.input) as never);
      const from = args.runsFrom ?? (await readNow(context.control.db));
      const { schedule } = check;
      const runs = schedule === null ? [] : nextOccurrences(schedule, from, Math.min(args.runs ?? 5, 100));
      return {
        ...check,
        runs: runs.map((scheduledAt) => ({ scheduledAt, businessDate: businessDate(scheduledAt, schedule!.timeZone) })),
      };
    },
  }),
}));

interface Ends {
  id?: string | null | undefined;
  folderId?: string | null | undefined;
  source?: { dataSourceId: string } | null | undefined;
  target?: { dataSourceId: string } | null | undefined;
}

/** A task input with the global ids in it turned into ids of rows. */
function taskOf<T extends Ends>(input: T): T {
  const end = <E extends { dataSourceId: string }>(one: E | null | undefined) =>
    one == null ? one : { ...one, dataSourceId: idOf('DataSource', one.dataSourceId) };
  return {
    ...input,
    id: idOrNull('Task', input.id),
    folderId: idOrNull('Folder', input.folderId),
    source: end(input.source),
    target: end(input.target),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: the builder's own types of fields differ for each mutation
const savedFields = (t: any) => ({
  task: t.field({ type: TaskType, description: 'As saved.', resolve: (one: { task: Task }) => one.task }),
  warnings: t.field({
    type: [IssueType],
    description: 'What was noticed but does not block.',
    resolve: (one: { warnings: Issue[] }) => one.warnings,
  }),
});

mutation('createTask', {
  description: 'Creates a task. It is checked whole against both ends, and stays offline.',
  input: builder.inputType('CreateTaskInput', {
    description: 'A new task.',
    fields: (t) => ({
      task: t.field({ type: TaskInput, required: true, description: 'The task.' }),
      requestId: t.string({ description: 'The same id acts once.' }),
    }),
  }),
  errors: ['validation', 'conflict', 'notFound', 'forbidden'],
  fields: savedFields,
  resolve: async (input, context) => {
    const { task, warnings } = await createTask(
      context.control,
      context.actor!,
      taskOf(input.task) as never,
      input.requestId,
    );
    return { task: asNode('Task', task), warnings };
  },
});

mutation('updateTask', {
  description: 'Changes a task (修改): a new version, which an online task takes from its next instance on.',
  input: builder.inputType('UpdateTaskInput', {
    description: 'The task as it shall be.',
    fields: (t) => ({
      id: t.id({ required: true, description: 'Which.' }),
      expectedRevision: t.int({ required: true, description: 'As it was read; another one is a conflict.' }),
      task: t.field({ type: TaskInput, required: true, description: 'The whole task.' }),
      requestId: t.string({ description: 'The same id acts once.' }),
    }),
  }),
  errors: ['validation', 'conflict', 'notFound', 'forbidden'],
  fields: savedFields,
  resolve: async (input, context) => {
    const { task, warnings } = await updateTask(context.control, context.actor!, {
      ...input,
      id: idOf('Task', input.id),
      task: taskOf(input.task) as never,
    });
    return { task: asNode('Task', task), warnings };
  },
});

const TaskOutcomeType = builder.objectRef<TaskOutcome>('TaskOutcome').implement({
  description: 'What became of one of many: exactly one of task and error.',
  fields: (t) => ({
    id: t.id({
      nullable: true,
      description: 'As it was given.',
      resolve: (one) => (one as unknown as { given: string }).given,
    }),
    task: t.field({ type: TaskType, nullable: true, description: 'As it is now.', resolve: (one) => one.task }),
    error: t.field({
      type: ErrorInterface,
      nullable: true,
      description: 'Why not.',
      resolve: (one) => toldError(one.error),
    }),
  }),
});

/** More than this belongs into an operation of its own. */
const MOST_AT_ONCE = 100;

export function checkCount(ids: readonly string[]): void {
  if (ids.length > MOST_AT_ONCE)
    throw new BadInputError(`At most ${MOST_AT_ONCE} ids at once.`, 'Call it again with the rest.');
}

async function outcomes(
  given: readonly string[],
  act: (ids: string[]) => Promise<TaskOutcome[]>,
): Promise<{ outcomes: TaskOutcome[] }> {
  checkCount(given);
  const found = await act(given.map((id) => idOf('Task', id)));
  return {
    outcomes: found.map(
      (one, index) =>
        ({ ...one, given: given[index], task: one.task === null ? null : asNode('Task', one.task) }) as never,
    ),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: the builder's own types of fields differ for each mutation
const outcomeFields = (t: any) => ({
  outcomes: t.field({
    type: [TaskOutcomeType],
    description: 'One per id, in order.',
    resolve: (one: { outcomes: TaskOutcome[] }) => one.outcomes,
  }),
});

mutation('onlineTasks', {
  description: 'Brings tasks online (上线): checks them again, then schedules them. At most 100 at once.',
  input: builder.inputType('TaskIdsInput', {
    description: 'Which tasks.',
    fields: (t) => ({
      ids: t.idList({ required: true, description: 'Of the tasks.' }),
      requestId: t.string({ description: 'The same id acts once.' }),
    }),
  }),
  errors: ['forbidden'],
  fields: outcomeFields,
  resolve: (input, context) =>
    outcomes(input.ids, (ids) => onlineTasks(context.control, context.actor!, ids, input.requestId)),
});

mutation('offlineTasks', {
  description: 'Takes tasks offline (下线): no new instances, waiting ones are cancelled. At most 100 at once.',
  input: builder.inputType('OfflineTasksInput', {
    description: 'Which tasks.',
    fields: (t) => ({
      ids: t.idList({ required: true, description: 'Of the tasks.' }),
      stopRunning: t.boolean({ defaultValue: false, description: 'Stop running instances too.' }),
      requestId: t.string({ description: 'The same id acts once.' }),
    }),
  }),
  errors: ['forbidden'],
  fields: outcomeFields,
  resolve: (input, context) =>
    outcomes(input.ids, (ids) =>
      offlineTasks(context.control, context.actor!, ids, {
        stopRunning: input.stopRunning ?? false,
        requestId: input.requestId,
      }),
    ),
});

mutation('deleteTasks', {
  description: 'Deletes tasks (删除). Refused while online. At most 100 at once.',
  input: builder.inputType('DeleteTasksInput', {
    description: 'Which tasks.',
    fields: (t) => ({
      ids: t.idList({ required: true, description: 'Of the tasks.' }),
      confirmToken: t.string({ required: true, description: 'From taskDeletion of the same ids.' }),
      requestId: t.string({ description: 'The same id acts once.' }),
    }),
  }),
  errors: ['forbidden'],
  fields: outcomeFields,
  resolve: (input, context) =>
    outcomes(input.ids, (ids) =>
      deleteTasks(context.control, context.actor!, ids, {
        confirmToken: input.confirmToken,
        requestId: input.requestId,
      }),
    ),
});
