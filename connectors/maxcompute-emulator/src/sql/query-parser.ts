import type { Body, Expr, Query, Select, Source, TableName } from './ast.ts';
import type { Cursor } from './cursor.ts';
import { ExpressionParser } from './expression-parser.ts';

/** Parses SELECT, VALUES and WITH. */
export class QueryParser {
  readonly #at: Cursor;
  readonly #expressions: ExpressionParser;

  constructor(cursor: Cursor) {
    this.#at = cursor;
    this.#expressions = new ExpressionParser(cursor, () => this.query());
  }

  query(): Query {
    const tables = this.#at.eat('with') ? this.#at.list(() => this.#commonTable()) : [];
    const body = this.#body();
    const orderBy = this.#at.eat('order', 'by') ? this.#expressions.orders() : [];
    if (body.kind === 'select') body.orderBy = orderBy;
    const first = this.#at.eat('limit') ? this.#at.number() : null;
    // LIMIT offset, count · LIMIT count OFFSET offset
    if (first !== null && this.#at.eatSign(',') !== undefined)
      return { tables, body, orderBy, limit: this.#at.number(), offset: first };
    return { tables, body, orderBy, limit: first, offset: this.#at.eat('offset') ? this.#at.number() : 0 };
  }

  #commonTable() {
    const name = this.#at.name();
    this.#at.need('as');
    return { name, query: this.#at.inBrackets(() => this.query()) };
  }

  #body(): Body {
    let left = this.#core();
    for (;;) {
      const operator = this.#setOperator();
      if (operator === null) return left;
      left = { kind: 'set', operator, left, right: this.#core() };
    }
  }

  #setOperator(): string | null {
    const word = ['union', 'intersect', 'except', 'minus'].find((one) => this.#at.eat(one));
    if (word === undefined) return null;
    const all = this.#at.eat('all');
    if (!all) this.#at.eat('distinct');
    return `${word === 'minus' ? 'except' : word}${all ? ' all' : ''}`;
  }

  #core(): Body {
    if (this.#at.isSign('(')) return { kind: 'nested', query: this.#at.inBrackets(() => this.query()) };
    if (this.#at.eat('values')) {
      return {
        kind: 'values',
        rows: this.#at.list(() => this.#at.inBrackets(() => this.#at.list(() => this.#expressions.expression()))),
      };
    }
    this.#at.need('select');
    return this.#select();
  }

  #select(): Select {
    const distinct = this.#at.eat('distinct');
    if (!distinct) this.#at.eat('all');
    const items = this.#at.list(() => ({ value: this.#expressions.expression(), alias: this.#at.alias() }));
    const from = this.#at.eat('from') ? this.#from() : null;
    const where = this.#at.eat('where') ? this.#expressions.expression() : null;
    const groupBy = this.#at.eat('group', 'by') ? this.#at.list(() => this.#expressions.expression()) : [];
    const having = this.#at.eat('having') ? this.#expressions.expression() : null;
    return { kind: 'select', distinct, items, from, where, groupBy, having, orderBy: [] };
  }

  #from(): Source {
    let left = this.#source();
    for (;;) {
      if (this.#at.eat('lateral', 'view')) {
        left = this.#lateral(left);
        continue;
      }
      if (this.#at.eatSign(',') !== undefined) {
        left = { kind: 'join', how: 'cross join', left, right: this.#source(), on: null, using: null };
        continue;
      }
      const how = this.#joinKind();
      if (how === null) return left;
      const right = this.#source();
      const on = this.#at.eat('on') ? this.#expressions.expression() : null;
      const using =
        on === null && this.#at.eat('using') ? this.#at.inBrackets(() => this.#at.list(() => this.#at.name())) : null;
      if (on === null && using === null && how !== 'cross join') throw this.#at.unexpected('on');
      left = { kind: 'join', how, left, right, on, using };
    }
  }

  /** `LATERAL VIEW [OUTER] explode(array) name AS column`. */
  #lateral(left: Source): Source {
    const outer = this.#at.eat('outer');
    const { value: name, at } = this.#at.next();
    const args = this.#at.inBrackets(() => this.#at.list(() => this.#expressions.expression()));
    const alias = this.#at.name();
    this.#at.need('as');
    return { kind: 'lateral', left, outer, name, at, args, alias, columns: this.#at.list(() => this.#at.name()) };
  }

  #joinKind(): string | null {
    if (this.#at.eat('join') || this.#at.eat('inner', 'join')) return 'join';
    if (this.#at.eat('cross', 'join')) return 'cross join';
    for (const side of ['left', 'right', 'full']) {
      if (this.#at.eat(side, 'join') || this.#at.eat(side, 'outer', 'join')) return `${side} join`;
    }
    if (this.#at.eat('left', 'semi', 'join')) return 'semi join';
    if (this.#at.eat('left', 'anti', 'join')) return 'anti join';
    return null;
  }

  /** A table or a sub-query, with its alias. */
  source(): Source {
    return this.#source();
  }

  expression(): Expr {
    return this.#expressions.expression();
  }

  #source(): Source {
    if (this.#at.isSign('(')) {
      const query = this.#at.inBrackets(() => this.query());
      const alias = this.#at.alias();
      const columns =
        alias !== null && this.#at.isSign('(') ? this.#at.inBrackets(() => this.#at.list(() => this.#at.name())) : null;
      return { kind: 'query', query, alias, columns };
    }
    return { kind: 'table', name: tableName(this.#at), alias: this.#at.alias() };
  }
}

/** `t`, `project.t` or `project.schema.t`. */
export function tableName(cursor: Cursor): TableName {
  const at = cursor.offset;
  const parts = [cursor.name()];
  while (parts.length < 3 && cursor.eatSign('.') !== undefined) parts.push(cursor.name());
  const table = parts.pop() as string;
  return { project: parts[0] ?? null, schema: parts[1] ?? null, table, at };
}
