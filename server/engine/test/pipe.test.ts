import { describe, expect, it } from 'vitest';
import type { Progress } from '../src/run-store.ts';
import { createWorld, idsTo, specOf, writerWith } from './world.ts';

describe('a source that falls silent', () => {
  it('is let go of and read again; what came before is not doubled', async () => {
    const world = createWorld(250);
    let reads = 0;
    const end = await world.attempt(specOf({ idleMs: 200 }), {
      source: (source) => ({
        async *read(split, after, signal) {
          if (++reads > 1) return yield* source.read(split, after, signal);
          for await (const batch of source.read(split, after, signal)) {
            yield batch;
            // As a frozen socket: nothing comes any more, until it is told to stop.
            await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
          }
        },
      }),
    });
    expect(end).toEqual({ end: 'committed' });
    expect(world.kept.log[0].message).toContain('The source was silent');
    expect(world.published()).toEqual(idsTo(250));
  }, 20_000);
});

describe.concurrent('a side that lets the run wait', () => {
  it.each(['READER', 'WRITER'] as const)(
    'is named while it does (%s), and not afterwards',
    async (side) => {
      const world = createWorld(250);
      const seen: Progress['stalledOn'][] = [];
      let waited = false;
      const wait = async () => {
        if (waited) return;
        waited = true;
        await new Promise((resolve) => setTimeout(resolve, 11_500));
      };
      const end = await world.attempt(specOf({ idleMs: 60_000 }), {
        source: (source) => ({
          async *read(split, after, signal) {
            for await (const batch of source.read(split, after, signal)) {
              if (side === 'READER') await wait();
              yield batch;
            }
          },
        }),
        target: (target) =>
          writerWith(target, (writer) => ({
            async write(batch) {
              if (side === 'WRITER') await wait();
              return writer.write(batch);
            },
          })),
        store: { progress: async (progress) => void seen.push((world.kept.progress = progress).stalledOn) },
      });
      expect(end).toEqual({ end: 'committed' });
      expect(new Set(seen)).toEqual(new Set([null, side]));
      expect(seen.at(-1)).toBe(null);
    },
    30_000,
  );
});

describe('progress', () => {
  it('is told within one split, and says how many splits there are and are done', async () => {
    const world = createWorld(300);
    const seen: Progress[] = [];
    const store = { progress: async (progress: Progress) => void seen.push((world.kept.progress = progress)) };
    expect(await world.attempt(specOf({ rowsPerSecond: 250 }), { store })).toEqual({ end: 'committed' });
    expect(seen.some(({ total }) => total.rowsWritten > 0 && total.rowsWritten < 300)).toBe(true);
    expect(seen.at(-1)).toMatchObject({ splitsTotal: 1, splitsDone: 1, splits: [] });
    const more = createWorld(300);
    await more.attempt(specOf({ rowsPerSecond: 400 }, 3), {
      store: { progress: async (progress) => void seen.push(progress) },
    });
    const midway = seen.find((one) => one.splitsTotal === 3 && one.splitsDone === 1);
    expect(midway?.splits.length).toBeLessThanOrEqual(1);
  });
});

describe('a split that fails', () => {
  it('stops the others before they are whole: none of them is sealed, and a later attempt reads them', async () => {
    const world = createWorld(900);
    const spec = specOf({ parallel: 3 }, 3);
    const end = await world.attempt(spec, {
      source: (source) => ({
        async *read(split, after, signal) {
          if (split.number === 0) throw new Error('gone');
          // The others are in the middle when the first fails, and end their reads as told.
          for await (const batch of source.read(split, after, signal)) {
            yield batch;
            await new Promise((resolve) => setTimeout(resolve, 20));
            if (signal.aborted) return;
          }
        },
      }),
    });
    expect(end).toMatchObject({ end: 'failed', failure: { message: 'gone' } });
    expect(world.kept.receipts.size).toBe(0);
    expect(await world.attempt(spec)).toEqual({ end: 'committed' });
    expect(world.published()).toEqual(idsTo(900));
  });
});
