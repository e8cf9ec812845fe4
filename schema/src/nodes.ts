import { BadInputError } from '@sampan/control';
import { builder } from './builder.ts';
import { decodeId, encodeId, type NodeShape, type NodeType, nodeTypeOf } from './node-ids.ts';

export const Node = builder.interfaceRef<NodeShape>('Node').implement({
  description: 'Anything with an id of its own.',
  resolveType: (value) => nodeTypeOf(value) ?? null,
  fields: (t) => ({
    id: t.id({
      description: 'Opaque; unique over all types.',
      resolve: (value, _args, _context, info) =>
        encodeId((nodeTypeOf(value) ?? info.parentType.name) as NodeType, value.id),
    }),
  }),
});

const MOST_NODES = 500;

builder.queryFields((t) => ({
  node: t.field({
    type: Node,
    nullable: true,
    description: 'The object with that id, or null where there is none that the viewer may see.',
    args: { id: t.arg.id({ required: true, description: 'Its global id.' }) },
    resolve: (_root, args, context) => {
      const decoded = decodeId(args.id);
      return decoded === null ? null : context.loaders.node(decoded.type, decoded.id);
    },
  }),
  nodes: t.field({
    type: [Node],
    nullable: { list: false, items: true },
    description: 'The objects with those ids, in that order; null for each that is not there.',
    args: { ids: t.arg.idList({ required: true, description: 'Up to 500 global ids.' }) },
    resolve: (_root, args, context) => {
      if (args.ids.length > MOST_NODES) throw new BadInputError(`At most ${MOST_NODES} ids at once.`);
      return args.ids.map((globalId) => {
        const decoded = decodeId(globalId);
        return decoded === null ? null : context.loaders.node(decoded.type, decoded.id);
      });
    },
  }),
}));
