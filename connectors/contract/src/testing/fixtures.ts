import type { Cell } from '../cells.ts';
import type { LogicalType } from '../types.ts';

/** A value at the edge of its type, with the text that an exact system shows for it. */
export interface NastyValue {
  name: string;
  type: LogicalType;
  value: Cell;
  text: string | null;
}

const utf8: LogicalType = { kind: 'utf8' };
const nasty = (
  name: string,
  type: LogicalType,
  value: Cell,
  text: string | null = value === null ? null : String(value),
): NastyValue => ({ name, type, value, text });

/** Every one must survive a round trip, or be told as a dirty row (law 5). */
export const NASTY: readonly NastyValue[] = [
  nasty('empty text is not NULL', utf8, ''),
  nasty('NULL', utf8, null),
  nasty('the word NULL', utf8, 'NULL'),
  nasty('the escape for NULL', utf8, '\\N'),
  nasty('quotes and backslashes', utf8, `it's "a" \\ b \\' c`),
  nasty('tabs and line ends', utf8, 'a\tb\nc\rd'),
  nasty('characters of four bytes', utf8, '🙂🚢'),
  nasty('a trailing blank', utf8, 'blank '),
  nasty('long text', utf8, 'x'.repeat(100_000)),
  nasty('2^63 - 1', { kind: 'int64' }, 2n ** 63n - 1n),
  nasty('-2^63 + 1', { kind: 'int64' }, -(2n ** 63n) + 1n),
  nasty('-2^63', { kind: 'int64' }, -(2n ** 63n)),
  nasty('zero', { kind: 'int64' }, 0n),
  nasty('2^53 + 1', { kind: 'int64' }, 2n ** 53n + 1n),
  nasty('many digits', { kind: 'decimal', precision: 38, scale: 18 }, '-99999999999999999999.999999999999999999'),
  nasty('the least digit', { kind: 'decimal', precision: 38, scale: 18 }, '0.000000000000000001'),
];
