import type { OdpsType } from '@sampan/maxcompute';

export type Expr =
  | { kind: 'text'; value: string }
  | { kind: 'number'; value: string; suffix: string }
  | { kind: 'word'; value: 'null' | 'true' | 'false' }
  | { kind: 'typed'; type: 'date' | 'datetime' | 'timestamp'; value: string }
  | { kind: 'column'; path: string[] }
  | { kind: 'star'; table: string | null }
  | { kind: 'unary'; operator: 'not' | '-' | '+'; operand: Expr }
  | { kind: 'binary'; operator: string; left: Expr; right: Expr }
  | { kind: 'between'; operand: Expr; low: Expr; high: Expr; not: boolean }
  | { kind: 'in'; operand: Expr; list: Expr[] | Query; not: boolean }
  | { kind: 'is'; operand: Expr; what: 'null' | 'true' | 'false'; not: boolean }
  | { kind: 'like'; operator: 'like' | 'rlike'; operand: Expr; pattern: Expr; not: boolean }
  | { kind: 'cast'; operand: Expr; type: OdpsType }
  | { kind: 'case'; operand: Expr | null; branches: { when: Expr; value: Expr }[]; otherwise: Expr | null }
  | { kind: 'call'; name: string; at: number; distinct: boolean; args: Expr[]; over: Window | null }
  | { kind: 'index'; operand: Expr; index: Expr }
  | { kind: 'field'; operand: Expr; name: string }
  | { kind: 'exists'; query: Query }
  | { kind: 'subquery'; query: Query };

export interface Window {
  partitionBy: Expr[];
  orderBy: Order[];
  /** As it is written: `rows between 1 preceding and current row`. */
  frame: string | null;
}

export interface Order {
  by: Expr;
  descending: boolean;
  nulls: 'first' | 'last' | null;
}

export interface TableName {
  project: string | null;
  schema: string | null;
  table: string;
  at: number;
}

export type Source =
  | { kind: 'table'; name: TableName; alias: string | null }
  | { kind: 'query'; query: Query; alias: string | null; columns: string[] | null }
  | {
      kind: 'lateral';
      left: Source;
      outer: boolean;
      name: string;
      at: number;
      args: Expr[];
      alias: string;
      columns: string[];
    }
  | { kind: 'join'; how: string; left: Source; right: Source; on: Expr | null; using: string[] | null };

export interface Select {
  kind: 'select';
  distinct: boolean;
  items: { value: Expr; alias: string | null }[];
  from: Source | null;
  where: Expr | null;
  groupBy: Expr[];
  having: Expr | null;
  /** Of the query that it is alone: columns may be read there that are read nowhere else. */
  orderBy: Order[];
}

export type Body =
  | Select
  | { kind: 'values'; rows: Expr[][] }
  | { kind: 'nested'; query: Query }
  | { kind: 'set'; operator: string; left: Body; right: Body };

export interface Query {
  tables: { name: string; query: Query }[];
  body: Body;
  orderBy: Order[];
  limit: number | null;
  offset: number;
}

/** The expressions right inside one, sub-queries left out. */
export function partsOf(expr: Expr): Expr[] {
  switch (expr.kind) {
    case 'unary':
    case 'is':
    case 'cast':
    case 'field':
      return [expr.operand];
    case 'index':
      return [expr.operand, expr.index];
    case 'binary':
      return [expr.left, expr.right];
    case 'between':
      return [expr.operand, expr.low, expr.high];
    case 'in':
      return [expr.operand, ...(Array.isArray(expr.list) ? expr.list : [])];
    case 'like':
      return [expr.operand, expr.pattern];
    case 'case':
      return [expr.operand, expr.otherwise, ...expr.branches.flatMap(({ when, value }) => [when, value])].filter(
        (one) => one !== null,
      );
    case 'call':
      return [...expr.args, ...(expr.over?.partitionBy ?? []), ...(expr.over?.orderBy ?? []).map((one) => one.by)];
    default:
      return [];
  }
}
