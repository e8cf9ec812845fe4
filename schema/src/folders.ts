import { ancestors, createFolder, type Folder, rootFolders } from '@sampan/control';
import { builder } from './builder.ts';
import { workspaceOf } from './connections.ts';
import { mutation } from './mutations.ts';
import { asNode, idOrNull } from './node-ids.ts';
import { Node } from './nodes.ts';

export const FolderType = builder.objectRef<Folder>('Folder').implement({
  description: 'Holds tasks and other folders (目录).',
  interfaces: [Node],
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Unique among its siblings.' }),
    description: t.exposeString('description', { description: 'For people.' }),
    path: t.stringList({
      description: 'Names from the root down to this one.',
      resolve: async (one, _args, context) => (await ancestors(context.control, one)).map((folder) => folder.name),
    }),
    revision: t.exposeInt('revision', { description: 'Grows with each change.' }),
  }),
});

builder.objectFields(FolderType, (t) => ({
  parent: t.field({
    type: FolderType,
    nullable: true,
    description: 'Null for a root.',
    resolve: (one, _args, context) => (one.parentId === null ? null : context.loaders.folder(one.parentId)),
  }),
  children: t.field({
    type: [FolderType],
    description: 'By name.',
    resolve: (one, _args, context) => context.loaders.childFolders(one.id),
  }),
}));

builder.queryField('folders', (t) =>
  t.field({
    type: [FolderType],
    description: "The roots of a workspace's tree, by name.",
    args: { workspace: t.arg.id({ description: 'Absent: the default one.' }) },
    resolve: async (_root, args, context) =>
      (await rootFolders(context.control, context.actor!, await workspaceOf(context, args.workspace))).map((row) =>
        asNode('Folder', row),
      ),
  }),
);

mutation('createFolder', {
  description: 'Makes a folder.',
  input: builder.inputType('CreateFolderInput', {
    description: 'A new folder.',
    fields: (t) => ({
      workspace: t.id({ description: 'Of a root; absent: the default one.' }),
      parentId: t.id({ description: 'Absent: a root.' }),
      name: t.string({ required: true, description: 'Unique among its siblings.' }),
      description: t.string({ description: 'For people.' }),
      requestId: t.string({ description: 'The same id acts once.' }),
    }),
  }),
  errors: ['validation', 'conflict', 'notFound', 'forbidden'],
  fields: (t) => ({
    folder: t.field({ type: FolderType, description: 'As made.', resolve: (one: { folder: Folder }) => one.folder }),
  }),
  resolve: async (input, context) => {
    const workspaceId = await workspaceOf(context, input.workspace);
    const row = await createFolder(context.control, context.actor!, {
      ...input,
      workspaceId,
      parentId: idOrNull('Folder', input.parentId),
    });
    return { folder: asNode('Folder', row) };
  },
});
