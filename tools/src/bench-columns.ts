import type { ColumnData } from '@sampan/maxcompute';

/** The table of the benchmarks as pyodps' side makes it (see `peers/pyodps-speed.py`): the same values. */
export const COLUMNS = [
  ['id', 'bigint'],
  ['a', 'int'],
  ['b', 'bigint'],
  ['amount', 'decimal(18,4)'],
  ['ratio', 'double'],
  ['name', 'string'],
  ['title', 'string'],
  ['created', 'datetime'],
  ['day', 'date'],
  ['flag', 'tinyint'],
  ['note', 'string'],
].map(([name, type]) => ({ name, type }));
export const BATCH = 8_192;
export const TABLE = { table: 'wide', partition: [] };

/** A batch of rows of 11 columns, about 248 bytes each. */
export function columnsOf(): ColumnData[] {
  const numbers = Array.from({ length: BATCH }, (_, n) => n);
  const text = (of: (n: number) => string | null): ColumnData => {
    const parts = numbers.map((n) => Buffer.from(of(n) ?? ''));
    const offsets = new Int32Array(BATCH + 1);
    const validity = new Uint8Array(BATCH / 8);
    parts.forEach((part, n) => {
      offsets[n + 1] = offsets[n] + part.length;
      if (of(n) !== null) validity[n >> 3] |= 1 << (n & 7);
    });
    return { length: BATCH, validity, offsets, data: Buffer.concat(parts) };
  };
  const fixed = (values: ColumnData['values']): ColumnData => ({ length: BATCH, values });
  const big = (of: (n: number) => number) => fixed(BigInt64Array.from(numbers, (n) => BigInt(of(n))));
  return [
    big((n) => n),
    fixed(Int32Array.from(numbers, (n) => ((n * 7) % 1_000_003) - 500_000)),
    big((n) => n % 4_294_967_291),
    text((n) => ((n - 20_000_000) / 10_000).toFixed(4)),
    fixed(Float64Array.from(numbers, (n) => n / 3.7)),
    text((n) => `customer ${n} Müller 你好`),
    text((n) => `${'x'.repeat(n % 40)} title ${n}`),
    big((n) => (Date.UTC(2020, 0, 1) + n * 37_000 + (n % 1_000)) * 1_000),
    fixed(Int32Array.from(numbers, (n) => 10_957 + (n % 9_000))),
    fixed(Int8Array.from(numbers, (n) => (n % 100) - 50)),
    text((n) => (n % 5 === 0 ? null : `note ${n}${'é'.repeat(n % 90)}`)),
  ];
}
