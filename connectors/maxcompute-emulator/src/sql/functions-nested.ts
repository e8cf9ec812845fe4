import { literal } from '../duck.ts';
import { type Definitions, textArgument } from './calls.ts';
import { ParseFailure } from './tokens.ts';

/** Of arguments that come in pairs: those at first places, and those at second ones. */
function pairs(args: string[], at: number): { first: string[]; second: string[] } {
  if (args.length % 2 === 1) throw new ParseFailure(at, 'the arguments come in pairs here');
  return { first: args.filter((_, place) => place % 2 === 0), second: args.filter((_, place) => place % 2 === 1) };
}

/** Functions of ARRAY, MAP and STRUCT. */
export const NESTED: Definitions = {
  array: { args: [0, 10_000], sql: (args) => `[${args.join(', ')}]` },
  map: {
    args: [0, 10_000],
    sql: (args, { at }) => {
      const { first, second } = pairs(args, at);
      return `map([${first.join(', ')}], [${second.join(', ')}])`;
    },
  },
  named_struct: {
    args: [2, 10_000],
    sql: (args, call) => {
      const { second } = pairs(args, call.at);
      const fields = second.map((value, place) => `${literal(textArgument(call, 2 * place).toLowerCase())}: ${value}`);
      return `{${fields.join(', ')}}`;
    },
  },
  size: { args: [1, 1], sql: ([value]) => `odps_size(${value})` },
  array_contains: { args: [2, 2], sql: ([list, value]) => `list_contains(odps_list(${list}), ${value})` },
  sort_array: { args: [1, 1], sql: ([list]) => `list_sort(odps_list(${list}), 'ASC', 'NULLS FIRST')` },
  array_max: { args: [1, 1], sql: ([list]) => `list_max(odps_list(${list}))` },
  array_min: { args: [1, 1], sql: ([list]) => `list_min(odps_list(${list}))` },
  array_join: { args: [2, 2], sql: ([list, separator]) => `odps_join(${separator}, ${list})` },
  map_keys: { args: [1, 1], sql: ([map]) => `map_keys(${map})` },
  map_values: { args: [1, 1], sql: ([map]) => `map_values(${map})` },
  // NULLs are left out of both.
  collect_list: { args: [1, 1], sql: ([value]) => collected(value, '') },
  collect_set: { args: [1, 1], sql: ([value]) => collected(value, 'DISTINCT ') },
};

/** `DISTINCT` may be written in front of the value already. */
function collected(value: string, distinct: string): string {
  const plain = value.replace(/^DISTINCT /, '');
  return `coalesce(array_agg(${value === plain ? distinct : 'DISTINCT '}${plain}) FILTER (WHERE ${plain} IS NOT NULL), [])`;
}
