import { describe, expect, it } from 'vitest';
import { createWorld, idsTo, specOf } from './world.ts';

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
