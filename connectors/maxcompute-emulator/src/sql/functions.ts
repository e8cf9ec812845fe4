import type { Call, Definitions } from './calls.ts';
import { NESTED } from './functions-nested.ts';
import { AGGREGATES, NUMBERS } from './functions-number.ts';
import { TEXTS } from './functions-text.ts';
import { TIMES } from './functions-time.ts';
import { ParseFailure } from './tokens.ts';

const ALL: Definitions = { ...TEXTS, ...NUMBERS, ...AGGREGATES, ...TIMES, ...NESTED };

/** Those that may be called with DISTINCT. */
const DISTINCT = new Set(['count', 'sum', 'avg', 'min', 'max', 'collect_list', 'collect_set', 'wm_concat']);

/** The call as DuckDB takes it. Functions that are not known to mean the same are refused. @throws ParseFailure */
export function callSql(call: Call): string {
  const { name, at, args, distinct } = call;
  const found = Object.hasOwn(ALL, name) ? ALL[name] : undefined;
  if (found === undefined) throw new ParseFailure(at, `the emulator does not know the function ${name}`);
  if (args.length < found.args[0] || args.length > found.args[1])
    throw new ParseFailure(at, `${name} does not take ${args.length} arguments here`);
  if (!distinct) return found.sql(args, call);
  if (args.length > (name === 'wm_concat' ? 2 : 1))
    throw new ParseFailure(at, 'the emulator takes DISTINCT with one argument only');
  if (!DISTINCT.has(name)) throw new ParseFailure(at, `the emulator does not take DISTINCT in ${name}`);
  return found.sql(
    args.map((one, place) => (place === args.length - 1 ? `DISTINCT ${one}` : one)),
    call,
  );
}
