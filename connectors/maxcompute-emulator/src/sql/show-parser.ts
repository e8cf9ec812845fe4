import type { PartitionValues } from '../partition-spec.ts';
import type { TableName } from './ast.ts';
import type { Cursor } from './cursor.ts';
import { partitions } from './partition-parser.ts';
import { tableName } from './query-parser.ts';

/** Statements that tell what there is, as text. */
export type Show =
  | { kind: 'show'; what: 'tables'; project: string | null; schema: string | null; like: string | null }
  | { kind: 'show'; what: 'schemas'; project: string | null }
  | { kind: 'show'; what: 'partitions'; table: TableName; only: PartitionValues }
  | { kind: 'show'; what: 'createTable'; table: TableName }
  | { kind: 'describe'; table: TableName; extended: boolean; partition: PartitionValues | null };

/** Parses SHOW and DESC; null where it is neither. @throws ParseFailure */
export function show(cursor: Cursor): Show | null {
  if (cursor.eat('show', 'tables')) {
    const place = cursor.eat('in') || cursor.eat('from') ? schemaName(cursor) : { project: null, schema: null };
    return { kind: 'show', what: 'tables', ...place, like: cursor.eat('like') ? cursor.text() : null };
  }
  if (cursor.eat('show', 'schemas'))
    return { kind: 'show', what: 'schemas', project: cursor.eat('in') || cursor.eat('from') ? cursor.name() : null };
  if (cursor.eat('show', 'partitions')) {
    const table = tableName(cursor);
    return { kind: 'show', what: 'partitions', table, only: cursor.is('partition') ? partitions(cursor)[0] : [] };
  }
  if (cursor.eat('show', 'create', 'table')) return { kind: 'show', what: 'createTable', table: tableName(cursor) };
  if (!cursor.eat('desc') && !cursor.eat('describe')) return null;
  cursor.eat('table');
  const extended = cursor.eat('extended');
  const table = tableName(cursor);
  return { kind: 'describe', extended, table, partition: cursor.is('partition') ? partitions(cursor)[0] : null };
}

/** `schema` or `project.schema`. */
function schemaName(cursor: Cursor): { project: string | null; schema: string } {
  const { project, table } = tableName(cursor);
  return { project, schema: table };
}
