import { Refusal } from '../refusal.ts';

export interface Token {
  kind: 'word' | 'name' | 'text' | 'number' | 'sign';
  /** Words in lower case; names and texts without their quotes, escapes resolved. */
  value: string;
  /** Offset in the statement. */
  at: number;
}

const ESCAPES: { [letter: string]: string } = { n: '\n', r: '\r', t: '\t', '0': '\0', b: '\b', Z: '\x1a' };

/** The tokens of one statement. Comments are left out. @throws Refusal with the position */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < sql.length) {
    const rest = sql.slice(at);
    const blank = /^(\s+|--[^\n]*\n?)/.exec(rest);
    if (blank !== null) {
      at += blank[0].length;
      continue;
    }
    const first = rest[0];
    if (first === "'" || first === '"') {
      const { value, length } = readText(rest, first, at);
      tokens.push({ kind: 'text', value, at });
      at += length;
      continue;
    }
    const match =
      /^(?:(`(?:[^`]|``)*`)|([A-Za-z_][A-Za-z0-9_]*)|(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)|(<>|!=|<=|>=|\|\||[-+*/%(),.;=<>]))/.exec(
        rest,
      );
    if (match === null) throw parseError(at, `unexpected "${first}"`);
    if (match[1] !== undefined) tokens.push({ kind: 'name', value: match[1].slice(1, -1).replaceAll('``', '`'), at });
    else if (match[2] !== undefined) tokens.push({ kind: 'word', value: match[2].toLowerCase(), at });
    else if (match[3] !== undefined) tokens.push({ kind: 'number', value: match[3], at });
    else tokens.push({ kind: 'sign', value: match[4], at });
    at += match[0].length;
  }
  return tokens;
}

function readText(rest: string, quote: string, offset: number): { value: string; length: number } {
  let value = '';
  for (let at = 1; at < rest.length; at++) {
    const letter = rest[at];
    if (letter === '\\') value += ESCAPES[rest[++at]] ?? rest[at] ?? '';
    else if (letter === quote) return { value, length: at + 1 };
    else value += letter;
  }
  throw parseError(offset, 'a string without an end');
}

export function parseError(at: number, what: string): Refusal {
  return new Refusal(400, 'ODPS-0130161', `ODPS-0130161:[1,${at + 1}] Parse exception - ${what}`);
}
