import type { Expr, Source, TableName } from './ast.ts';
import type { Cursor } from './cursor.ts';
import { QueryParser, tableName } from './query-parser.ts';
import { ParseFailure } from './tokens.ts';

export interface Assignment {
  column: string;
  value: Expr;
  at: number;
}

/** One WHEN of a MERGE. The first that holds for a row counts. */
export type MergeClause = { condition: Expr | null } & (
  | { action: 'update'; set: Assignment[] }
  | { action: 'delete' }
  | { action: 'insert'; columns: string[] | null; values: Expr[]; at: number }
);

/** UPDATE, DELETE, MERGE INTO. */
export type RowChange = { table: TableName; alias: string | null } & (
  | { kind: 'update'; set: Assignment[]; where: Expr | null }
  | { kind: 'delete'; where: Expr | null }
  | { kind: 'merge'; source: Source; on: Expr; clauses: MergeClause[] }
);

/** Null where the statement is none of these. @throws ParseFailure */
export function rowChange(cursor: Cursor): RowChange | null {
  const parser = new QueryParser(cursor);
  if (cursor.eat('update')) {
    const target = targetOf(cursor);
    cursor.need('set');
    const set = assignments(cursor, parser);
    return { kind: 'update', ...target, set, where: whereOf(cursor, parser) };
  }
  if (cursor.eat('delete')) {
    cursor.need('from');
    return { kind: 'delete', ...targetOf(cursor), where: whereOf(cursor, parser) };
  }
  if (!cursor.eat('merge')) return null;
  cursor.need('into');
  const target = targetOf(cursor);
  cursor.need('using');
  const source = parser.source();
  cursor.need('on');
  const on = parser.expression();
  const clauses: MergeClause[] = [];
  while (cursor.eat('when')) clauses.push(clauseOf(cursor, parser));
  if (clauses.length === 0) throw cursor.unexpected('when');
  return { kind: 'merge', ...target, source, on, clauses };
}

const targetOf = (cursor: Cursor) => ({ table: tableName(cursor), alias: cursor.alias() });

const whereOf = (cursor: Cursor, parser: QueryParser) => (cursor.eat('where') ? parser.expression() : null);

/** `c = value, t.d = value`; the table's name or alias in front of a column says nothing new. */
const assignments = (cursor: Cursor, parser: QueryParser): Assignment[] =>
  cursor.list(() => {
    const at = cursor.offset;
    let column = cursor.name();
    while (cursor.eatSign('.') !== undefined) column = cursor.name();
    if (cursor.eatSign('=', '==') === undefined) throw cursor.unexpected('=');
    return { column, value: parser.expression(), at };
  });

function clauseOf(cursor: Cursor, parser: QueryParser): MergeClause {
  const not = cursor.eat('not');
  cursor.need('matched');
  const condition = cursor.eat('and') ? parser.expression() : null;
  cursor.need('then');
  const at = cursor.offset;
  if (!not && cursor.eat('update', 'set')) return { condition, action: 'update', set: assignments(cursor, parser) };
  if (!not && cursor.eat('delete')) return { condition, action: 'delete' };
  if (!not || !cursor.eat('insert'))
    throw new ParseFailure(at, not ? 'WHEN NOT MATCHED THEN INSERT is needed' : 'UPDATE SET or DELETE is needed');
  const columns = cursor.isSign('(') ? cursor.inBrackets(() => cursor.list(() => cursor.name())) : null;
  cursor.need('values');
  return {
    condition,
    action: 'insert',
    columns,
    values: cursor.inBrackets(() => cursor.list(() => parser.expression())),
    at,
  };
}
