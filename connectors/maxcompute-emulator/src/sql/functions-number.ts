import type { Definitions } from './calls.ts';
import { ParseFailure } from './tokens.ts';

const same = (name: string, least: number, most = least) => ({
  [name]: { args: [least, most] as [number, number], sql: (args: string[]) => `${name}(${args.join(', ')})` },
});

/** Those that give a DOUBLE for anything but a DECIMAL, whose digits would be lost. */
const real = (name: string, least: number, most = least, of = name) => ({
  [name]: {
    args: [least, most] as [number, number],
    sql: (args: string[]) => `${of}(${args.map(realSql).join(', ')})`,
  },
});
const realSql = (sql: string) =>
  sql.startsWith('DISTINCT ') ? `DISTINCT odps_real(${sql.slice('DISTINCT '.length)})` : `odps_real(${sql})`;

/** Functions of numbers, and those that choose among values. */
export const NUMBERS: Definitions = {
  ...same('abs', 1),
  ...real('sqrt', 1),
  ...real('exp', 1),
  ...real('ln', 1),
  ...real('log2', 1),
  ...real('log10', 1),
  ...real('pow', 2),
  ...real('power', 2),
  ...same('mod', 2),
  ...real('sin', 1),
  ...real('cos', 1),
  ...real('tan', 1),
  ...real('asin', 1),
  ...real('acos', 1),
  ...real('atan', 1),
  ...same('nullif', 2),
  ...same('coalesce', 1, 1_000),
  ...real('log', 2),
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
  ...real('avg', 1),
  ...same('min', 1),
  ...same('max', 1),
  ...same('any_value', 1),
  ...real('stddev_samp', 1),
  ...real('var_samp', 1),
  ...real('median', 1),
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
  ...real('stddev', 1, 1, 'stddev_pop'),
  ...real('stddev_pop', 1),
  ...real('variance', 1, 1, 'var_pop'),
  ...real('var_pop', 1),
  percentile: { args: [2, 2], sql: ([value, share]) => `quantile_cont(${realSql(value)}, ${share})` },
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
