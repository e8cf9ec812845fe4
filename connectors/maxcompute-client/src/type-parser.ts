import type { OdpsType, ScalarKind } from './types.ts';

const SCALARS: readonly string[] = [
  'tinyint',
  'smallint',
  'int',
  'bigint',
  'float',
  'double',
  'boolean',
  'string',
  'binary',
  'json',
  'date',
  'datetime',
  'timestamp',
  'timestamp_ntz',
  'interval_day_time',
  'interval_year_month',
] satisfies ScalarKind[];

/** Bare `DECIMAL` of the types of version 2. */
const DECIMAL = { precision: 38, scale: 18 };

/** Types within one type. A text from a stranger must not exhaust the stack. */
const MOST_TYPES = 2_000;

/** That a text is no type of ours. It does not leave this file. */
class Unknown extends Error {}

/**
 * Parses a type as servers print it, in either letter case, blanks anywhere. Never throws: what is not known, as a whole
 * or in a part, is of kind `unknown` and keeps its text.
 */
export function parseType(text: string): OdpsType {
  const tokens = text.match(/`[^`]*`|[^\s`<>(),:]+|[`<>(),:]/g) ?? [];
  try {
    const parser = new TypeParser(tokens);
    const type = parser.type();
    if (parser.at === tokens.length) return type;
  } catch (error) {
    if (!(error instanceof Unknown)) throw error;
  }
  return { kind: 'unknown', text };
}

class TypeParser {
  at = 0;
  #opened = 0;
  readonly #tokens: readonly string[];

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  type(): OdpsType {
    if (++this.#opened > MOST_TYPES) throw new Unknown();
    const name = this.#next().toLowerCase();
    if (SCALARS.includes(name)) return { kind: name as ScalarKind };
    switch (name) {
      case 'integer':
        return { kind: 'int' };
      case 'decimal':
        return this.#decimal();
      case 'varchar':
      case 'char': {
        const [length] = this.#numbers(1);
        return { kind: name, length };
      }
      case 'array':
        return { kind: 'array', element: this.#inside(() => this.type()) };
      case 'map':
        return this.#inside(() => {
          const key = this.type();
          this.#eat(',');
          return { kind: 'map', key, value: this.type() };
        });
      case 'struct':
        return { kind: 'struct', fields: this.#inside(() => this.#fields()) };
      default:
        throw new Unknown();
    }
  }

  #decimal(): OdpsType {
    if (this.#tokens[this.at] !== '(') return { kind: 'decimal', ...DECIMAL };
    const [precision, scale = 0] = this.#numbers(2);
    return { kind: 'decimal', precision, scale };
  }

  #fields(): { name: string; type: OdpsType }[] {
    const fields: { name: string; type: OdpsType }[] = [];
    for (;;) {
      const name = this.#next();
      if (/^[<>(),:]$/.test(name)) throw new Unknown();
      this.#eat(':');
      fields.push({ name: name.replaceAll('`', ''), type: this.type() });
      if (this.#tokens[this.at] !== ',') return fields;
      this.at++;
    }
  }

  #inside<T>(read: () => T): T {
    this.#eat('<');
    const found = read();
    this.#eat('>');
    return found;
  }

  /** One number to `most`, in parentheses. */
  #numbers(most: number): number[] {
    this.#eat('(');
    const found = [this.#number()];
    while (found.length < most && this.#tokens[this.at] === ',') {
      this.at++;
      found.push(this.#number());
    }
    this.#eat(')');
    return found;
  }

  #number(): number {
    const digits = this.#next();
    if (!/^\d{1,9}$/.test(digits)) throw new Unknown();
    return Number(digits);
  }

  #next(): string {
    const token = this.#tokens[this.at++];
    if (token === undefined) throw new Unknown();
    return token;
  }

  #eat(wanted: string): void {
    if (this.#next() !== wanted) throw new Unknown();
  }
}
