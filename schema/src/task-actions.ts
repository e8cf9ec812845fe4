import {
  BadInputError,
  createTask,
  deleteTasks,
  type Issue,
  offlineTasks,
  onlineTasks,
  type Task,
  type TaskOutcome,
  updateTask,
} from '@sampan/control';
import { builder } from './builder.ts';
import { ErrorInterface, IssueType, toldError } from './errors.ts';
import { mutation } from './mutations.ts';
import { asNode, idOf } from './node-ids.ts';
import { taskOf } from './task-ids.ts';
import { TaskInput } from './task-inputs.ts';
import { TaskType } from './tasks.ts';

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
