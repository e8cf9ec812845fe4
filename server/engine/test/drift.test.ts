import type { Cell, Field } from '@sampan/connector';
import { beforeEach, describe, expect, it } from 'vitest';
import { createWorld, specOf, type World } from './world.ts';

const column = (name: string, type: Field['type'], native: string): Field => ({
  name,
  type,
  native,
  nullable: true,
  generated: false,
});
const id = column('id', { kind: 'int32' }, 'int');
const name = column('name', { kind: 'utf8' }, 'text');
const extra = column('extra', { kind: 'utf8' }, 'text');

let world: World;
const source = (fields: Field[], rows: Cell[][]) => world.memory.objects.set('from', { fields, rows });
const target = (fields: Field[], rows: Cell[][] = []) => world.memory.objects.set('to', { fields, rows });
const written = () => world.memory.objects.get('to')?.rows;
const spec = () => ({ ...specOf(), target: { ...specOf().target, mode: 'OVERWRITE' as const } });

beforeEach(() => {
  world = createWorld(0);
  target([id, name], [[9, 'old']]);
});

/** The target as its table has it: it does not follow the source. */
const fixed = (fields: Field[]) => ({
  target: () => ({
    prepare: async () => ({ ddl: null, publish: 'transaction' as const, visible: '', fields }),
  }),
});

describe('a source that was altered since the task was made', () => {
  it('an added column is left out, wherever it was put', async () => {
    source([extra, id, name], [['x', 1, 'one']]);
    expect(await world.attempt(spec(), fixed([id, name]))).toEqual({ end: 'committed' });
    expect(written()).toEqual([[1, 'one']]);
  });

  it('reordered columns are found by name, never by position', async () => {
    source([name, id], [['one', 1]]);
    expect(await world.attempt(spec(), fixed([id, name]))).toEqual({ end: 'committed' });
    expect(written()).toEqual([[1, 'one']]);
  });

  it.each([
    ['dropped', [id]],
    ['renamed', [id, { ...name, name: 'title' }]],
  ])('a mapped column that was %s fails the run; the old rows stay', async (_, fields) => {
    source(fields, [fields.map(() => 1)]);
    expect(await world.attempt(spec(), fixed([id, name]))).toMatchObject({
      end: 'failed',
      failure: { kind: 'missing', code: 'COLUMN_GONE', side: 'reader' },
    });
    expect(written()).toEqual([[9, 'old']]);
  });

  it('a column retyped into one that always fits goes on', async () => {
    source([column('id', { kind: 'int16' }, 'smallint'), name], [[7, 'seven']]);
    expect(await world.attempt(spec(), fixed([id, name]))).toEqual({ end: 'committed' });
    expect(written()).toEqual([[7, 'seven']]);
  });

  it('a column retyped into one that loses something fails the run; the old rows stay', async () => {
    source([column('id', { kind: 'decimal', precision: 10, scale: 2 }, 'decimal(10,2)'), name], [['7.50', 'seven']]);
    expect(await world.attempt(spec(), fixed([id, name]))).toMatchObject({
      end: 'failed',
      failure: { kind: 'config', code: 'LOSSY_LINK' },
    });
    expect(written()).toEqual([[9, 'old']]);
  });

  it('a column that was retyped while it is read is not taken for what it was', async () => {
    source([id, name], [[1, 'one']]);
    const wide = column('id', { kind: 'int64' }, 'bigint');
    const end = await world.attempt(spec(), {
      ...fixed([id, name]),
      source: (one) => ({
        async *read(split, after, signal) {
          source([wide, name], [[2n ** 40n, 'large']]);
          yield* one.read(split, after, signal);
        },
      }),
    });
    expect(end).toMatchObject({ end: 'failed', failure: { kind: 'data', code: 'COLUMN_CHANGED' } });
    expect(written()).toEqual([[9, 'old']]);
  });
});
