import {
  type EventHub,
  getInstance,
  type Instance,
  type InstanceEvent,
  instancesByIds,
  watchInstances,
} from '@sampan/control';
import { builder } from './builder.ts';
import { workspaceOf } from './connections.ts';
import type { Context } from './context.ts';
import { TransitionType } from './instance-details.ts';
import { InstanceFilter, InstanceType, instanceFilter } from './instances.ts';
import { asNode, idOf } from './node-ids.ts';

const InstanceEventType = builder.objectRef<InstanceEvent>('InstanceEvent').implement({
  description: 'A transition, with the instance as it was then; or progress, with the instance as it is now.',
  fields: (t) => ({
    cursor: t.exposeString('cursor', {
      nullable: true,
      description: 'Where to go on from; null for progress. Drop cursors you have seen.',
    }),
    instance: t.field({
      type: InstanceType,
      description: 'The instance.',
      resolve: (one, _args, context) => instanceOf(one, context),
    }),
    transition: t.field({
      type: TransitionType,
      nullable: true,
      description: 'Null for progress.',
      resolve: (one) => one.transition,
    }),
    left: t.exposeBoolean('left', { description: 'It left the filter; told once.' }),
  }),
});

async function instanceOf(event: InstanceEvent, context: Context): Promise<Instance> {
  if (event.transition !== null) return asNode('Instance', event.transition.snapshot as unknown as Instance);
  // Each event of one subscription shares the context: what was loaded before is out of date.
  const [row] = await instancesByIds(context.control, context.actor!, [event.instanceId]);
  return asNode('Instance', row);
}

builder.subscriptionFields((t) => ({
  instanceChanged: t.field({
    type: InstanceEventType,
    description: 'Follows one instance, from its present state on or after a cursor.',
    args: {
      id: t.arg.id({ required: true, description: 'Of the instance.' }),
      after: t.arg.string({ description: 'Resume behind this cursor.' }),
    },
    subscribe: (_root, args, context) => follow(context, idOf('Instance', args.id), args.after),
    resolve: (event) => event as InstanceEvent,
  }),
  instancesChanged: t.field({
    type: InstanceEventType,
    description: 'Follows the instances of a workspace, from now on or after a cursor.',
    args: {
      workspace: t.arg.id({ description: 'Absent: the default one.' }),
      filter: t.arg({ type: InstanceFilter, description: 'Which.' }),
      after: t.arg.string({ description: 'Resume behind this cursor, or behind the eventCursor of a list.' }),
    },
    subscribe: async (_root, args, context) => {
      const workspaceId = await workspaceOf(context, args.workspace);
      const filter = instanceFilter(args.filter);
      return watchInstances(context.control, hubOf(context), context.actor!, {
        workspaceId,
        filter,
        after: args.after,
      });
    },
    resolve: (event) => event as InstanceEvent,
  }),
}));

async function follow(context: Context, id: string, after: string | null | undefined) {
  const { workspaceId } = await getInstance(context.control, context.actor!, id);
  return watchInstances(context.control, hubOf(context), context.actor!, { workspaceId, instanceId: id, after });
}

const hubOf = (context: Context): EventHub => context.hub;
