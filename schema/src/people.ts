import { type Membership, membershipsOf, type User, type Workspace } from '@sampan/control';
import { builder } from './builder.ts';
import { Node } from './nodes.ts';

export const PlatformRole = builder.enumType('PlatformRole', {
  description: 'Rights on the whole server.',
  values: ['ADMIN', 'MEMBER'] as const,
});

export const WorkspaceRole = builder.enumType('WorkspaceRole', {
  description: 'Rights in one workspace; each role may do what the later ones may.',
  values: ['ADMIN', 'DEVELOPER', 'OPERATOR', 'VIEWER'] as const,
});

export const WorkspaceType = builder.objectRef<Workspace>('Workspace').implement({
  description: 'The wall between teams (工作空间).',
  interfaces: [Node],
  fields: (t) => ({ name: t.exposeString('name', { description: 'Unique on the server.' }) }),
});

export const UserType = builder.objectRef<User>('User').implement({
  description: 'A person, or a service account.',
  interfaces: [Node],
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Unique on the server.' }),
    email: t.exposeString('email', { nullable: true, description: 'Where alerts go.' }),
    platformRole: t.field({
      type: PlatformRole,
      description: 'Rights on the whole server.',
      resolve: (user) => user.platformRole,
    }),
    service: t.exposeBoolean('service', { description: 'True for a service account.' }),
  }),
});

const MembershipType = builder.objectRef<Membership>('Membership').implement({
  description: 'A user in a workspace.',
  fields: (t) => ({
    workspace: t.field({
      type: WorkspaceType,
      description: 'The workspace.',
      resolve: (one, _args, context) => context.loaders.workspace(one.workspaceId),
    }),
    user: t.field({
      type: UserType,
      description: 'The user.',
      resolve: (one, _args, context) => context.loaders.user(one.userId),
    }),
    role: t.field({ type: WorkspaceRole, description: 'What the user may do there.', resolve: (one) => one.role }),
  }),
});

interface Viewer {
  userId: string;
}

const ViewerType = builder.objectRef<Viewer>('Viewer').implement({
  description: 'Who asks.',
  fields: (t) => ({
    user: t.field({
      type: UserType,
      description: 'The user whose token it is.',
      resolve: (viewer, _args, context) => context.loaders.user(viewer.userId),
    }),
    memberships: t.field({
      type: [MembershipType],
      description: 'Workspaces the user belongs to.',
      resolve: (viewer, _args, context) => membershipsOf(context.control, viewer.userId),
    }),
    defaultWorkspace: t.field({
      type: WorkspaceType,
      nullable: true,
      description: 'The workspace of lists that name none.',
      resolve: async (viewer, _args, context) => {
        const [first] = await membershipsOf(context.control, viewer.userId);
        return first === undefined ? null : context.loaders.workspace(first.workspaceId);
      },
    }),
  }),
});

builder.queryField('viewer', (t) =>
  t.field({
    type: ViewerType,
    nullable: true,
    skipTypeScopes: true,
    description: 'Who asks; null when nobody is signed in.',
    resolve: (_root, _args, context) => (context.actor === null ? null : { userId: context.actor.userId }),
  }),
);
