import { type Cell, columnOf, type LogicalType } from '@sampan/connector';
import { describe, expect, it } from 'vitest';
import { KeySet, keyWords } from '../src/key-set.ts';

const INT: LogicalType = { kind: 'int64' };
const TEXT: LogicalType = { kind: 'utf8' };

const words = (types: LogicalType[], rows: Cell[][]) => {
  const columns = types.map((type, at) =>
    columnOf(
      type,
      rows.map((row) => row[at]),
    ),
  );
  const { low, high } = keyWords(columns, types, rows.length);
  return rows.map((_, row) => `${low[row]}:${high[row]}`);
};

describe('the words of a key', () => {
  it('are the same for the same key, and differ with every column, its bytes and its borders', () => {
    const keys: Cell[][] = [
      [1n, 'ab'],
      [1n, 'a'],
      [2n, 'ab'],
      [1n, ''],
      [0n, 'ab'],
      [-1n, 'ab'],
    ];
    expect(words([INT, TEXT], keys)).toEqual(words([INT, TEXT], keys));
    expect(new Set(words([INT, TEXT], keys)).size).toBe(keys.length);
    const borders: Cell[][] = [
      ['ab', 'c'],
      ['a', 'bc'],
      ['', 'abc'],
      ['abc', ''],
      ['c', 'ab'],
    ];
    expect(new Set(words([TEXT, TEXT], borders)).size).toBe(borders.length);
  });

  it('are those of the value where a decimal is written in several ways', () => {
    const type: LogicalType = { kind: 'decimal', precision: 10, scale: 3 };
    const same: Cell[][] = [['1.5'], ['1.50'], ['1.500']];
    expect(new Set(words([type], same)).size).toBe(1);
    const whole: Cell[][] = [['100'], ['100.0'], ['100.000']];
    expect(new Set(words([type], whole)).size).toBe(1);
    const others: Cell[][] = [['1.5'], ['15'], ['150'], ['1.05'], ['-1.5'], ['100'], ['1']];
    expect(new Set(words([type], others)).size).toBe(others.length);
  });

  it('collide in none of a million keys that lie side by side', () => {
    const rows = 1_000_000;
    const values = BigInt64Array.from({ length: rows }, (_, at) => BigInt(at));
    const { low, high } = keyWords([{ length: rows, values }], [INT], rows);
    const set = new KeySet();
    let again = 0;
    for (let row = 0; row < rows; row++) if (!set.add(low[row], high[row])) again++;
    expect([again, set.size]).toEqual([0, rows]);
  });
});

it('a set of keys takes another one over, or none of it', () => {
  const [one, other] = [new KeySet(), new KeySet()];
  for (let key = 1; key <= 5_000; key++) one.add(key, -key);
  for (let key = 5_001; key <= 9_000; key++) other.add(key, -key);
  expect(one.addAll(other)).toBe(true);
  expect([one.size, one.has(9_000, -9_000), one.has(9_001, -9_001)]).toEqual([9_000, true, false]);
  const third = new KeySet();
  third.add(77_777, 1);
  third.add(9_000, -9_000);
  expect(one.addAll(third)).toBe(false);
  expect([one.size, one.has(77_777, 1)]).toEqual([9_000, false]);
});
