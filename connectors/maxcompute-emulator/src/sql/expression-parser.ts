import { type OdpsType, parseType } from '@sampan/maxcompute';
import type { Expr, Order, Query, Window } from './ast.ts';
import type { Cursor } from './cursor.ts';
import { ParseFailure } from './tokens.ts';

const COMPARISONS = ['<=>', '<>', '!=', '<=', '>=', '==', '=', '<', '>'];

/** Parses expressions, by descending precedence. Sub-queries are read by whoever knows them. */
export class ExpressionParser {
  readonly #at: Cursor;
  readonly #query: () => Query;

  constructor(cursor: Cursor, query: () => Query) {
    this.#at = cursor;
    this.#query = query;
  }

  expression(): Expr {
    return this.#chain(
      () => this.#and(),
      () => (this.#at.eat('or') ? 'or' : undefined),
    );
  }

  orders(): Order[] {
    return this.#at.list(() => {
      const by = this.expression();
      const descending = this.#at.eat('desc');
      if (!descending) this.#at.eat('asc');
      const nulls = this.#at.eat('nulls', 'first') ? 'first' : this.#at.eat('nulls', 'last') ? 'last' : null;
      return { by, descending, nulls };
    });
  }

  #chain(operand: () => Expr, operator: () => string | undefined): Expr {
    let left = operand();
    for (let found = operator(); found !== undefined; found = operator())
      left = { kind: 'binary', operator: found, left, right: operand() };
    return left;
  }

  #and(): Expr {
    return this.#chain(
      () => this.#not(),
      () => (this.#at.eat('and') ? 'and' : undefined),
    );
  }

  #not(): Expr {
    return this.#at.eat('not') ? { kind: 'unary', operator: 'not', operand: this.#not() } : this.#comparison();
  }

  #comparison(): Expr {
    let left = this.#sum();
    for (;;) {
      const sign = this.#at.eatSign(...COMPARISONS);
      if (sign !== undefined) {
        left = { kind: 'binary', operator: sign, left, right: this.#sum() };
        continue;
      }
      const test = this.#test(left);
      if (test === null) return left;
      left = test;
    }
  }

  /** IS, IN, LIKE, BETWEEN behind an operand. */
  #test(operand: Expr): Expr | null {
    if (this.#at.eat('is')) {
      const not = this.#at.eat('not');
      for (const what of ['null', 'true', 'false'] as const)
        if (this.#at.eat(what)) return { kind: 'is', operand, what, not };
      throw this.#at.unexpected();
    }
    const not =
      this.#at.is('not') &&
      ['in', 'like', 'rlike', 'between'].includes(this.#at.peek(1)?.value ?? '') &&
      this.#at.eat('not');
    if (this.#at.eat('in')) {
      const list = this.#at.inBrackets(() =>
        this.#at.is('select', 'with') ? this.#query() : this.#at.list(() => this.expression()),
      );
      return { kind: 'in', operand, list, not };
    }
    for (const operator of ['like', 'rlike'] as const)
      if (this.#at.eat(operator)) return { kind: 'like', operator, operand, pattern: this.#sum(), not };
    if (this.#at.eat('between')) {
      const low = this.#sum();
      this.#at.need('and');
      return { kind: 'between', operand, low, high: this.#sum(), not };
    }
    return null;
  }

  #sum(): Expr {
    return this.#chain(
      () => this.#product(),
      () => this.#at.eatSign('+', '-', '||'),
    );
  }

  #product(): Expr {
    return this.#chain(
      () => this.#unary(),
      () => this.#at.eatSign('*', '/', '%') ?? (this.#at.eat('div') ? 'div' : undefined),
    );
  }

  #unary(): Expr {
    const sign = this.#at.eatSign('-', '+') as '-' | '+' | undefined;
    return sign === undefined
      ? this.#postfix(this.#primary())
      : { kind: 'unary', operator: sign, operand: this.#unary() };
  }

  /** `[index]` and `.field`, as often as they come. */
  #postfix(operand: Expr): Expr {
    let found = operand;
    for (;;) {
      if (this.#at.eatSign('[') !== undefined) {
        found = { kind: 'index', operand: found, index: this.expression() };
        this.#at.needSign(']');
      } else if (found.kind !== 'number' && this.#at.eatSign('.') !== undefined)
        found = { kind: 'field', operand: found, name: this.#at.name() };
      else return found;
    }
  }

  #primary(): Expr {
    const token = this.#at.peek();
    if (token?.kind === 'text') return { kind: 'text', value: this.#at.next().value };
    if (token?.kind === 'number') return { kind: 'number', value: this.#at.next().value, suffix: token.suffix ?? '' };
    if (this.#at.isSign('*')) {
      this.#at.next();
      return { kind: 'star', table: null };
    }
    if (this.#at.isSign('(')) {
      return this.#at.inBrackets(
        (): Expr => (this.#at.is('select', 'with') ? { kind: 'subquery', query: this.#query() } : this.expression()),
      );
    }
    if (token?.kind === 'word') {
      const found = this.#word(token.value);
      if (found !== null) return found;
    }
    if (token?.kind !== 'word' && token?.kind !== 'name') throw this.#at.unexpected();
    return this.#column();
  }

  #word(word: string): Expr | null {
    if (word === 'null' || word === 'true' || word === 'false') {
      this.#at.next();
      return { kind: 'word', value: word };
    }
    if ((word === 'date' || word === 'datetime' || word === 'timestamp') && this.#at.peek(1)?.kind === 'text') {
      this.#at.next();
      return { kind: 'typed', type: word, value: this.#at.text() };
    }
    if (this.#at.eat('case')) return this.#case();
    if (this.#at.eat('exists')) return { kind: 'exists', query: this.#at.inBrackets(() => this.#query()) };
    if (!this.#at.isSign('(', 1)) return null;
    if (this.#at.eat('cast')) {
      return this.#at.inBrackets((): Expr => {
        const operand = this.expression();
        this.#at.need('as');
        return { kind: 'cast', operand, type: readType(this.#at) };
      });
    }
    return this.#call();
  }

  #call(): Expr {
    const { value: name, at } = this.#at.next();
    const { distinct, args } = this.#at.inBrackets(() => {
      const distinct = this.#at.eat('distinct');
      return { distinct, args: this.#at.isSign(')') ? [] : this.#at.list(() => this.expression()) };
    });
    return { kind: 'call', name, at, distinct, args, over: this.#at.eat('over') ? this.#window() : null };
  }

  #window(): Window {
    return this.#at.inBrackets(() => {
      const partitionBy = this.#at.eat('partition', 'by') ? this.#at.list(() => this.expression()) : [];
      const orderBy = this.#at.eat('order', 'by') ? this.orders() : [];
      return { partitionBy, orderBy, frame: this.#frame() };
    });
  }

  #frame(): string | null {
    const unit = ['rows', 'range'].find((one) => this.#at.eat(one));
    if (unit === undefined) return null;
    if (!this.#at.eat('between')) return `${unit} between ${this.#bound()} and current row`;
    const from = this.#bound();
    this.#at.need('and');
    return `${unit} between ${from} and ${this.#bound()}`;
  }

  #bound(): string {
    if (this.#at.eat('current', 'row')) return 'current row';
    const size = this.#at.eat('unbounded') ? 'unbounded' : String(this.#at.number());
    if (this.#at.eat('preceding')) return `${size} preceding`;
    this.#at.need('following');
    return `${size} following`;
  }

  #case(): Expr {
    const operand = this.#at.is('when') ? null : this.expression();
    const branches: { when: Expr; value: Expr }[] = [];
    while (this.#at.eat('when')) {
      const when = this.expression();
      this.#at.need('then');
      branches.push({ when, value: this.expression() });
    }
    const otherwise = this.#at.eat('else') ? this.expression() : null;
    this.#at.need('end');
    if (branches.length === 0) throw this.#at.unexpected('when');
    return { kind: 'case', operand, branches, otherwise };
  }

  #column(): Expr {
    const path = [this.#at.name()];
    while (this.#at.eatSign('.') !== undefined) {
      if (this.#at.eatSign('*') !== undefined) return { kind: 'star', table: path[path.length - 1] };
      path.push(this.#at.name());
    }
    return { kind: 'column', path };
  }
}

/** A type, up to where it ends. */
export function readType(cursor: Cursor): OdpsType {
  const start = cursor.offset;
  let text = '';
  let depth = 0;
  do {
    const token = cursor.next();
    // Names are stored in lower case; an odd one keeps its quotes, or it would be no type any more.
    text += token.kind === 'name' ? `\`${token.value.toLowerCase()}\`` : token.value;
    if (token.kind === 'sign' && (token.value === '(' || token.value === '<')) depth++;
    if (token.kind === 'sign' && (token.value === ')' || token.value === '>')) depth--;
  } while (depth > 0 || cursor.isSign('(') || cursor.isSign('<'));
  const type = parseType(text);
  if (type.kind === 'unknown') throw new ParseFailure(start, `"${text}" is not a type`);
  return type;
}
