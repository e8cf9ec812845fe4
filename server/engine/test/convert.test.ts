import { batchOf, cellText, type Field, type LogicalType, verdict } from '@sampan/connector';
import { describe, expect, it } from 'vitest';
import { castBetween } from '../src/casts.ts';
import { fromText, Unfit } from '../src/convert.ts';

const decimal = (precision: number, scale: number): LogicalType => ({ kind: 'decimal', precision, scale });

describe('exact conversion', () => {
  const cases: [string, LogicalType, unknown][] = [
    ['18446744073709551615', decimal(20, 0), '18446744073709551615'],
    ['-5', decimal(10, 2), '-5.00'],
    ['0.000000000000000000000000000001', decimal(65, 30), '0.000000000000000000000000000001'],
    ['1e3', decimal(10, 1), '1000.0'],
    ['-0.00', decimal(3, 2), '0.00'],
    ['99999999999999.99', decimal(16, 2), '99999999999999.99'],
    ['9223372036854775807', { kind: 'int64' }, 9223372036854775807n],
    ['2026-02-29', { kind: 'date' }, Unfit],
    ['2024-02-29', { kind: 'date' }, 19782],
    ['0001-01-01 00:00:00', { kind: 'datetime', digits: 6 }, -62135596800000000n],
    ['9999-12-31 23:59:59.999999', { kind: 'datetime', digits: 6 }, 253402300799999999n],
    ['2026-01-01 00:00:00.1234567', { kind: 'datetime', digits: 6 }, Unfit],
    ['-838:59:59.000001', { kind: 'time', digits: 6 }, -3020399000001n],
    ['9223372036854775808', { kind: 'int64' }, Unfit],
    ['12.5', { kind: 'int32' }, Unfit],
    ['2', { kind: 'bool' }, Unfit],
    ['1000', decimal(4, 2), Unfit],
    ['abc', decimal(4, 2), Unfit],
    ['0x1f', { kind: 'float64' }, Unfit],
    ['', { kind: 'float64' }, Unfit],
    ['1e400', { kind: 'float64' }, Unfit],
    ['1e-400', { kind: 'float64' }, Unfit],
    ['NaN', { kind: 'float64' }, Number.NaN],
    ['-0', { kind: 'float64' }, -0],
    ['0.100000000000000000000000000000', { kind: 'float64' }, 0.1],
    ['-1.7976931348623157e308', { kind: 'float64' }, -Number.MAX_VALUE],
    ['5e-324', { kind: 'float64' }, Number.MIN_VALUE],
    ['1.23e-322', { kind: 'float64' }, Unfit],
    ['9007199254740992', { kind: 'float64' }, 2 ** 53],
    ['9007199254740993', { kind: 'float64' }, Unfit],
    ['12345678901234567890.123', { kind: 'float64' }, Unfit],
    ['0.5', { kind: 'float32' }, 0.5],
    ['0.1', { kind: 'float32' }, Unfit],
  ];
  for (const [text, to, wanted] of cases) {
    it(`${text} → ${to.kind}`, () => {
      if (wanted === Unfit) expect(() => fromText(text, 'utf8', to, false)).toThrow(Unfit);
      else expect(fromText(text, 'utf8', to, false)).toEqual(wanted);
    });
  }
});

describe('a loss that is to be dirty', () => {
  const cases: [LogicalType, unknown, LogicalType, string][] = [
    [{ kind: 'int64' }, 9007199254740993n, { kind: 'float64' }, 'digits would be lost'],
    [decimal(38, 3), '12345678901234567890.123', { kind: 'float64' }, 'digits would be lost'],
    [decimal(10, 3), '1.005', decimal(10, 2), 'more than 2 digits behind the point'],
    [{ kind: 'datetime', digits: 6 }, 1n, { kind: 'datetime', digits: 3 }, 'more than 3 digits behind the second'],
    [{ kind: 'datetime', digits: 0 }, 1_000_000n, { kind: 'date' }, 'a time of day would be lost'],
    [{ kind: 'timestamp', digits: 0 }, 0n, { kind: 'datetime', digits: 0 }, 'its time zone would be lost'],
    [{ kind: 'datetime', digits: 0 }, 0n, { kind: 'timestamp', digits: 0 }, 'it has no time zone'],
    [{ kind: 'date' }, 0, { kind: 'timestamp', digits: 0 }, 'it has no time zone'],
  ];
  it.each(cases)('%j %s → %j', (from, value, to, reason) => {
    const fields: Field[] = [{ name: 'c', type: from, native: '', nullable: true, generated: false }];
    const { columns } = batchOf(fields, [[value as never]]);
    const refused: string[] = [];
    expect(verdict(from, to).verdict).toBe('LOSSY');
    castBetween(from, to, false)(columns[0], 1, (_, why) => refused.push(why));
    expect(refused).toEqual([reason]);
    expect(
      cellText(
        castBetween(from, to, true)(columns[0], 1, (_, why) => refused.push(why)),
        to,
        0,
      ),
    ).not.toBeNull();
    expect(refused).toHaveLength(1);
  });
});

describe('bytes that become text', () => {
  const utf8: LogicalType = { kind: 'utf8' };
  it('keep a byte order mark in front', () => {
    expect(fromText('efbbbf41', 'binary', utf8, false)).toBe('\ufeffA');
  });

  it('are refused where they are none', () => {
    expect(() => fromText('ff', 'binary', utf8, false)).toThrow(Unfit);
  });
});

describe('every cast that the verdict allows', () => {
  const kinds: LogicalType[] = [
    { kind: 'bool' },
    { kind: 'int8' },
    { kind: 'int16' },
    { kind: 'int32' },
    { kind: 'int64' },
    { kind: 'uint64' },
    { kind: 'float32' },
    { kind: 'float64' },
    decimal(20, 4),
    decimal(65, 30),
    { kind: 'utf8' },
    { kind: 'utf8', maxChars: 3 },
    { kind: 'binary' },
    { kind: 'json' },
    { kind: 'date' },
    { kind: 'time', digits: 6 },
    { kind: 'datetime', digits: 0 },
    { kind: 'datetime', digits: 6 },
    { kind: 'timestamp', digits: 3 },
  ];
  const sample = (type: LogicalType) => {
    switch (type.kind) {
      case 'utf8':
      case 'json':
      case 'decimal':
        return type.kind === 'decimal' ? `1.${'0'.repeat(type.scale)}` : '1';
      case 'binary':
        return Buffer.from('1');
      case 'int64':
      case 'uint64':
      case 'time':
      case 'datetime':
      case 'timestamp':
        return 1_000_000n;
      default:
        return 1;
    }
  };
  for (const from of kinds) {
    for (const to of kinds) {
      const found = verdict(from, to);
      if (found.verdict === 'IMPOSSIBLE') continue;
      it(`${JSON.stringify(from)} → ${JSON.stringify(to)} is ${found.verdict}`, () => {
        const fields: Field[] = [{ name: 'c', type: from, native: '', nullable: true, generated: false }];
        const batch = batchOf(fields, [[sample(from)], [null]]);
        const refused: string[] = [];
        const column = castBetween(from, to, true)(batch.columns[0], 2, (row, reason) =>
          refused.push(`${row} ${reason}`),
        );
        expect(cellText(column, to, 1)).toBeNull();
        if (found.verdict === 'EXACT' || found.verdict === 'WIDENING') {
          expect(refused).toEqual([]);
          expect(cellText(column, to, 0)).not.toBeNull();
        }
      });
    }
  }
});
