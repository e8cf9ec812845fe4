import type { Cell } from '../cells.ts';
import { type LogicalType, typeText } from '../types.ts';

/** A value at the edge of its type, as a builder takes it, with the text that an exact system shows for it. */
export interface NastyValue {
  name: string;
  type: LogicalType;
  value: Cell;
  text: string | null;
}

const MICROS_A_DAY = 86_400_000_000n;
const day = (text: string) => Date.parse(`${text}T00:00:00Z`) / 86_400_000;
/** Microseconds of `2024-01-31 23:59:59.999999`. */
const moment = (text: string) => BigInt(day(text.slice(0, 10))) * MICROS_A_DAY + clock(text.slice(11));
/** Microseconds of `-838:59:59.000001`. */
function clock(text: string): bigint {
  const [, sign, hours, minutes, seconds, fraction] = /^(-?)(\d+):(\d\d):(\d\d)\.(\d{6})$/.exec(text)!;
  const micros = BigInt(hours) * 3600n + BigInt(minutes) * 60n + BigInt(seconds);
  return (sign === '-' ? -1n : 1n) * (micros * 1_000_000n + BigInt(fraction));
}

/** Values of a type, each as its name, what a builder takes, and its text where that is not what `String` gives. */
function of(type: LogicalType, values: [name: string, value: Cell, text?: string][]): NastyValue[] {
  return [
    ...values.map(([name, value, text]) => ({ name, type, value, text: text ?? String(value) })),
    { name: `NULL as ${typeText(type)}`, type, value: null, text: null },
  ];
}

const ofText = (type: LogicalType, values: [name: string, text: string][], read: (text: string) => Cell) =>
  of(
    type,
    values.map(([name, text]) => [name, read(text), type.kind === 'timestamp' ? `${text}+00:00` : text]),
  );

const bytes = (hex: string): [Cell, string] => [Buffer.from(hex, 'hex'), hex.toUpperCase()];
const ALL_BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0')).join('');

const TEXTS: [string, string][] = [
  ['empty text is not NULL', ''],
  ['the word NULL', 'NULL'],
  ['the escape for NULL', '\\N'],
  ['quotes and backslashes', `it's "a" \\ b \\' c \`d\` ''`],
  ['tabs and line ends', 'a\tb\nc\rd\r\n'],
  ['characters of four bytes', '🙂🚢𠮷'],
  ['combining characters', 'e\u0301 is not \u00e9; n\u0303'],
  ['U+FFFF and U+FFFE', 'a\uffffb\ufffec'],
  ['a byte order mark', '\ufeffx'],
  ['NUL bytes', 'a\0b\0'],
  ['control characters', '\u0001\u0002\u0003\u0008\u001a\u001b\u007f\u0085'],
  ['from right to left', '\u202eabc\u202c שלום'],
  ['blanks around', '  blank  '],
  ['long text', 'x'.repeat(100_000)],
];

const DAYS: [string, string][] = [
  ['the first day', '0001-01-01'],
  ['the last day', '9999-12-31'],
  ['the day before 1970', '1969-12-31'],
  ['a leap day', '2000-02-29'],
  ['a day that the Gregorian reform left out', '1582-10-10'],
];

const MOMENTS: [string, string][] = [
  ['the first microsecond', '0001-01-01 00:00:00.000001'],
  ['the last microsecond', '9999-12-31 23:59:59.999999'],
  ['a microsecond before 1970', '1969-12-31 23:59:59.999999'],
  ['an hour that clocks leave out', '2024-03-31 02:30:00.000000'],
  ['the last second of 32 bits', '2038-01-19 03:14:07.999999'],
];

const floats = (least: number, most: number): [string, Cell, string?][] => [
  ['the greatest', most],
  ['the least above zero', least],
  ['a tenth', most > 1e39 ? 0.1 : Math.fround(0.1)],
  ['zero below zero', -0, '-0'],
  ['no number', Number.NaN],
  ['infinity', Number.POSITIVE_INFINITY],
  ['infinity below zero', Number.NEGATIVE_INFINITY],
];

const named = (prefix: string, values: NastyValue[]) =>
  values.map((one) => (one.value === null ? one : { ...one, name: `${prefix}: ${one.name}` }));

const whole = (kind: 'int8' | 'int16' | 'int32', bits: number) =>
  of({ kind }, [
    [`the least ${kind}`, -(2 ** (bits - 1))],
    [`the greatest ${kind}`, 2 ** (bits - 1) - 1],
    [`zero as ${kind}`, 0],
  ]);

/** JSON without the blanks between its parts, which say nothing. */
export const jsonText = (text: string): string =>
  text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, quoted: string | undefined) => quoted ?? '');

/** Every one must survive a round trip, or be told as a dirty row (law 5). Names are unique. */
export const NASTY: readonly NastyValue[] = [
  ...of({ kind: 'utf8' }, TEXTS),
  ...of({ kind: 'bool' }, [
    ['true', true],
    ['false', false],
  ]),
  ...whole('int8', 8),
  ...whole('int16', 16),
  ...whole('int32', 32),
  ...of({ kind: 'int64' }, [
    ['2^63 - 1', 2n ** 63n - 1n],
    ['-2^63 + 1', -(2n ** 63n) + 1n],
    ['-2^63', -(2n ** 63n)],
    ['zero', 0n],
    ['2^53 + 1', 2n ** 53n + 1n],
  ]),
  ...of({ kind: 'uint64' }, [
    ['2^64 - 1', 2n ** 64n - 1n],
    ['2^63', 2n ** 63n],
    ['unsigned zero', 0n],
  ]),
  ...named('float32', of({ kind: 'float32' }, floats(2 ** -149, (2 - 2 ** -23) * 2 ** 127))),
  ...named('float64', of({ kind: 'float64' }, floats(Number.MIN_VALUE, Number.MAX_VALUE))),
  ...of({ kind: 'decimal', precision: 38, scale: 18 }, [
    ['many digits', '-99999999999999999999.999999999999999999'],
    ['the least digit', '0.000000000000000001'],
  ]),
  ...of({ kind: 'decimal', precision: 65, scale: 30 }, [
    ['65 digits', `-${'9'.repeat(35)}.${'9'.repeat(30)}`],
    ['the least of 30 digits', `0.${'0'.repeat(29)}1`],
    ['a decimal zero', `0.${'0'.repeat(30)}`],
  ]),
  ...of({ kind: 'binary' }, [
    ['no bytes are not NULL', ...bytes('')],
    ['every byte', ...bytes(ALL_BYTES)],
    ['bytes that are NUL', ...bytes('000100')],
    ['bytes that are no UTF-8', ...bytes('e282fffe')],
  ]),
  ...of({ kind: 'json' }, [
    ['an object', '{"a":"é🙂\\n\\"","b":[1,2.5,null,true],"c":{}}'],
    ['the JSON null is not NULL', 'null'],
    ['a JSON text', '"NULL"'],
    ['a JSON number of many digits', '{"n":123456789012345678901234567890}'],
    ['JSON numbers of 64 bits', '[-9223372036854775808,18446744073709551615,0.1,-1.5]'],
    ['a JSON key that comes twice', '{"a":1,"a":2}'],
  ]),
  ...ofText({ kind: 'date' }, DAYS, day),
  ...ofText(
    { kind: 'time', digits: 6 },
    [
      ['the longest time', '838:59:59.000000'],
      ['the longest time below zero', '-838:59:59.000000'],
      ['a microsecond below zero', '-00:00:00.000001'],
      ['more than a day', '25:00:00.000001'],
    ],
    clock,
  ),
  ...named('datetime', ofText({ kind: 'datetime', digits: 6 }, MOMENTS, moment)),
  ...named('timestamp', ofText({ kind: 'timestamp', digits: 6 }, MOMENTS, moment)),
];
