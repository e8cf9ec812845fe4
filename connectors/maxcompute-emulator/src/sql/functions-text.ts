import { type Definitions, textArgument } from './calls.ts';
import { ParseFailure } from './tokens.ts';

const text = (sql: string) => `odps_text(${sql})`;
const texts = (args: string[]) => args.map(text).join(', ');
const PATH = /^\$(\.[A-Za-z_][\w]*|\[\d+\])*$/;

/** Functions of strings. NULL in gives NULL out. */
export const TEXTS: Definitions = {
  concat: { args: [1, 1_000], sql: (args) => `(${args.map(text).join(' || ')})` },
  concat_ws: {
    args: [2, 1_000],
    sql: ([separator, ...rest]) =>
      rest.length === 1 ? `odps_join(${separator}, ${rest[0]})` : `(${rest.map(text).join(` || ${separator} || `)})`,
  },
  length: { args: [1, 1], sql: ([value]) => `CAST(length(${text(value)}) AS BIGINT)` },
  lengthb: { args: [1, 1], sql: ([value]) => `CAST(strlen(${text(value)}) AS BIGINT)` },
  lower: { args: [1, 1], sql: (args) => `lower(${texts(args)})` },
  tolower: { args: [1, 1], sql: (args) => `lower(${texts(args)})` },
  upper: { args: [1, 1], sql: (args) => `upper(${texts(args)})` },
  toupper: { args: [1, 1], sql: (args) => `upper(${texts(args)})` },
  // Blanks only, where DuckDB would take every kind of white space.
  trim: { args: [1, 2], sql: ([value, which = `' '`]) => `trim(${text(value)}, ${which})` },
  ltrim: { args: [1, 2], sql: ([value, which = `' '`]) => `ltrim(${text(value)}, ${which})` },
  rtrim: { args: [1, 2], sql: ([value, which = `' '`]) => `rtrim(${text(value)}, ${which})` },
  replace: { args: [3, 3], sql: (args) => `replace(${texts(args)})` },
  repeat: { args: [2, 2], sql: ([value, count]) => `repeat(${text(value)}, ${count})` },
  lpad: { args: [3, 3], sql: ([value, length, pad]) => `lpad(${text(value)}, CAST(${length} AS INTEGER), ${pad})` },
  rpad: { args: [3, 3], sql: ([value, length, pad]) => `rpad(${text(value)}, CAST(${length} AS INTEGER), ${pad})` },
  substr: { args: [2, 3], sql: ([value, ...rest]) => `odps_substr(${text(value)}, ${rest.join(', ')})` },
  substring: { args: [2, 3], sql: ([value, ...rest]) => `odps_substr(${text(value)}, ${rest.join(', ')})` },
  instr: { args: [2, 2], sql: (args) => `odps_instr(${texts(args)})` },
  locate: { args: [2, 2], sql: ([part, whole]) => `odps_instr(${texts([whole, part])})` },
  split: { args: [2, 2], sql: (args) => `odps_split(${texts(args)})` },
  split_part: {
    args: [3, 4],
    sql: ([value, separator, ...places]) => `odps_split_part(${text(value)}, ${separator}, ${places.join(', ')})`,
  },
  regexp_replace: { args: [3, 3], sql: (args) => `regexp_replace(${texts(args)}, 'g')` },
  regexp_extract: {
    args: [2, 3],
    sql: ([value, pattern, group = '1'], call) => {
      if (textArgument(call, 1) === '') throw new ParseFailure(call.at, 'the pattern is empty');
      return `odps_extract(${text(value)}, ${pattern}, ${group})`;
    },
  },
  regexp_substr: {
    args: [2, 2],
    sql: ([value, pattern]) =>
      `(CASE WHEN regexp_matches(${text(value)}, ${pattern}) THEN regexp_extract(${text(value)}, ${pattern}) END)`,
  },
  regexp_count: {
    args: [2, 2],
    sql: ([value, pattern]) => `CAST(len(regexp_extract_all(${text(value)}, ${pattern})) AS BIGINT)`,
  },
  get_json_object: {
    args: [2, 2],
    sql: ([value, path], call) => {
      if (!PATH.test(textArgument(call, 1)))
        throw new ParseFailure(call.at, 'the emulator knows JSON paths of names and numbers only, such as $.a.b[0]');
      return `odps_json(${text(value)}, ${path})`;
    },
  },
  md5: { args: [1, 1], sql: (args) => `md5(${texts(args)})` },
};
