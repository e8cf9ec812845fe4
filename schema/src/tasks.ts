import {
  businessDate,
  listTasks,
  nextOccurrences,
  readNow,
  scheduleInWords,
  type Task,
  type TaskDeletion,
  taskDeletion,
} from '@sampan/control';
import { builder } from './builder.ts';
import { connect, connectionType, workspaceOf } from './connections.ts';
import { FolderType } from './folders.ts';
import { idOf, idOrNull } from './node-ids.ts';
import { Node } from './nodes.ts';
import { TaskKindEnum } from './task-inputs.ts';

import { NextRun, TaskVersionType } from './task-versions.ts';

const TaskState = builder.enumType('TaskState', {
  description: 'FINISHED: it ran once, or its effective dates have passed.',
  values: ['OFFLINE', 'ONLINE', 'PAUSED', 'FINISHED'] as const,
});
const TaskAction = builder.enumType('TaskAction', {
  description: 'What can be done with a task.',
  values: ['EDIT', 'ONLINE', 'OFFLINE', 'RUN', 'DELETE'] as const,
});
const TaskOrder = builder.enumType('TaskOrder', {
  description: 'By name, or the last changed first.',
  values: ['NAME', 'UPDATED_AT'] as const,
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
}));
