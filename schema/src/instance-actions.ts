import { type Instance, type InstanceOutcome, resolveCommit, runTask, stopInstances } from '@sampan/control';
import { builder } from './builder.ts';
import { ErrorInterface, toldError } from './errors.ts';
import { InstanceType } from './instances.ts';
import { mutation } from './mutations.ts';
import { asNode, idOf } from './node-ids.ts';
import { checkCount } from './task-actions.ts';

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
