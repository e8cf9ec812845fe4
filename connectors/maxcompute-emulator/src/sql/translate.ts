import { duckType, literal, quoted } from '../duck.ts';
import type { Body, Expr, Order, Query, Select, Source, TableName } from './ast.ts';
import { callSql } from './functions.ts';

/** What the translation asks of its surroundings. */
export interface Surroundings {
  /** The rows of a table as a sub-query. `select` is the one that reads it. @throws Refusal */
  table(name: TableName, select: Select): string;
}

const OPERATORS: { [operator: string]: string } = { '==': '=', '!=': '<>', '<=>': 'IS NOT DISTINCT FROM', div: '//' };
const WHOLE = new Set(['tinyint', 'smallint', 'int', 'bigint']);

/** The statement as DuckDB takes it, written from the parse tree. @throws ParseFailure, Refusal */
export function querySql(query: Query, around: Surroundings, outer: ReadonlySet<string> = new Set()): string {
  const known = new Set(outer);
  const tables = query.tables.map(({ name, query: inner }) => {
    const sql = `${quoted(name)} AS (${querySql(inner, around, known)})`;
    known.add(name);
    return sql;
  });
  const writer = new Writer(around, known);
  const parts = [
    tables.length === 0 ? '' : `WITH ${tables.join(', ')}`,
    writer.body(query.body),
    writer.orders(query.orderBy),
  ];
  if (query.limit !== null) parts.push(`LIMIT ${query.limit}`);
  if (query.offset > 0) parts.push(`OFFSET ${query.offset}`);
  return parts.filter((part) => part !== '').join(' ');
}

/** One expression. @throws ParseFailure, Refusal */
export const exprSql = (expr: Expr, around: Surroundings) => new Writer(around, new Set()).expression(expr);

/** What follows FROM, or USING. `select` says what is read of it. @throws ParseFailure, Refusal */
export const sourceSql = (source: Source, around: Surroundings, select: Select) =>
  new Writer(around, new Set()).source(source, select);

class Writer {
  readonly #around: Surroundings;
  /** Names of WITH that hide tables. */
  readonly #known: ReadonlySet<string>;

  constructor(around: Surroundings, known: ReadonlySet<string>) {
    this.#around = around;
    this.#known = known;
  }

  expression(expr: Expr): string {
    return this.#expr(expr);
  }

  source(source: Source, select: Select): string {
    return this.#source(source, select);
  }

  body(body: Body): string {
    switch (body.kind) {
      case 'nested':
        return `(${this.#query(body.query)})`;
      case 'values':
        return `VALUES ${body.rows.map((row) => `(${this.#list(row)})`).join(', ')}`;
      case 'set':
        return `${this.body(body.left)} ${body.operator} ${this.body(body.right)}`;
      default:
        return this.#select(body);
    }
  }

  orders(orders: Order[]): string {
    if (orders.length === 0) return '';
    // NULL is the smallest value to MaxCompute.
    const parts = orders.map(
      ({ by, descending, nulls }) =>
        `${this.#expr(by)} ${descending ? 'DESC' : 'ASC'} NULLS ${nulls ?? (descending ? 'last' : 'first')}`,
    );
    return `ORDER BY ${parts.join(', ')}`;
  }

  #query(query: Query): string {
    return querySql(query, this.#around, this.#known);
  }

  #select(select: Select): string {
    const items = select.items.map(
      ({ value, alias }) => `${this.#expr(value)}${alias === null ? '' : ` AS ${quoted(alias)}`}`,
    );
    const parts = [`SELECT ${select.distinct ? 'DISTINCT ' : ''}${items.join(', ')}`];
    if (select.from !== null) parts.push(`FROM ${this.#source(select.from, select)}`);
    if (select.where !== null) parts.push(`WHERE ${this.#expr(select.where)}`);
    if (select.groupBy.length > 0) parts.push(`GROUP BY ${this.#list(select.groupBy)}`);
    if (select.having !== null) parts.push(`HAVING ${this.#expr(select.having)}`);
    return parts.join(' ');
  }

  #source(source: Source, select: Select): string {
    switch (source.kind) {
      case 'table': {
        const { table, project } = source.name;
        if (project === null && this.#known.has(table))
          return `${quoted(table)}${source.alias === null ? '' : ` AS ${quoted(source.alias)}`}`;
        return `${this.#around.table(source.name, select)} AS ${quoted(source.alias ?? table)}`;
      }
      case 'query': {
        const alias = source.alias === null ? '' : ` AS ${quoted(source.alias)}`;
        return `(${this.#query(source.query)})${alias}${source.columns === null ? '' : `(${source.columns.map(quoted).join(', ')})`}`;
      }
      default: {
        const how =
          source.on !== null
            ? ` ON ${this.#expr(source.on)}`
            : source.using !== null
              ? ` USING (${source.using.map(quoted).join(', ')})`
              : '';
        return `${this.#source(source.left, select)} ${source.how} ${this.#source(source.right, select)}${how}`;
      }
    }
  }

  #list(exprs: Expr[]): string {
    return exprs.map((one) => this.#expr(one)).join(', ');
  }

  #expr(expr: Expr): string {
    switch (expr.kind) {
      case 'text':
        return literal(expr.value);
      case 'number':
      case 'word':
        return expr.value;
      case 'typed':
        return `CAST(${literal(expr.value)} AS ${duckType({ kind: expr.type })})`;
      case 'column':
        // A table may be named with its project: the last two parts are enough.
        return expr.path.slice(-2).map(quoted).join('.');
      case 'star':
        return expr.table === null ? '*' : `${quoted(expr.table)}.*`;
      case 'unary':
        return `(${expr.operator} ${this.#expr(expr.operand)})`;
      case 'binary':
        return `(${this.#expr(expr.left)} ${OPERATORS[expr.operator] ?? expr.operator} ${this.#expr(expr.right)})`;
      case 'call':
        return this.#call(expr);
      case 'cast':
        return this.#cast(expr);
      case 'case':
        return this.#case(expr);
      case 'exists':
        return `EXISTS (${this.#query(expr.query)})`;
      case 'subquery':
        return `(${this.#query(expr.query)})`;
      default:
        return this.#test(expr);
    }
  }

  #test(expr: Extract<Expr, { kind: 'between' | 'in' | 'is' | 'like' }>): string {
    const operand = this.#expr(expr.operand);
    const not = expr.not ? 'NOT ' : '';
    switch (expr.kind) {
      case 'between':
        return `(${operand} ${not}BETWEEN ${this.#expr(expr.low)} AND ${this.#expr(expr.high)})`;
      case 'in':
        return `(${operand} ${not}IN (${Array.isArray(expr.list) ? this.#list(expr.list) : this.#query(expr.list)}))`;
      case 'is':
        return `(${operand} IS ${not}${expr.what})`;
      default: {
        const pattern = this.#expr(expr.pattern);
        if (expr.operator === 'rlike') return `(${not}regexp_matches(odps_text(${operand}), ${pattern}))`;
        return `(odps_text(${operand}) ${not}LIKE ${pattern} ESCAPE '\\')`;
      }
    }
  }

  #call({ name, at, args, distinct, over }: Extract<Expr, { kind: 'call' }>): string {
    const call = callSql(
      name,
      at,
      args.map((one) => this.#expr(one)),
      distinct,
    );
    if (over === null) return call;
    const partition = over.partitionBy.length === 0 ? '' : `PARTITION BY ${this.#list(over.partitionBy)}`;
    return `${call} OVER (${partition} ${this.orders(over.orderBy)})`;
  }

  #cast({ operand, type }: Extract<Expr, { kind: 'cast' }>): string {
    const value = this.#expr(operand);
    const to = duckType(type);
    // DuckDB rounds where MaxCompute cuts off.
    if (WHOLE.has(type.kind)) return `CAST(trunc(CAST(${value} AS DECIMAL(38,10))) AS ${to})`;
    if (type.kind === 'varchar' || type.kind === 'char') return `left(odps_text(${value}), ${type.length})`;
    return to === 'VARCHAR' ? `odps_text(${value})` : `CAST(${value} AS ${to})`;
  }

  #case({ operand, branches, otherwise }: Extract<Expr, { kind: 'case' }>): string {
    const parts = branches.map(({ when, value }) => `WHEN ${this.#expr(when)} THEN ${this.#expr(value)}`);
    return `(CASE ${operand === null ? '' : this.#expr(operand)} ${parts.join(' ')}${otherwise === null ? '' : ` ELSE ${this.#expr(otherwise)}`} END)`;
  }
}
