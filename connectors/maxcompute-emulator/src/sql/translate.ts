import { duckType, literal, quoted } from '../duck.ts';
import { isNested } from '../nested-types.ts';
import { Refusal } from '../refusal.ts';
import type { Body, Expr, Order, Query, Select, Source, TableName } from './ast.ts';
import { callSql } from './functions.ts';
import { lateralRows } from './lateral.ts';
import { numberSql } from './literals.ts';
import { areAlike, calculate, compare, inList, isComparison } from './operators.ts';
import type { Settings } from './settings.ts';

/** What the translation asks of its surroundings. */
export interface Surroundings {
  settings: Settings;
  project: string;
  /** The rows of a table as a sub-query. `select` is the one that reads it. @throws Refusal */
  table(name: TableName, select: Select): string;
}

const WHOLE = new Set(['tinyint', 'smallint', 'int', 'bigint']);
/** With ORDER BY and no frame these see the rows up to their own, and not those that are equal in order. */
const BY_ROWS = new Set(['avg', 'count', 'max', 'min', 'stddev', 'stddev_samp', 'sum']);

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
    writer.positions(
      'orderby',
      query.orderBy.map((one) => one.by),
    ),
    writer.orders(query.orderBy),
  ];
  if (query.limit !== null) parts.push(`LIMIT ${query.limit}`);
  if (query.offset > 0) parts.push(`OFFSET ${query.offset}`);
  return parts.filter((part) => part !== '').join(' ');
}

/** One expression. @throws ParseFailure, Refusal */
export const exprSql = (expr: Expr, around: Surroundings) => new Writer(around, new Set()).expr(expr);

/** The condition of a join: plain, so that it is fast, and what has to hold of one pair of rows. @throws ParseFailure, Refusal */
export const conditionSql = (on: Expr, around: Surroundings) => new Writer(around, new Set()).condition(on);

/** What follows FROM, or USING. `select` says what is read of it. @throws ParseFailure, Refusal */
export const sourceSql = (source: Source, around: Surroundings, select: Select) =>
  new Writer(around, new Set()).source(source, select, null);

class Writer {
  readonly #around: Surroundings;
  /** Names of WITH that hide tables. */
  readonly #known: ReadonlySet<string>;
  /** Inside the ON of a join: what must hold beside it, since a join has to be a plain comparison to be fast. */
  #guards: string[] | null = null;

  constructor(around: Surroundings, known: ReadonlySet<string>) {
    this.#around = around;
    this.#known = known;
  }

  body(body: Body): string {
    switch (body.kind) {
      case 'nested':
        return `(${this.#query(body.query)})`;
      case 'values':
        return `VALUES ${body.rows.map((row) => `(${this.#list(row)})`).join(', ')}`;
      case 'set': {
        // Set operators are taken from left to right; DuckDB would take INTERSECT first.
        const left = this.body(body.left);
        return `${body.left.kind === 'set' ? `(${left})` : left} ${body.operator} ${this.body(body.right)}`;
      }
      default:
        return this.#select(body);
    }
  }

  orders(orders: Order[]): string {
    if (orders.length === 0) return '';
    // NULL is the smallest value to MaxCompute.
    const parts = orders.map(
      ({ by, descending, nulls }) =>
        `${this.expr(by)} ${descending ? 'DESC' : 'ASC'} NULLS ${nulls ?? (descending ? 'last' : 'first')}`,
    );
    return `ORDER BY ${parts.join(', ')}`;
  }

  /** A number here is a constant, unless a setting makes it the place of a column. Nothing, or @throws Refusal */
  positions(clause: 'orderby' | 'groupby', exprs: Expr[]): '' {
    const name = `odps.sql.${clause}.position.alias`;
    if (!exprs.some((one) => one.kind === 'number') || this.#around.settings.get(name) === 'true') return '';
    throw new Refusal(
      400,
      'ODPS-0130071',
      `ODPS-0130071:Semantic analysis exception - a number in ${clause === 'orderby' ? 'ORDER BY' : 'GROUP BY'} is a column's place only with ${name}=true`,
    );
  }

  expr(expr: Expr): string {
    switch (expr.kind) {
      case 'text':
        return literal(expr.value);
      case 'number':
        return numberSql(expr);
      case 'word':
        return expr.value;
      case 'typed':
        return `CAST(${literal(expr.value)} AS ${duckType({ kind: expr.type })})`;
      case 'column':
        return this.#column(expr.path);
      case 'star':
        return expr.table === null ? '*' : `${quoted(expr.table)}.*`;
      case 'unary':
        return `(${expr.operator} ${this.expr(expr.operand)})`;
      case 'binary':
        return this.#binary(expr);
      case 'index':
        return `odps_index(${this.expr(expr.operand)}, ${this.expr(expr.index)})`;
      case 'field':
        return `(${this.expr(expr.operand)}).${quoted(expr.name)}`;
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

  #query(query: Query): string {
    return querySql(query, this.#around, this.#known);
  }

  #select(select: Select): string {
    const items = select.items.map(({ value, alias }, at) => {
      const shown =
        alias ?? (value.kind === 'column' || value.kind === 'star' || value.kind === 'field' ? null : `_c${at}`);
      return `${this.expr(value)}${shown === null ? '' : ` AS ${quoted(shown)}`}`;
    });
    const guards: string[] = [];
    const from = select.from === null ? '' : `FROM ${this.source(select.from, select, guards)}`;
    const conditions = [...(select.where === null ? [] : [this.expr(select.where)]), ...guards];
    this.positions('groupby', select.groupBy);
    const parts = [`SELECT ${select.distinct ? 'DISTINCT ' : ''}${items.join(', ')}`, from];
    if (conditions.length > 0) parts.push(`WHERE ${conditions.join(' AND ')}`);
    if (select.groupBy.length > 0) parts.push(`GROUP BY ${this.#list(select.groupBy)}`);
    if (select.having !== null) parts.push(`HAVING ${this.expr(select.having)}`);
    return parts.filter((part) => part !== '').join(' ');
  }

  /** `guards`: takes what has to hold where its joins are; null: it is said there, which may be slow. */
  source(source: Source, select: Select, guards: string[] | null): string {
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
      case 'lateral':
        return this.#lateral(source, this.source(source.left, select, guards));
      default: {
        const left = this.source(source.left, select, guards);
        const right = this.source(source.right, select, guards);
        return `${left} ${source.how} ${right}${this.#condition(source, [left, right], guards)}`;
      }
    }
  }

  condition(on: Expr): { sql: string; pairs: string[] } {
    const pairs: string[] = [];
    this.#guards = pairs;
    const sql = this.expr(on);
    this.#guards = null;
    return { sql, pairs };
  }

  /** A condition that is more than comparisons would be tried on all pairs of both sides: one pair tells the types. */
  #condition(
    { how, on, using }: Extract<Source, { kind: 'join' }>,
    [left, right]: [string, string],
    guards: string[] | null,
  ): string {
    if (using !== null) {
      const same = using.map((name) => `odps_unmixed(l.${quoted(name)}, r.${quoted(name)})`).join(' AND ');
      guards?.push(onePair(same, `(SELECT * FROM ${left}) AS l CROSS JOIN (SELECT * FROM ${right}) AS r`));
      return ` USING (${using.map(quoted).join(', ')})`;
    }
    if (on === null) return '';
    const { sql, pairs } = this.condition(on);
    if (guards === null) return ` ON ${[sql, ...pairs].join(' AND ')}`;
    // Behind a semi or anti join there is nothing of the right side to look at.
    const hidden = pairs.length > 0 && (how.startsWith('semi') || how.startsWith('anti'));
    if (hidden) guards.push(onePair(pairs.join(' AND '), `${left} CROSS JOIN ${right}`));
    else guards.push(...pairs);
    return ` ON ${sql}`;
  }

  #lateral({ outer, name, at, args, alias, columns }: Extract<Source, { kind: 'lateral' }>, left: string): string {
    const rows = lateralRows(
      name,
      at,
      args.map((one) => this.expr(one)),
      columns.length,
    );
    const right = `LATERAL (SELECT ${rows.join(', ')}) AS ${quoted(alias)}(${columns.map(quoted).join(', ')})`;
    return outer ? `${left} LEFT JOIN ${right} ON true` : `${left} CROSS JOIN ${right}`;
  }

  #list(exprs: Expr[]): string {
    return exprs.map((one) => this.expr(one)).join(', ');
  }

  /** A column may be named with its table, and that with its project and schema. */
  #column(path: string[]): string {
    const rest = path.length > 2 && path[0] === this.#around.project ? path.slice(1) : path;
    return rest.map(quoted).join('.');
  }

  #binary({ operator, left, right }: Extract<Expr, { kind: 'binary' }>): string {
    const [a, b] = [this.expr(left), this.expr(right)];
    if (operator === 'and' || operator === 'or') return `(${a} ${operator} ${b})`;
    if (!isComparison(operator)) return calculate(operator, a, b);
    return this.#compare(operator, a, b, areAlike(left, right));
  }

  #compare(operator: string, left: string, right: string, alike: boolean): string {
    if (this.#guards === null || alike) return compare(operator, left, right, alike);
    this.#guards.push(`odps_unmixed(${left}, ${right})`);
    return compare(operator, left, right, true);
  }

  #test(expr: Extract<Expr, { kind: 'between' | 'in' | 'is' | 'like' }>): string {
    const operand = this.expr(expr.operand);
    const not = expr.not ? 'NOT ' : '';
    switch (expr.kind) {
      case 'between': {
        const low = this.#compare('>=', operand, this.expr(expr.low), areAlike(expr.operand, expr.low));
        const high = this.#compare('<=', operand, this.expr(expr.high), areAlike(expr.operand, expr.high));
        return `(${not}(${low} AND ${high}))`;
      }
      case 'in':
        return this.#in(expr, operand);
      case 'is':
        return `(${operand} IS ${not}${expr.what})`;
      default: {
        const pattern = this.expr(expr.pattern);
        if (expr.operator === 'rlike') return `(${not}regexp_matches(odps_text(${operand}), ${pattern}))`;
        return `(odps_text(${operand}) ${not}LIKE ${pattern} ESCAPE '\\')`;
      }
    }
  }

  #in({ operand: tested, list, not }: Extract<Expr, { kind: 'in' }>, operand: string): string {
    const word = not ? 'NOT IN' : 'IN';
    if (!Array.isArray(list)) {
      const rows = this.#query(list);
      // Of its rows one is enough to tell the type.
      return `((${operand} ${word} (${rows})) AND odps_unmixed(${operand}, (SELECT * FROM (${rows}) LIMIT 1)))`;
    }
    const items = list.map((one) => this.expr(one));
    if (list.every((one) => areAlike(tested, one))) return `(${operand} ${word} (${items.join(', ')}))`;
    // Where all are of one kind the first tells for all: such lists may be long.
    const telling = list.every((one) => areAlike(list[0], one)) ? items.slice(0, 1) : items;
    return inList(operand, word, items, telling);
  }

  #call({ name, at, args, distinct, over }: Extract<Expr, { kind: 'call' }>): string {
    const call = callSql({ name, at, distinct, exprs: args, args: args.map((one) => this.expr(one)) });
    if (over === null) return call;
    const partition = over.partitionBy.length === 0 ? '' : `PARTITION BY ${this.#list(over.partitionBy)}`;
    return `${call} OVER (${partition} ${this.orders(over.orderBy)} ${over.frame ?? this.#frame(name, over.orderBy)})`;
  }

  #frame(name: string, orderBy: Order[]): string {
    const asHive = this.#around.settings.get('odps.sql.hive.compatible') === 'true';
    return orderBy.length > 0 && BY_ROWS.has(name) && !asHive ? 'ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW' : '';
  }

  #cast({ operand, type }: Extract<Expr, { kind: 'cast' }>): string {
    const value = this.expr(operand);
    if (isNested(type))
      throw new Refusal(
        400,
        'ODPS-0130071',
        `ODPS-0130071:Semantic analysis exception - the emulator does not cast to ${type.kind.toUpperCase()}`,
      );
    const to = duckType(type);
    // DuckDB rounds where MaxCompute cuts off.
    if (WHOLE.has(type.kind)) return `CAST(trunc(CAST(${value} AS DECIMAL(38,10))) AS ${to})`;
    if (type.kind === 'varchar' || type.kind === 'char') return `left(odps_text(${value}), ${type.length})`;
    if (type.kind === 'boolean') return `CAST(odps_truth(${value}) AS BOOLEAN)`;
    if (type.kind === 'binary') return `odps_bytes(${value})`;
    return to === 'VARCHAR' ? `odps_text(${value})` : `CAST(${value} AS ${to})`;
  }

  #case({ operand, branches, otherwise }: Extract<Expr, { kind: 'case' }>): string {
    const parts = branches.map(({ when, value }) => {
      const sql = this.expr(when);
      const test = operand === null ? sql : compare('=', this.expr(operand), sql, areAlike(operand, when));
      return `WHEN ${test} THEN ${this.expr(value)}`;
    });
    return `(CASE ${parts.join(' ')}${otherwise === null ? '' : ` ELSE ${this.expr(otherwise)}`} END)`;
  }
}

/** True where this holds for one row, or where there is none. */
const onePair = (condition: string, from: string) => `coalesce((SELECT ${condition} FROM ${from} LIMIT 1), true)`;
