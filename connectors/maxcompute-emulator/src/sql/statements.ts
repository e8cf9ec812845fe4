import { typeText } from '@sampan/maxcompute';
import type { PartitionValues } from '../partition-spec.ts';
import type { ColumnDefinition } from '../storage.ts';
import type { Query, TableName } from './ast.ts';
import { Cursor } from './cursor.ts';
import { readType } from './expression-parser.ts';
import { partitions, partitionValue } from './partition-parser.ts';
import { QueryParser, tableName } from './query-parser.ts';
import { type RowChange, rowChange } from './row-change-parser.ts';
import { type Show, show } from './show-parser.ts';
import { ParseFailure, tokenize } from './tokens.ts';

export interface CreateTable {
  kind: 'create';
  table: TableName;
  ifNotExists: boolean;
  columns: ColumnDefinition[];
  partitionColumns: ColumnDefinition[];
  primaryKey: string[];
  comment: string;
  lifecycle: number | null;
  properties: { [name: string]: string };
}

/** A table of the shape of another one, without its rows. */
export interface CreateLike {
  kind: 'createLike';
  table: TableName;
  ifNotExists: boolean;
  like: TableName;
  lifecycle: number | null;
}

/** A table of the rows of a query. */
export interface CreateAs {
  kind: 'createAs';
  table: TableName;
  ifNotExists: boolean;
  comment: string;
  lifecycle: number | null;
  properties: { [name: string]: string };
  query: Query;
}

export interface Insert {
  kind: 'insert';
  table: TableName;
  overwrite: boolean;
  /** Keys without a value are taken from the last columns of the query. */
  partition: { name: string; value: string | null }[];
  columns: string[] | null;
  query: Query;
}

export type Statement =
  | { kind: 'query'; query: Query }
  | Show
  | CreateTable
  | CreateLike
  | CreateAs
  | { kind: 'createSchema'; project: string | null; name: string; ifNotExists: boolean; comment: string }
  | { kind: 'dropSchema'; project: string | null; name: string; ifExists: boolean }
  | { kind: 'drop'; table: TableName; ifExists: boolean }
  | { kind: 'truncate'; table: TableName; partitions: PartitionValues[] }
  | { kind: 'addPartitions'; table: TableName; ifNotExists: boolean; partitions: PartitionValues[] }
  | { kind: 'dropPartitions'; table: TableName; ifExists: boolean; partitions: PartitionValues[] }
  | { kind: 'addColumns'; table: TableName; ifNotExists: boolean; columns: ColumnDefinition[] }
  | { kind: 'setLifecycle'; table: TableName; days: number }
  | { kind: 'changeColumn'; table: TableName; column: string; at: number; comment: string | null; nullable: boolean }
  | { kind: 'touch'; table: TableName }
  | { kind: 'setComment'; table: TableName; comment: string }
  | { kind: 'setProperties'; table: TableName; properties: { [name: string]: string } }
  | { kind: 'rename'; table: TableName; to: TableName }
  | Insert
  | RowChange;

/** Parses one statement. What it does not know it refuses, and says where. @throws ParseFailure */
export function parseStatement(sql: string): Statement {
  const tokens = tokenize(sql);
  while (tokens.at(-1)?.kind === 'sign' && tokens.at(-1)?.value === ';') tokens.pop();
  const cursor = new Cursor(tokens, sql.length);
  const found = statement(cursor);
  if (!cursor.ended) throw cursor.unexpected();
  return found;
}

function statement(cursor: Cursor): Statement {
  if (cursor.is('select', 'with', 'values') || cursor.isSign('('))
    return { kind: 'query', query: new QueryParser(cursor).query() };
  const shown = show(cursor);
  if (shown !== null) return shown;
  if (cursor.eat('create', 'schema')) {
    const ifNotExists = cursor.eat('if', 'not', 'exists');
    const { project, table: name } = tableName(cursor);
    return { kind: 'createSchema', project, name, ifNotExists, comment: cursor.eat('comment') ? cursor.text() : '' };
  }
  if (cursor.eat('drop', 'schema')) {
    const ifExists = cursor.eat('if', 'exists');
    const { project, table: name } = tableName(cursor);
    return { kind: 'dropSchema', project, name, ifExists };
  }
  if (cursor.eat('create', 'table')) return create(cursor);
  if (cursor.eat('drop', 'table')) {
    const ifExists = cursor.eat('if', 'exists');
    return { kind: 'drop', ifExists, table: tableName(cursor) };
  }
  if (cursor.eat('truncate', 'table')) {
    return { kind: 'truncate', table: tableName(cursor), partitions: cursor.is('partition') ? partitions(cursor) : [] };
  }
  if (cursor.eat('alter', 'table')) return alter(cursor);
  if (cursor.eat('insert')) return insert(cursor);
  const change = rowChange(cursor);
  if (change !== null) return change;
  throw new ParseFailure(
    cursor.offset,
    `the emulator does not know statements that begin with "${cursor.peek()?.value ?? ''}"`,
  );
}

function create(cursor: Cursor): CreateTable | CreateLike | CreateAs {
  const ifNotExists = cursor.eat('if', 'not', 'exists');
  const table = tableName(cursor);
  if (cursor.eat('like')) {
    const like = tableName(cursor);
    return {
      kind: 'createLike',
      table,
      ifNotExists,
      like,
      lifecycle: cursor.eat('lifecycle') ? cursor.number() : null,
    };
  }
  const shape = newTable(table, ifNotExists);
  if (!cursor.isSign('(')) {
    clauses(cursor, shape);
    cursor.need('as');
    const { comment, lifecycle, properties: given } = shape;
    if (shape.partitionColumns.length > 0)
      throw new ParseFailure(
        table.at,
        'the emulator makes no partitions with CREATE TABLE AS: create first, then insert',
      );
    return {
      kind: 'createAs',
      table,
      ifNotExists,
      comment,
      lifecycle,
      properties: given,
      query: new QueryParser(cursor).query(),
    };
  }
  cursor.inBrackets(() =>
    cursor.list(() => {
      if (cursor.eat('primary', 'key')) shape.primaryKey = cursor.inBrackets(() => cursor.list(() => cursor.name()));
      else {
        shape.columns.push(column(cursor));
        if (cursor.eat('primary', 'key')) shape.primaryKey.push(shape.columns.at(-1)!.name);
      }
    }),
  );
  clauses(cursor, shape);
  return shape;
}

function newTable(table: TableName, ifNotExists: boolean): CreateTable {
  return {
    kind: 'create',
    table,
    ifNotExists,
    columns: [],
    partitionColumns: [],
    primaryKey: [],
    comment: '',
    lifecycle: null,
    properties: {},
  };
}

/** What stands behind the columns. */
function clauses(cursor: Cursor, found: CreateTable): void {
  for (;;) {
    if (cursor.eat('comment')) found.comment = cursor.text();
    else if (cursor.eat('lifecycle')) found.lifecycle = cursor.number();
    else if (cursor.eat('tblproperties')) found.properties = properties(cursor);
    else if (cursor.eat('partitioned', 'by'))
      found.partitionColumns = cursor.inBrackets(() => cursor.list(() => column(cursor)));
    else if (!cursor.eat('stored', 'as', 'aliorc')) return;
  }
}

function column(cursor: Cursor): ColumnDefinition {
  const found = { name: cursor.name(), type: typeText(readType(cursor)), nullable: true, comment: '' };
  for (;;) {
    if (cursor.eat('not', 'null')) found.nullable = false;
    else if (cursor.eat('comment')) found.comment = cursor.text();
    else if (!cursor.eat('null')) return found;
  }
}

function alter(cursor: Cursor): Statement {
  const table = tableName(cursor);
  if (cursor.eat('add', 'columns')) {
    const ifNotExists = cursor.eat('if', 'not', 'exists');
    return {
      kind: 'addColumns',
      table,
      ifNotExists,
      columns: cursor.inBrackets(() => cursor.list(() => column(cursor))),
    };
  }
  if (cursor.eat('add'))
    return {
      kind: 'addPartitions',
      table,
      ifNotExists: cursor.eat('if', 'not', 'exists'),
      partitions: partitions(cursor),
    };
  if (cursor.eat('drop'))
    return { kind: 'dropPartitions', table, ifExists: cursor.eat('if', 'exists'), partitions: partitions(cursor) };
  if (cursor.eat('touch')) return { kind: 'touch', table };
  if (cursor.eat('change', 'column') || cursor.eat('change')) return changeColumn(cursor, table);
  if (cursor.eat('set', 'lifecycle')) return { kind: 'setLifecycle', table, days: cursor.number() };
  if (cursor.eat('set', 'comment')) return { kind: 'setComment', table, comment: cursor.text() };
  if (cursor.eat('set', 'tblproperties')) return { kind: 'setProperties', table, properties: properties(cursor) };
  if (cursor.eat('rename', 'to')) return { kind: 'rename', table, to: tableName(cursor) };
  throw cursor.unexpected();
}

/** `CHANGE COLUMN c COMMENT '…'` and `CHANGE COLUMN c NULL`: other changes would need the files written anew. */
function changeColumn(cursor: Cursor, table: TableName): Statement {
  const at = cursor.offset;
  const name = cursor.name();
  if (cursor.eat('null')) return { kind: 'changeColumn', table, column: name, at, comment: null, nullable: true };
  if (!cursor.is('comment'))
    throw new ParseFailure(cursor.offset, 'the emulator changes the comment of a column, or makes it NULL, only');
  cursor.next();
  return { kind: 'changeColumn', table, column: name, at, comment: cursor.text(), nullable: false };
}

function insert(cursor: Cursor): Insert {
  const overwrite = cursor.eat('overwrite');
  if (!overwrite) cursor.need('into');
  cursor.eat('table');
  const table = tableName(cursor);
  const partition = cursor.eat('partition') ? cursor.inBrackets(() => cursor.list(() => partitionValue(cursor))) : [];
  const columns =
    cursor.isSign('(') && !['select', 'with'].includes(cursor.peek(1)?.value ?? '')
      ? cursor.inBrackets(() => cursor.list(() => cursor.name()))
      : null;
  return { kind: 'insert', table, overwrite, partition, columns, query: new QueryParser(cursor).query() };
}

function properties(cursor: Cursor): { [name: string]: string } {
  const pairs = cursor.inBrackets(() =>
    cursor.list((): [string, string] => {
      const name = cursor.text();
      cursor.needSign('=');
      return [name, cursor.text()];
    }),
  );
  return Object.fromEntries(pairs);
}
