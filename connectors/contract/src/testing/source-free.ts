import type { Batch } from '../batch.ts';
import { calm, FREE_MS, freed, type KitCase, using, within } from './kit.ts';
import { readOf, type SourceHarness } from './source-harness.ts';

/** Law 4: a read that is stopped, or that nobody goes on with, frees its socket within five seconds. */
export function sourceFreeCases(harness: SourceHarness): KitCase[] {
  const stopped = (
    name: string,
    stop: (batches: AsyncIterator<Batch>, abort: () => void) => Promise<unknown>,
  ): KitCase => ({
    law: 4,
    name,
    run: async () => {
      const before = harness.sockets();
      await using(harness.open(), async ({ source }) => {
        const read = readOf(harness.large.wide.object, { columns: ['id', 'v'] });
        const [split] = (await source!.plan(read, calm())).splits;
        const ending = new AbortController();
        const batches = source!.read(split, null, ending.signal)[Symbol.asyncIterator]();
        await within(
          FREE_MS,
          'ending a read',
          stop(batches, () => ending.abort()),
        );
        await freed(harness.sockets, before);
      });
    },
  });
  const drain = async (batches: AsyncIterator<Batch>) => {
    for (;;) if ((await batches.next()).done) return;
  };
  return [
    stopped('an abort signal ends a read within five seconds', async (batches, abort) => {
      await batches.next();
      abort();
      await drain(batches).catch(() => {});
    }),
    stopped('an abort signal ends a read that waits for its next batch', async (batches, abort) => {
      await batches.next();
      const next = drain(batches).catch(() => {});
      abort();
      await next;
    }),
    stopped('a read whose consumer goes away frees what it holds', async (batches) => {
      await batches.next();
      await batches.return?.(undefined);
    }),
    stopped('a read that was told to stop before it began opens nothing', async (batches, abort) => {
      abort();
      await drain(batches).catch(() => {});
    }),
  ];
}
