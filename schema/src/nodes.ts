import { BadInputError } from '@sampan/control';
import { builder } from './builder.ts';

export type NodeType = 'Workspace' | 'User' | 'DataSource' | 'Folder' | 'Task' | 'Instance' | 'Attempt' | 'Operation';

const TYPES: ReadonlySet<string> = new Set([
  'Workspace',
  'User',
  'DataSource',
  'Folder',
  'Task',
  'Instance',
  'Attempt',
  'Operation',
]);
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A row as it travels through the schema: its type's name makes the global id, and picks the type behind an interface. */
export interface NodeShape {
  id: string;
}

const typeOf = new WeakMap<object, NodeType>();

/** Marks a row as a node of that type. */
export function asNode<T extends object>(type: NodeType, row: T): T {
  typeOf.set(row, type);
  return row;
}

export const Node = builder.interfaceRef<NodeShape>('Node').implement({
  description: 'Anything with an id of its own.',
  resolveType: (value) => typeOf.get(value) ?? null,
  fields: (t) => ({
    id: t.id({
      description: 'Opaque; unique over all types.',
      resolve: (value, _args, _context, info) =>
        encodeId((typeOf.get(value) ?? info.parentType.name) as NodeType, value.id),
    }),
  }),
});

export function encodeId(type: NodeType, id: string): string {
  return Buffer.from(`${type}:${id}`).toString('base64url');
}

/** Type and UUID of a global id; null for a text that is none. */
export function decodeId(globalId: string): { type: NodeType; id: string } | null {
  const [type, id, ...rest] = Buffer.from(globalId, 'base64url').toString('utf8').split(':');
  return rest.length === 0 && TYPES.has(type) && id !== undefined && UUID.test(id)
    ? { type: type as NodeType, id }
    : null;
}

/** No row has it: an id of the wrong kind finds nothing, like one that was never given out. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

/** The UUID in a global id of that type. */
export function idOf(type: NodeType, globalId: string): string {
  const decoded = decodeId(globalId);
  return decoded?.type === type ? decoded.id : NOBODY;
}

export function idOrNull(type: NodeType, globalId: string | null | undefined): string | null {
  return globalId == null ? null : idOf(type, globalId);
}

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
