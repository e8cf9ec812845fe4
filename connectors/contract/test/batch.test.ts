import { describe, expect, it } from 'vitest';
import {
  batchOf,
  type Cell,
  cellText,
  columnOf,
  compact,
  createBatchBuilder,
  type Field,
  type LogicalType,
  rows,
} from '../src/index.ts';
import { NASTY } from '../src/testing/index.ts';

const field = (name: string, type: LogicalType): Field => ({
  name,
  type,
  native: '',
  nullable: true,
  generated: false,
});

describe('columns from values', () => {
  for (const { name, type, value, text } of NASTY) {
    it(`${type.kind}: ${name}`, () => {
      expect(cellText(columnOf(type, [null, value, null]), type, 1)).toBe(text);
    });
  }

  it('never wrap an integer around', () => {
    expect(() => columnOf({ kind: 'int8' }, [128])).toThrow(RangeError);
    expect(() => columnOf({ kind: 'int32' }, [1.5])).toThrow(RangeError);
    expect(() => columnOf({ kind: 'int64' }, [2n ** 63n])).toThrow(RangeError);
    expect(() => columnOf({ kind: 'uint64' }, [-1n])).toThrow(RangeError);
    expect(() => columnOf({ kind: 'date' }, [Number.NaN])).toThrow(RangeError);
  });
});

describe('the batch builder', () => {
  const fields = [field('id', { kind: 'int64' }), field('v', { kind: 'utf8' })];

  it('gathers rows until a batch is full', () => {
    const builder = createBatchBuilder(fields, { rows: 3, bytes: 1_000 });
    builder.add([1n, 'a']);
    builder.add([2n, null]);
    expect([builder.full, builder.rows]).toEqual([false, 2]);
    builder.add([3n, '']);
    expect(builder.full).toBe(true);
    const batch = builder.take('here');
    expect(batch.position).toBe('here');
    expect([...rows(batch)]).toEqual([
      { id: 1n, v: 'a' },
      { id: 2n, v: null },
      { id: 3n, v: '' },
    ]);
    expect([builder.full, builder.rows, builder.bytes]).toEqual([false, 0, 0]);
    builder.add([4n, 'x'.repeat(1_000)]);
    expect(builder.full).toBe(true);
  });

  it('refuses a row of another width', () => {
    expect(() => createBatchBuilder(fields).add([1n])).toThrow('1 cells for 2 fields');
  });
});

describe('leaving rows out', () => {
  const KINDS: LogicalType[] = [
    { kind: 'bool' },
    { kind: 'int16' },
    { kind: 'uint64' },
    { kind: 'float64' },
    { kind: 'utf8' },
    { kind: 'time', digits: 6 },
  ];
  const value = (type: LogicalType, row: number): Cell => {
    if (row % 5 === 3) return null;
    if (type.kind === 'uint64') return 2n ** 64n - 1n - BigInt(row);
    if (type.kind === 'time') return BigInt(-row);
    if (type.kind === 'utf8') return 'é'.repeat(row % 4);
    return type.kind === 'bool' ? row % 2 : row / (type.kind === 'float64' ? 7 : 1);
  };
  const records = Array.from({ length: 100 }, (_, row) => KINDS.map((type) => value(type, row)));
  const batch = batchOf(
    KINDS.map((type) => field(type.kind, type)),
    records,
    7,
  );
  const keeps = {
    none: [],
    all: Array.from({ length: 100 }, (_, row) => row),
    'all but some': Array.from({ length: 100 }, (_, row) => row).filter((row) => row % 9 !== 4),
    'in another order': [99, 0, 1, 2, 50, 50],
  };
  for (const [name, keep] of Object.entries(keeps)) {
    it(`keeps ${name}`, () => {
      const left = compact(batch, Int32Array.from(keep));
      const wanted = batchOf(
        batch.fields,
        keep.map((row) => records[row]),
        7,
      );
      expect([...rows(left)]).toEqual([...rows(wanted)]);
      expect(left.rows).toBe(keep.length);
    });
  }

  it('numbers rare cells anew, and lets go of the batch it came from', () => {
    let released = 0;
    const rare = [3, 5].map((row) => ({ row, column: 0, text: `t${row}`, reason: 'r' }));
    const left = compact({ ...batch, rare, release: () => released++ }, Int32Array.of(1, 5));
    expect(left.rare).toEqual([{ row: 1, column: 0, text: 't5', reason: 'r' }]);
    left.release();
    expect(released).toBe(1);
  });
});
