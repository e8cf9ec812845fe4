import { ParseFailure, type Token } from './tokens.ts';

/** Words that cannot name an alias without quotes, because a clause begins with them. */
const RESERVED = new Set(
  `select from where group having order limit union intersect except minus on using join inner left right full cross outer semi anti
  as and or not in is like rlike between case when then else end distinct all by asc desc nulls values with set insert overwrite into partition lateral rows range`.split(
    /\s+/,
  ),
);

/** Walks over the tokens of a statement. */
export class Cursor {
  readonly #tokens: readonly Token[];
  readonly #length: number;
  #at = 0;

  constructor(tokens: readonly Token[], length: number) {
    this.#tokens = tokens;
    this.#length = length;
  }

  get ended(): boolean {
    return this.#at >= this.#tokens.length;
  }

  /** The token ahead, or one further on. */
  peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#at + ahead];
  }

  get offset(): number {
    return this.peek()?.at ?? this.#length;
  }

  next(): Token {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw new ParseFailure(this.#length, 'the statement ends too early');
    return token;
  }

  is(...words: string[]): boolean {
    const token = this.peek();
    return token?.kind === 'word' && words.includes(token.value);
  }

  /** Takes these words if they come next, all of them. */
  eat(...words: string[]): boolean {
    if (!words.every((word, ahead) => this.peek(ahead)?.kind === 'word' && this.peek(ahead)?.value === word))
      return false;
    this.#at += words.length;
    return true;
  }

  need(...words: string[]): true {
    for (const word of words) if (!this.eat(word)) throw this.unexpected(word);
    return true;
  }

  isSign(sign: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token?.kind === 'sign' && token.value === sign;
  }

  eatSign(...signs: string[]): string | undefined {
    const sign = signs.find((one) => this.isSign(one));
    if (sign !== undefined) this.#at++;
    return sign;
  }

  needSign(sign: string): void {
    if (this.eatSign(sign) === undefined) throw this.unexpected(sign);
  }

  /** A name, in lower case, quoted or not. */
  name(): string {
    const token = this.next();
    if (token.kind !== 'name' && token.kind !== 'word')
      throw new ParseFailure(token.at, `"${token.value}" is not a name`);
    return token.value.toLowerCase();
  }

  /** A name that may be left out. */
  alias(): string | null {
    if (this.eat('as')) return this.name();
    const token = this.peek();
    return token?.kind === 'name' || (token?.kind === 'word' && !RESERVED.has(token.value)) ? this.name() : null;
  }

  text(): string {
    const token = this.next();
    if (token.kind !== 'text') throw new ParseFailure(token.at, `"${token.value}": a string is needed`);
    return token.value;
  }

  number(): number {
    const token = this.next();
    if (token.kind !== 'number' || !/^\d+$/.test(token.value))
      throw new ParseFailure(token.at, `"${token.value}": a whole number is needed`);
    return Number(token.value);
  }

  /** One or more, with commas between. */
  list<T>(one: () => T): T[] {
    const found = [one()];
    while (this.eatSign(',') !== undefined) found.push(one());
    return found;
  }

  inBrackets<T>(inside: () => T): T {
    this.needSign('(');
    const found = inside();
    this.needSign(')');
    return found;
  }

  unexpected(wanted?: string): ParseFailure {
    const found = this.peek()?.value ?? 'the end';
    return new ParseFailure(
      this.offset,
      wanted === undefined ? `"${found}" is not supported here` : `"${wanted}" is needed, found "${found}"`,
    );
  }
}
