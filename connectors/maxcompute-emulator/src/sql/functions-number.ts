import type { Definitions } from './calls.ts';
import { ParseFailure } from './tokens.ts';

const same = (name: string, least: number, most = least) => ({
  [name]: { args: [least, most] as [number, number], sql: (args: string[]) => `${name}(${args.join(', ')})` },
});

/** Functions of numbers, and those that choose among values. */
export const NUMBERS: Definitions = {
  ...same('abs', 1),
  ...same('sqrt', 1),
  ...same('exp', 1),
  ...same('ln', 1),
  ...same('log2', 1),
  ...same('log10', 1),
  ...same('pow', 2),
  ...same('power', 2),
  ...same('mod', 2),
  ...same('sin', 1),
  ...same('cos', 1),
  ...same('tan', 1),
  ...same('asin', 1),
  ...same('acos', 1),
  ...same('atan', 1),
  ...same('nullif', 2),
  ...same('coalesce', 1, 1_000),
  log: { args: [2, 2], sql: (args) => `log(${args.join(', ')})` },
  nvl: { args: [2, 2], sql: (args) => `coalesce(${args.join(', ')})` },
  if: { args: [3, 3], sql: ([test, yes, no]) => `(CASE WHEN ${test} THEN ${yes} ELSE ${no} END)` },
  ceil: { args: [1, 1], sql: ([value]) => `CAST(ceil(${value}) AS BIGINT)` },
  ceiling: { args: [1, 1], sql: ([value]) => `CAST(ceil(${value}) AS BIGINT)` },
  floor: { args: [1, 1], sql: ([value]) => `CAST(floor(${value}) AS BIGINT)` },
  round: { args: [1, 2], sql: ([value, digits = '0']) => `odps_round(${value}, ${digits})` },
};

/** Functions of many rows, and of windows. */
export const AGGREGATES: Definitions = {
  ...same('sum', 1),
  ...same('avg', 1),
  ...same('min', 1),
  ...same('max', 1),
  ...same('any_value', 1),
  ...same('stddev_samp', 1),
  ...same('var_samp', 1),
  ...same('median', 1),
  ...same('max_by', 2),
  ...same('min_by', 2),
  count: {
    args: [1, 1_000],
    sql: (args, { at }) => {
      if (args.length > 1) throw new ParseFailure(at, 'the emulator counts one value only');
      return `count(${args[0]})`;
    },
  },
  count_if: { args: [1, 1], sql: ([test]) => `CAST(count_if(${test}) AS BIGINT)` },
  stddev: { args: [1, 1], sql: ([value]) => `stddev_pop(${value})` },
  stddev_pop: { args: [1, 1], sql: ([value]) => `stddev_pop(${value})` },
  variance: { args: [1, 1], sql: ([value]) => `var_pop(${value})` },
  var_pop: { args: [1, 1], sql: ([value]) => `var_pop(${value})` },
  percentile: { args: [2, 2], sql: ([value, share]) => `quantile_cont(${value}, ${share})` },
  wm_concat: { args: [2, 2], sql: ([separator, value]) => `string_agg(${value}, ${separator})` },
  ...same('row_number', 0),
  ...same('rank', 0),
  ...same('dense_rank', 0),
  ...same('percent_rank', 0),
  ...same('cume_dist', 0),
  ...same('ntile', 1),
  ...same('lag', 1, 3),
  ...same('lead', 1, 3),
  ...same('first_value', 1),
  ...same('last_value', 1),
  ...same('nth_value', 2),
};
