import { parseType, typeText } from '@sampan/maxcompute';
import type { ColumnDefinition } from '../storage.ts';
import { parseError, type Token, tokenize } from './tokens.ts';

export type PartitionValues = { name: string; value: string }[];

export type Statement =
  | {
      kind: 'create';
      table: string;
      ifNotExists: boolean;
      columns: ColumnDefinition[];
      partitionColumns: ColumnDefinition[];
      primaryKey: string[];
      comment: string;
      lifecycle: number | null;
      properties: { [name: string]: string };
    }
  | { kind: 'drop'; table: string; ifExists: boolean }
  | { kind: 'addPartition'; table: string; ifNotExists: boolean; partitions: PartitionValues[] }
  | { kind: 'dropPartition'; table: string; ifExists: boolean; partition: PartitionValues }
  | { kind: 'truncate'; table: string; partition: PartitionValues | null }
  | { kind: 'setLifecycle'; table: string; days: number }
  | { kind: 'rename'; table: string; to: string }
  | { kind: 'select'; tokens: Token[] }
  | {
      kind: 'insert';
      table: string;
      overwrite: boolean;
      partition: PartitionValues;
      columns: string[] | null;
      tokens: Token[];
    };

/** Parses one statement. What it does not know it refuses by name. @throws Refusal */
export function parse(sql: string): Statement {
  const tokens = tokenize(sql);
  while (tokens.at(-1)?.value === ';' && tokens.at(-1)?.kind === 'sign') tokens.pop();
  const parser = new Parser(tokens, sql.length);
  return parser.statement();
}

class Parser {
  readonly #tokens: Token[];
  readonly #length: number;
  #at = 0;

  constructor(tokens: Token[], length: number) {
    this.#tokens = tokens;
    this.#length = length;
  }

  statement(): Statement {
    const found = this.#statement();
    if (this.#at < this.#tokens.length) throw this.#unexpected();
    return found;
  }

  #statement(): Statement {
    if (this.#is('select', 'with', 'values')) return { kind: 'select', tokens: this.#rest() };
    if (this.#eat('create')) return this.#create();
    if (this.#eat('drop')) {
      this.#need('table');
      const ifExists = this.#eat('if') && this.#need('exists');
      return { kind: 'drop', ifExists, table: this.#table() };
    }
    if (this.#eat('truncate')) {
      this.#need('table');
      return { kind: 'truncate', table: this.#table(), partition: this.#is('partition') ? this.#partition() : null };
    }
    if (this.#eat('alter')) return this.#alter();
    if (this.#eat('insert')) return this.#insert();
    throw parseError(
      this.#tokens[0]?.at ?? 0,
      `the emulator does not know statements that begin with "${this.#tokens[0]?.value ?? ''}"`,
    );
  }

  #create(): Statement {
    this.#need('table');
    const ifNotExists = this.#eat('if') && this.#need('not') && this.#need('exists');
    const table = this.#table();
    const columns: ColumnDefinition[] = [];
    let primaryKey: string[] = [];
    this.#sign('(');
    do {
      if (this.#is('primary')) {
        this.#need('primary', 'key');
        primaryKey = this.#names();
      } else columns.push(this.#column());
    } while (this.#eatSign(','));
    this.#sign(')');
    const rest = {
      comment: '',
      lifecycle: null as number | null,
      properties: {} as { [name: string]: string },
      partitionColumns: [] as ColumnDefinition[],
    };
    for (;;) {
      if (this.#eat('comment')) rest.comment = this.#text();
      else if (this.#eat('lifecycle')) rest.lifecycle = this.#number();
      else if (this.#eat('tblproperties')) rest.properties = this.#properties();
      else if (this.#eat('stored')) this.#need('as', 'aliorc');
      else if (this.#eat('partitioned')) {
        this.#need('by');
        this.#sign('(');
        do rest.partitionColumns.push(this.#column());
        while (this.#eatSign(','));
        this.#sign(')');
      } else break;
    }
    return { kind: 'create', table, ifNotExists, columns, primaryKey, ...rest };
  }

  #column(): ColumnDefinition {
    const name = this.#name();
    const start = this.#at;
    let depth = 0;
    while (this.#at < this.#tokens.length) {
      const { value, kind } = this.#tokens[this.#at];
      if (kind === 'sign' && depth === 0 && (value === ',' || value === ')')) break;
      if (kind === 'word' && depth === 0 && this.#at > start && ['not', 'null', 'comment', 'default'].includes(value))
        break;
      if (value === '(' || value === '<') depth++;
      if (value === ')' || value === '>') depth--;
      this.#at++;
    }
    const text = this.#tokens
      .slice(start, this.#at)
      .map((token) => token.value)
      .join('');
    const type = parseType(text);
    if (type.kind === 'unknown') throw parseError(this.#tokens[start]?.at ?? this.#length, `"${text}" is not a type`);
    let nullable = true;
    let comment = '';
    for (;;) {
      if (this.#eat('not')) nullable = !this.#need('null');
      else if (this.#eat('comment')) comment = this.#text();
      else if (!this.#eat('null')) break;
    }
    return { name: name.toLowerCase(), type: typeText(type), nullable, comment };
  }

  #alter(): Statement {
    this.#need('table');
    const table = this.#table();
    if (this.#eat('add')) {
      const ifNotExists = this.#eat('if') && this.#need('not') && this.#need('exists');
      const partitions: PartitionValues[] = [];
      do partitions.push(this.#partition());
      while (this.#eatSign(',') || this.#is('partition'));
      return { kind: 'addPartition', table, ifNotExists, partitions };
    }
    if (this.#eat('drop')) {
      const ifExists = this.#eat('if') && this.#need('exists');
      return { kind: 'dropPartition', table, ifExists, partition: this.#partition() };
    }
    if (this.#eat('set')) {
      this.#need('lifecycle');
      return { kind: 'setLifecycle', table, days: this.#number() };
    }
    if (this.#eat('rename')) {
      this.#need('to');
      return { kind: 'rename', table, to: this.#table() };
    }
    throw this.#unexpected();
  }

  #insert(): Statement {
    const overwrite = this.#eat('overwrite');
    if (!overwrite) this.#need('into');
    this.#eat('table');
    const table = this.#table();
    const partition = this.#is('partition') ? this.#partition() : [];
    const columns = this.#isSign('(') ? this.#names() : null;
    return { kind: 'insert', table, overwrite, partition, columns, tokens: this.#rest() };
  }

  #partition(): PartitionValues {
    this.#need('partition');
    this.#sign('(');
    const values: PartitionValues = [];
    do {
      const name = this.#name().toLowerCase();
      this.#sign('=');
      const token = this.#next();
      if (token.kind !== 'text' && token.kind !== 'number')
        throw parseError(token.at, 'a partition value is a string or a number');
      values.push({ name, value: token.value });
    } while (this.#eatSign(','));
    this.#sign(')');
    return values;
  }

  #properties(): { [name: string]: string } {
    const found: { [name: string]: string } = {};
    this.#sign('(');
    do {
      const name = this.#text();
      this.#sign('=');
      found[name] = this.#text();
    } while (this.#eatSign(','));
    this.#sign(')');
    return found;
  }

  #names(): string[] {
    const names: string[] = [];
    this.#sign('(');
    do names.push(this.#name().toLowerCase());
    while (this.#eatSign(','));
    this.#sign(')');
    return names;
  }

  /** `t`, `project.t` or `project.schema.t`: the last part names it. */
  #table(): string {
    let name = this.#name();
    while (this.#eatSign('.')) name = this.#name();
    return name.toLowerCase();
  }

  #rest(): Token[] {
    const rest = this.#tokens.slice(this.#at);
    this.#at = this.#tokens.length;
    return rest;
  }

  #next(): Token {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw parseError(this.#length, 'the statement ends too early');
    return token;
  }

  #name(): string {
    const token = this.#next();
    if (token.kind !== 'name' && token.kind !== 'word') throw parseError(token.at, `"${token.value}" is not a name`);
    return token.value;
  }

  #text(): string {
    const token = this.#next();
    if (token.kind !== 'text') throw parseError(token.at, 'a string is needed');
    return token.value;
  }

  #number(): number {
    const token = this.#next();
    if (token.kind !== 'number') throw parseError(token.at, 'a number is needed');
    return Number(token.value);
  }

  #is(...words: string[]): boolean {
    const token = this.#tokens[this.#at];
    return token?.kind === 'word' && words.includes(token.value);
  }

  #eat(word: string): boolean {
    if (!this.#is(word)) return false;
    this.#at++;
    return true;
  }

  #need(...words: string[]): true {
    for (const word of words) if (!this.#eat(word)) throw this.#unexpected(word);
    return true;
  }

  #isSign(sign: string): boolean {
    const token = this.#tokens[this.#at];
    return token?.kind === 'sign' && token.value === sign;
  }

  #eatSign(sign: string): boolean {
    if (!this.#isSign(sign)) return false;
    this.#at++;
    return true;
  }

  #sign(sign: string): void {
    if (!this.#eatSign(sign)) throw this.#unexpected(sign);
  }

  #unexpected(wanted?: string) {
    const token = this.#tokens[this.#at];
    return parseError(
      token?.at ?? this.#length,
      `${wanted === undefined ? 'this is not supported here' : `"${wanted}" is needed`}, found "${token?.value ?? 'the end'}"`,
    );
  }
}
