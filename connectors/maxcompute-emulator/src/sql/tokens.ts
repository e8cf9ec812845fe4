import { Refusal } from '../refusal.ts';

export interface Token {
  kind: 'word' | 'name' | 'text' | 'number' | 'sign';
  /** Words in lower case; names and texts without their quotes, escapes resolved. */
  value: string;
  /** Of a number: `BD`, a DECIMAL, or `L`, a BIGINT. */
  suffix?: string;
  /** Offset in the statement. */
  at: number;
}

/** A statement that is not understood, and where. */
export class ParseFailure extends Error {
  readonly at: number;

  constructor(at: number, what: string) {
    super(what);
    this.at = at;
  }
}

/** The service's answer to it, with line and column. */
export function refusalOf(failure: ParseFailure, sql: string): Refusal {
  const lines = sql.slice(0, failure.at).split('\n');
  const column = lines[lines.length - 1].length + 1;
  return new Refusal(
    400,
    'ODPS-0130161',
    `ODPS-0130161:[${lines.length},${column}] Parse exception - ${failure.message}`,
  );
}

const BLANK = /(?:\s+|--[^\n]*)+/y;
const TOKEN =
  /(`(?:[^`]|``)*`)|([A-Za-z_][A-Za-z0-9_]*)|((?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(BD|L|bd|l)?(?![A-Za-z0-9_])|(<=>|<>|!=|<=|>=|==|\|\||[-+*/%(),.;=<>:[\]])/y;

/** The tokens of one statement, without comments. @throws ParseFailure */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < sql.length) {
    BLANK.lastIndex = at;
    at += BLANK.exec(sql)?.[0].length ?? 0;
    if (at >= sql.length) break;
    const first = sql[at];
    if (first === "'" || first === '"') {
      const { value, end } = readText(sql, at);
      tokens.push({ kind: 'text', value, at });
      at = end;
      continue;
    }
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(sql);
    if (match === null) throw new ParseFailure(at, `unexpected "${first}"`);
    tokens.push(tokenOf(match, at));
    at += match[0].length;
  }
  return tokens;
}

function tokenOf([, name, word, number, suffix, sign]: RegExpExecArray, at: number): Token {
  if (name !== undefined) return { kind: 'name', value: name.slice(1, -1).replaceAll('``', '`'), at };
  if (word !== undefined) return { kind: 'word', value: word.toLowerCase(), at };
  if (number !== undefined) return { kind: 'number', value: number, at, suffix: suffix?.toUpperCase() ?? '' };
  return { kind: 'sign', value: sign, at };
}

const ESCAPES: { [letter: string]: string } = { n: '\n', r: '\r', t: '\t', b: '\b', '0': '\0', Z: '\x1a' };

function readText(sql: string, from: number): { value: string; end: number } {
  const quote = sql[from];
  let value = '';
  for (let at = from + 1; at < sql.length; at++) {
    const letter = sql[at];
    if (letter === '\\') {
      at++;
      // What is escaped for LIKE keeps its backslash until LIKE reads it.
      value += ESCAPES[sql[at]] ?? (sql[at] === '%' || sql[at] === '_' ? `\\${sql[at]}` : (sql[at] ?? ''));
    } else if (letter === quote) return { value, end: at + 1 };
    else value += letter;
  }
  throw new ParseFailure(from, 'a string without an end');
}
