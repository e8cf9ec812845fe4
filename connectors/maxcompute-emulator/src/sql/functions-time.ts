import { literal } from '../duck.ts';
import { type Call, type Definitions, textArgument } from './calls.ts';
import { ParseFailure } from './tokens.ts';

/** Parts of a time by the names that MaxCompute has for them. */
const PARTS: { [name: string]: string } = {
  yyyy: 'year',
  year: 'year',
  mm: 'month',
  mon: 'month',
  month: 'month',
  dd: 'day',
  day: 'day',
  hh: 'hour',
  hour: 'hour',
  mi: 'minute',
  minute: 'minute',
  ss: 'second',
  second: 'second',
};
const SECONDS: { [part: string]: number } = { hour: 3_600, minute: 60, second: 1 };

/** What stands for a part of a time in a format, longest first; and what strftime has for it. */
const FORMATS = {
  /** TO_CHAR, TO_DATE. */
  oracle: { yyyy: '%Y', mm: '%m', dd: '%d', hh24: '%H', hh: '%H', mi: '%M', ss: '%S' },
  /** DATE_FORMAT: letters count as Java's do. */
  java: { yyyy: '%Y', MM: '%m', dd: '%d', HH: '%H', mm: '%M', ss: '%S' },
};

function partOf(call: Call, place: number): string {
  const text = textArgument(call, place).toLowerCase();
  const part = Object.hasOwn(PARTS, text) ? PARTS[text] : undefined;
  if (part === undefined) throw new ParseFailure(call.at, `"${text}" is not a part of a time that the emulator knows`);
  return part;
}

/** A format, as strftime takes it. Letters that stand for nothing known are refused. @throws ParseFailure */
function formatOf(call: Call, place: number, parts: { [token: string]: string }): string {
  const text = textArgument(call, place);
  const given = parts === FORMATS.oracle ? text.toLowerCase() : text;
  const tokens = Object.keys(parts).sort((a, b) => b.length - a.length);
  const sticky = new RegExp(`${tokens.join('|')}|[^A-Za-z%']`, 'y');
  let format = '';
  for (let at = 0; at < given.length; ) {
    sticky.lastIndex = at;
    const match = sticky.exec(given);
    if (match === null) throw new ParseFailure(call.at, `the emulator does not know the format "${text}"`);
    format += Object.hasOwn(parts, match[0]) ? parts[match[0]] : match[0];
    at += match[0].length;
  }
  return literal(format);
}

function add([value, count]: string[], call: Call): string {
  const part = partOf(call, 2);
  switch (part) {
    case 'year':
      return `odps_add_months(${value}, 12 * ${count})`;
    case 'month':
      return `odps_add_months(${value}, ${count})`;
    case 'day':
      return `odps_add_days(${value}, ${count})`;
    default:
      return `odps_add_seconds(${value}, ${SECONDS[part]} * CAST(${count} AS BIGINT))`;
  }
}

const partAlone = (name: string, sql = name) => ({
  [name]: {
    args: [1, 1] as [number, number],
    sql: ([value]: string[]) => `CAST(${sql}(odps_time(${value})) AS INTEGER)`,
  },
});

/** Functions of DATE, DATETIME and TIMESTAMP; strings have to be cast. */
export const TIMES: Definitions = {
  ...partAlone('year'),
  ...partAlone('quarter'),
  ...partAlone('month'),
  ...partAlone('day'),
  ...partAlone('dayofmonth', 'day'),
  ...partAlone('dayofyear'),
  ...partAlone('hour'),
  ...partAlone('minute'),
  ...partAlone('second'),
  weekday: { args: [1, 1], sql: ([value]) => `(isodow(odps_time(${value})) - 1)` },
  weekofyear: { args: [1, 1], sql: ([value]) => `weekofyear(odps_time(${value}))` },
  dateadd: { args: [3, 3], sql: add },
  date_add: { args: [2, 2], sql: ([value, days]) => `odps_add_days(odps_date(${value}), ${days})` },
  date_sub: { args: [2, 2], sql: ([value, days]) => `odps_add_days(odps_date(${value}), -(${days}))` },
  // Parts below the one asked for are cut off first: what is counted are the boundaries in between.
  datediff: {
    args: [2, 3],
    sql: ([end, start, part], call) =>
      part === undefined
        ? `CAST(date_diff('day', odps_time(${start}), odps_time(${end})) AS INTEGER)`
        : `date_diff(${literal(partOf(call, 2))}, odps_time(${start}), odps_time(${end}))`,
  },
  datepart: {
    args: [2, 2],
    sql: ([value], call) => `CAST(date_part(${literal(partOf(call, 1))}, odps_time(${value})) AS BIGINT)`,
  },
  datetrunc: { args: [2, 2], sql: ([value], call) => `odps_trunc(${value}, ${literal(partOf(call, 1))})` },
  to_char: {
    args: [2, 2],
    sql: ([value], call) => `strftime(odps_time(${value}), ${formatOf(call, 1, FORMATS.oracle)})`,
  },
  date_format: {
    args: [2, 2],
    sql: ([value], call) => `strftime(odps_time(${value}), ${formatOf(call, 1, FORMATS.java)})`,
  },
  to_date: {
    args: [1, 2],
    sql: ([value, format], call) =>
      format === undefined
        ? `CAST(${value} AS DATE)`
        : `CAST(strptime(${value}, ${formatOf(call, 1, FORMATS.oracle)}) AS TIMESTAMPTZ)`,
  },
  from_unixtime: { args: [1, 1], sql: ([seconds]) => `to_timestamp(CAST(${seconds} AS BIGINT))` },
  unix_timestamp: { args: [1, 1], sql: ([value]) => `odps_epoch(${value})` },
};
