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

/** The type that a row was marked with. */
export const nodeTypeOf = (row: object): NodeType | undefined => typeOf.get(row);

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
