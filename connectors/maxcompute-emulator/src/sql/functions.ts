import { ParseFailure } from './tokens.ts';

/** Names that mean the same in both. */
const SAME = new Set(
  `count sum avg min max abs round lower upper trim ltrim rtrim coalesce nullif replace instr
  row_number rank dense_rank lag lead sign sqrt exp ln pow power mod md5 year month day hour minute second`.split(
    /\s+/,
  ),
);

/** Functions that must be written otherwise to mean what MaxCompute means; NULL in gives NULL out. */
const OTHERWISE: { [name: string]: { args: [number, number]; sql: (args: string[]) => string } } = {
  concat: { args: [1, 1_000], sql: (args) => `(${args.map((one) => `odps_text(${one})`).join(' || ')})` },
  nvl: { args: [2, 2], sql: (args) => `coalesce(${args.join(', ')})` },
  if: { args: [3, 3], sql: ([test, yes, no]) => `(CASE WHEN ${test} THEN ${yes} ELSE ${no} END)` },
  ceil: { args: [1, 1], sql: ([value]) => `CAST(ceil(${value}) AS BIGINT)` },
  floor: { args: [1, 1], sql: ([value]) => `CAST(floor(${value}) AS BIGINT)` },
  length: { args: [1, 1], sql: ([value]) => `length(odps_text(${value}))` },
  lengthb: { args: [1, 1], sql: ([value]) => `strlen(odps_text(${value}))` },
  substr: { args: [2, 3], sql: (args) => `substr(${args.join(', ')})` },
  substring: { args: [2, 3], sql: (args) => `substr(${args.join(', ')})` },
};

/** The call as DuckDB takes it. Functions that are not known to mean the same are refused. @throws ParseFailure */
export function callSql(name: string, at: number, args: string[], distinct: boolean): string {
  const other = Object.hasOwn(OTHERWISE, name) ? OTHERWISE[name] : undefined;
  if (other !== undefined) {
    if (distinct || args.length < other.args[0] || args.length > other.args[1])
      throw new ParseFailure(at, `${name} does not take these arguments`);
    return other.sql(args);
  }
  if (!SAME.has(name)) throw new ParseFailure(at, `the emulator does not know the function ${name}`);
  if (distinct && args.length > 1) throw new ParseFailure(at, `the emulator takes DISTINCT with one argument only`);
  return `${name}(${distinct ? 'DISTINCT ' : ''}${args.join(', ')})`;
}
