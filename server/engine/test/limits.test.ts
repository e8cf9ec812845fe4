import { describe, expect, it } from 'vitest';
import { pause } from '../src/throttle.ts';
import { type Change, createWorld, idsTo, nothingNull, specOf, writerWith } from './world.ts';

/** Rows without a name are dirty. */
const strict: Change = {
  target: (target) => ({ prepare: async (load, signal) => nothingNull(await target.prepare(load, signal)) }),
};

const dirtyOf = (rows: number, dirty: number, options: Parameters<typeof specOf>[0], splits = 1) => {
  const world = createWorld(rows, (id) => id < dirty);
  return { world, end: world.attempt(specOf(options, splits), strict) };
};

describe('the limit of dirty rows', () => {
  it.each([
    ['none allowed, none there', 100, 0, { dirtyRows: 0 }, true],
    ['none allowed, one there', 100, 1, { dirtyRows: 0 }, false],
    ['exactly as many as allowed', 250, 7, { dirtyRows: 7 }, true],
    ['one above', 250, 8, { dirtyRows: 7 }, false],
    ['all of them, without a limit', 250, 250, { dirtyRows: null }, true],
    ['exactly the share (29 of 100 at 0.29)', 100, 29, { dirtyRows: null, dirtyShare: 0.29 }, true],
    ['exactly the share (7 of 100 at 0.07)', 100, 7, { dirtyRows: null, dirtyShare: 0.07 }, true],
    ['one above the share', 100, 30, { dirtyRows: null, dirtyShare: 0.29 }, false],
    ['a share of an object without rows', 0, 0, { dirtyRows: null, dirtyShare: 0 }, true],
    ['within the share, above the rows', 100, 3, { dirtyRows: 2, dirtyShare: 0.5 }, false],
    ['within the rows, above the share', 100, 3, { dirtyRows: 5, dirtyShare: 0.01 }, false],
  ])('%s', async (_, rows, dirty, options, committed) => {
    const { world, end } = dirtyOf(rows, dirty, options, 3);
    if (committed) {
      expect(await end).toEqual({ end: 'committed' });
      expect(world.published()).toEqual(idsTo(rows).slice(dirty));
      expect(world.kept.dirty.length).toBe(dirty);
      expect(world.kept.progress?.total).toMatchObject({ rowsRead: rows, rowsWritten: rows - dirty, rowsDirty: dirty });
    } else {
      expect(await end).toMatchObject({ end: 'failed', failure: { kind: 'data', code: 'DIRTY_LIMIT' } });
      expect(world.published()).toEqual([]);
    }
  });

  it('names the first of them, with its column and reason', async () => {
    const { world, end } = dirtyOf(10, 1, {});
    expect(await end).toMatchObject({
      failure: {
        message: expect.stringMatching(
          /^1 of 10 rows are dirty, allowed are 0\. The first: column "name", value NULL: /,
        ),
      },
    });
    expect(world.kept.dirty[0]).toMatchObject({ split: 0, column: 'name', record: { id: '0', name: null } });
  });

  it('as a share stops a long run early, but not before 10,000 rows were looked at', async () => {
    const { world, end } = dirtyOf(40_000, 40_000, { dirtyRows: null, dirtyShare: 0.5 });
    expect(await end).toMatchObject({ end: 'failed', failure: { code: 'DIRTY_LIMIT' } });
    expect(world.kept.progress?.total.rowsRead).toBe(10_000);
  });

  it('keeps the values of the first 10,000 and counts the others', async () => {
    const { world, end } = dirtyOf(12_345, 12_345, { dirtyRows: null });
    expect(await end).toEqual({ end: 'committed' });
    expect(world.kept.dirty.length).toBe(10_000);
    expect(world.kept.progress?.total.rowsDirty).toBe(12_345);
  });

  it('counts rows that the target refuses like those that do not fit', async () => {
    const world = createWorld(250, (id) => id === 3);
    const refusing: Change = {
      target: (target) => ({
        ...strict.target!(target),
        ...writerWith(target, (writer) => ({
          // The second row of what arrives: its number is that of the batch without the dirty ones.
          async write(batch) {
            const [row, column] = [4, batch.columns.length - 1];
            await writer.write({ ...batch, rows: 0 });
            return [{ row, column: batch.fields[column].name, value: 'x', reason: 'refused' }];
          },
          seal: async () => ({ ...(await writer.seal()), rows: 246 }),
        })),
        verify: async () => ({ ok: true, rows: null, message: '' }),
        commit: async () => {},
      }),
    };
    expect(await world.attempt(specOf({ dirtyRows: 4 }), refusing)).toEqual({ end: 'committed' });
    const ids = world.kept.dirty.map((record) => (record.record as { id: string }).id);
    // Row 4 of the first batch as written is row 5 as read, because row 3 was taken out.
    expect(ids).toEqual(['3', '5', '104', '204']);
    expect(world.kept.progress?.total).toMatchObject({ rowsRead: 250, rowsWritten: 246, rowsDirty: 4 });
  });
});

describe('a throttled run', () => {
  it.each([
    ['rows', { rowsPerSecond: 1_000 }],
    ['bytes', { bytesPerSecond: 20_000 }],
  ])('passes no more %s a second than it may, over all its splits together', async (_, options) => {
    const world = createWorld(600);
    const began = performance.now();
    expect(await world.attempt(specOf({ ...options, parallel: 3 }, 3))).toEqual({ end: 'committed' });
    const seconds = (performance.now() - began) / 1_000;
    const { rowsRead, bytesRead } = world.kept.progress!.total;
    // The first batch goes at once; each later one waits for those before it.
    const owed = 'rowsPerSecond' in options ? (rowsRead - 100) / 1_000 : (bytesRead * (5 / 6)) / 20_000;
    expect(owed).toBeGreaterThan(0.3);
    expect(seconds).toBeGreaterThan(owed * 0.95);
    expect(seconds).toBeLessThan(owed * 1.3 + 0.5);
    const waited = world.kept.progress!.timings.reduce((sum, timing) => sum + timing.throttledMs, 0);
    expect(waited).toBeGreaterThan(300);
    expect(world.published()).toEqual(idsTo(600));
  });

  it('waits longer than a timer of Node can', async () => {
    const stop = new AbortController();
    const waiting = pause(2 ** 32, stop.signal).then(() => 'over');
    expect(await Promise.race([waiting, pause(200, stop.signal).then(() => 'waits')])).toBe('waits');
    stop.abort();
    expect(await waiting).toBe('over');
  });

  it('is stopped at once while it waits', async () => {
    const world = createWorld(1_000);
    const stop = new AbortController();
    const running = world.attempt(specOf({ rowsPerSecond: 1 }), { signal: stop.signal });
    await new Promise((resolve) => setTimeout(resolve, 200));
    const began = performance.now();
    stop.abort();
    expect(await running).toEqual({ end: 'stopped' });
    expect(performance.now() - began).toBeLessThan(500);
    expect(world.kept.receipts.size).toBe(0);
  });
});
