import { describe, expect, it } from 'vitest';
import { type Field, type LogicalType, suggestLinks, typeText, verdict } from '../src/index.ts';

const decimal = (precision: number, scale: number): LogicalType => ({ kind: 'decimal', precision, scale });

/** One type of each kind, in the order of the columns below. */
const TYPES: LogicalType[] = [
  { kind: 'bool' },
  { kind: 'int8' },
  { kind: 'int16' },
  { kind: 'int32' },
  { kind: 'int64' },
  { kind: 'uint64' },
  { kind: 'float32' },
  { kind: 'float64' },
  decimal(38, 10),
  { kind: 'utf8' },
  { kind: 'binary' },
  { kind: 'json' },
  { kind: 'date' },
  { kind: 'time', digits: 6 },
  { kind: 'datetime', digits: 6 },
  { kind: 'timestamp', digits: 6 },
];

/** A row for each type to read from: exact, widening, narrowing, lossy, or `·` for impossible. */
const MATRIX = `
  bool       E W W W W W  W W W  W · ·  · · · ·
  int8       N E W W W N  W W W  W · ·  · · · ·
  int16      N N E W W N  W W W  W · ·  · · · ·
  int32      N N N E W N  L W W  W · ·  · · · ·
  int64      N N N N E N  L L W  W · ·  · · · ·
  uint64     N N N N N E  L L W  W · ·  · · · ·
  float32    N L L L L L  E W L  W · ·  · · · ·
  float64    N L L L L L  L E L  W · ·  · · · ·
  decimal    N L L L L L  L L E  W · ·  · · · ·
  utf8       N N N N N N  L L N  E W N  N N N N
  binary     · · · · · ·  · · ·  N E ·  · · · ·
  json       · · · · · ·  · · ·  W W E  · · · ·
  date       · · · · · ·  · · ·  W · ·  E · W L
  time       · · · · · ·  · · ·  W · ·  · E · ·
  datetime   · · · · · ·  · · ·  W · ·  L · E L
  timestamp  · · · · · ·  · · ·  W · ·  L · L E
`;

describe('the verdict', () => {
  const lines = MATRIX.trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).slice(1));
  TYPES.forEach((from, row) => {
    it(`from ${typeText(from)}`, () => {
      const found = TYPES.map((to) => verdict(from, to));
      const letters = found.map(({ verdict: name }) => (name === 'IMPOSSIBLE' ? '·' : name[0]));
      expect(letters).toEqual(lines[row]);
      for (const { reason } of found) expect(reason).toMatch(/^[A-Z].*\.$/s);
    });
  });

  const cases: [LogicalType, LogicalType, string][] = [
    [{ kind: 'uint64' }, decimal(20, 0), 'WIDENING'],
    [{ kind: 'uint64' }, decimal(19, 0), 'NARROWING'],
    [{ kind: 'int64' }, decimal(21, 2), 'WIDENING'],
    [{ kind: 'int64' }, decimal(20, 2), 'NARROWING'],
    [decimal(18, 0), { kind: 'int64' }, 'WIDENING'],
    [decimal(19, 0), { kind: 'int64' }, 'NARROWING'],
    [decimal(5, 0), { kind: 'uint64' }, 'NARROWING'],
    [decimal(10, 2), decimal(12, 2), 'WIDENING'],
    [decimal(10, 2), decimal(12, 4), 'WIDENING'],
    [decimal(10, 2), decimal(12, 5), 'NARROWING'],
    [decimal(10, 2), decimal(20, 1), 'LOSSY'],
    [decimal(3, 3), { kind: 'utf8', maxChars: 6 }, 'WIDENING'],
    [decimal(3, 3), { kind: 'utf8', maxChars: 5 }, 'NARROWING'],
    [{ kind: 'utf8', maxChars: 10 }, { kind: 'utf8', maxChars: 10 }, 'EXACT'],
    [{ kind: 'utf8', maxChars: 10 }, { kind: 'utf8', maxBytes: 40 }, 'WIDENING'],
    [{ kind: 'utf8', maxChars: 10 }, { kind: 'utf8', maxBytes: 39 }, 'NARROWING'],
    [{ kind: 'utf8', maxChars: 10 }, { kind: 'utf8', maxChars: 20, maxBytes: 20 }, 'NARROWING'],
    [{ kind: 'utf8', maxBytes: 10 }, { kind: 'utf8', maxChars: 10 }, 'WIDENING'],
    [{ kind: 'utf8' }, { kind: 'utf8', maxBytes: 8 }, 'NARROWING'],
    [{ kind: 'utf8', maxChars: 2 }, { kind: 'binary', maxBytes: 7 }, 'NARROWING'],
    [{ kind: 'int32' }, { kind: 'utf8', maxChars: 11 }, 'WIDENING'],
    [{ kind: 'int32' }, { kind: 'utf8', maxChars: 10 }, 'NARROWING'],
    [{ kind: 'uint64' }, { kind: 'utf8', maxChars: 20 }, 'WIDENING'],
    [{ kind: 'date' }, { kind: 'utf8', maxBytes: 10 }, 'WIDENING'],
    [{ kind: 'datetime', digits: 0 }, { kind: 'utf8', maxChars: 19 }, 'WIDENING'],
    [{ kind: 'timestamp', digits: 3 }, { kind: 'utf8', maxChars: 28 }, 'NARROWING'],
    [{ kind: 'datetime', digits: 3 }, { kind: 'datetime', digits: 6 }, 'WIDENING'],
    [{ kind: 'datetime', digits: 6 }, { kind: 'datetime', digits: 3 }, 'LOSSY'],
  ];
  for (const [from, to, wanted] of cases) {
    it(`${JSON.stringify(from)} → ${JSON.stringify(to)} is ${wanted}`, () => {
      expect(verdict(from, to).verdict).toBe(wanted);
    });
  }
});

describe('suggested links', () => {
  const fields = (...names: string[]): Field[] =>
    names.map((name) => ({ name, type: { kind: 'utf8' }, native: '', nullable: true, generated: false }));
  const pairs = (source: string[], target: string[], rule: Parameters<typeof suggestLinks>[2]) =>
    suggestLinks(fields(...source), fields(...target), rule).links.map((link) => `${link.column}>${link.target}`);

  it('go by name, without regard to letter case', () => {
    expect(pairs(['ID', 'user_name'], ['id', 'UserName'], 'SAME_NAME')).toEqual(['ID>id']);
    expect(pairs(['ID', 'user_name'], ['id', 'UserName'], 'SAME_NAME_LOOSE')).toEqual(['ID>id', 'user_name>UserName']);
  });

  it('give a column to the one of exactly its name', () => {
    expect(pairs(['ID', 'id'], ['id'], 'SAME_NAME')).toEqual(['id>id']);
    expect(pairs(['ab'], ['a_b', 'ab'], 'SAME_NAME_LOOSE')).toEqual(['ab>ab']);
    expect(pairs(['a_b', 'ab'], ['ab', 'AB', 'a_b'], 'SAME_NAME_LOOSE')).toEqual(['ab>ab', 'a_b>a_b']);
  });

  it('go by position, and name what is left over', () => {
    const found = suggestLinks(fields('a', 'b', 'c'), fields('x', 'y'), 'SAME_POSITION');
    expect(found).toEqual({
      links: [
        { target: 'x', column: 'a', targetPosition: 1, verdict: 'EXACT', reason: 'Same type.' },
        { target: 'y', column: 'b', targetPosition: 2, verdict: 'EXACT', reason: 'Same type.' },
      ],
      unmappedSource: ['c'],
      unmappedTarget: [],
    });
    expect(suggestLinks(fields('a'), fields('a', 'b'), 'SAME_NAME')).toMatchObject({
      unmappedSource: [],
      unmappedTarget: ['b'],
    });
  });
});
