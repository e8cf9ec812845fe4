import assert from 'node:assert/strict';
import { batchOf } from '../columns.ts';
import type { Receipt } from '../target.ts';
import { calm, type KitCase, pause, refused, using, within } from './kit.ts';
import { type Begun, begun, fresh, holds, loadOf, rowsOf, shown, type TargetHarness, write } from './target-harness.ts';

/** How long a held request may take to be met, and what wakes up to end. */
const WAKE_MS = 30_000;

/** Law 9: an attempt that was replaced can neither publish nor spoil nor abort, at whatever point it was asleep. */
export function fenceCases(harness: TargetHarness): KitCase[] {
  return [
    {
      law: 9,
      name: 'an attempt that was replaced can neither publish nor spoil nor abort',
      run: () =>
        using(harness.open(), async ({ target: zombie }) => {
          const { object, instance } = fresh();
          const [first, second] = [1, 2].map((attempt) => ({ instance, attempt }));
          const run = await begun(zombie!, loadOf(object), first);
          const stale = await write(zombie!, run, { split: 0, lease: first, rows: rowsOf(1, 5) });
          await using(harness.open(), async ({ target }) => {
            const previous = { attempt: 1, handle: run.handle, dead: false };
            const later = await target!.begin(loadOf(object), second, previous, calm());
            await refused(
              'the commit of a replaced attempt',
              zombie!.commit(run.handle, [stale.receipt], first, calm()),
            );
            await zombie!.abort(run.handle, first).catch(() => {});
            await write(zombie!, run, { split: 1, lease: first, rows: rowsOf(100, 5) }).catch(() => {});
            await write(zombie!, run, { split: 0, lease: first, rows: rowsOf(200, 5) }).catch(() => {});
            const next = { handle: later.handle, fields: run.fields };
            const receipt = later.resumed
              ? stale.receipt
              : (await write(target!, next, { split: 0, lease: second, rows: rowsOf(1, 5) })).receipt;
            await holds(harness, object, [], 'the replaced attempt published');
            await target!.commit(later.handle, [receipt], second, calm());
            await holds(harness, object, shown(1, 5));
            await zombie!.commit(run.handle, [stale.receipt], first, calm()).catch(() => {});
            await zombie!.abort(run.handle, first).catch(() => {});
            await holds(harness, object, shown(1, 5), 'the replaced attempt spoilt what was published');
          });
        }),
    },
    {
      law: 9,
      name: 'a writer that slept between its lease check and its write spoils nothing when it wakes',
      run: () => sleepingWriter(harness),
    },
    {
      law: 9,
      name: 'a commit that slept between its lease check and its effect: a later attempt publishes, once',
      run: () => sleepingCommit(harness, 'the same'),
    },
    {
      law: 9,
      name: 'a commit that slept while a later attempt began anew: only the later one is published',
      run: () => sleepingCommit(harness, 'begun anew'),
    },
  ];
}

async function sleepingWriter(harness: TargetHarness): Promise<void> {
  const { object, instance } = fresh();
  const [first, second] = [1, 2].map((attempt) => ({ instance, attempt }));
  const line = await harness.line();
  try {
    await using(line.open(), async ({ target: zombie }) => {
      const run = await begun(zombie!, loadOf(object), first);
      const stale = await write(zombie!, run, { split: 0, lease: first, rows: rowsOf(1, 5) });
      line.strike('write', 'hold');
      const asleep = (async (): Promise<Receipt> =>
        using(zombie!.writer(run.handle, { split: 1 }, first, calm()), async (writer) => {
          await writer.write(batchOf(run.fields, rowsOf(900, 5), null));
          return writer.seal();
        }))().catch(() => null);
      await within(WAKE_MS, 'the held write', line.struck);
      await using(harness.open(), async ({ target }) => {
        const previous = { attempt: 1, handle: run.handle, dead: false };
        const later = await target!.begin(loadOf(object), second, previous, calm());
        const next = { handle: later.handle, fields: run.fields };
        const receipts = await writtenAgain(target!, next, later.resumed ? [stale.receipt] : [], second);
        line.release();
        const woken = await within(WAKE_MS, 'the writer that wakes', asleep);
        await target!.commit(later.handle, receipts, second, calm());
        await holds(harness, object, shown(1, 10));
        const all = woken === null ? [stale.receipt] : [stale.receipt, woken];
        await zombie!.commit(run.handle, all, first, calm()).catch(() => {});
        await zombie!.abort(run.handle, first).catch(() => {});
        await target!.forget?.(later.handle, second);
        await holds(harness, object, shown(1, 10), 'the writer that woke up spoilt what was published');
      });
    });
  } finally {
    await line.close();
  }
}

/** The slots that are not sealed yet: split 0 holds 1 to 5, split 1 holds 6 to 10. */
async function writtenAgain(
  target: Parameters<typeof write>[0],
  run: Begun,
  receipts: Receipt[],
  lease: { instance: string; attempt: number },
): Promise<Receipt[]> {
  const sealed = new Set(receipts.map(({ split }) => split));
  const all = [...receipts];
  for (const split of [0, 1])
    if (!sealed.has(split))
      all.push((await write(target, run, { split, lease, rows: rowsOf(1 + split * 5, 5) })).receipt);
  return all;
}

/**
 * Once a run is committing, a later attempt asks for, or commits, the same handle, and never begins anew (the rule for
 * targets that publish by session, whose side keeps no attempts); where the system keeps attempts, beginning anew is safe as well.
 */
async function sleepingCommit(harness: TargetHarness, how: 'the same' | 'begun anew'): Promise<void> {
  const { object, instance } = fresh();
  const [first, second] = [1, 2].map((attempt) => ({ instance, attempt }));
  const line = await harness.line();
  try {
    await using(line.open(), async ({ target: zombie }) => {
      const run = await begun(zombie!, loadOf(object), first);
      const stale = await write(zombie!, run, { split: 0, lease: first, rows: rowsOf(1, 5) });
      line.strike('publish', 'hold');
      const asleep = zombie!.commit(run.handle, [stale.receipt], first, calm()).catch(() => {});
      await within(WAKE_MS, 'the held commit', line.struck);
      await using(harness.open(), async ({ target }) => {
        const anew = how === 'begun anew' && !target!.traits.publish.includes('session');
        let next: Begun = run;
        let receipts = [stale.receipt];
        if (anew) {
          const previous = { attempt: 1, handle: run.handle, dead: false };
          const later = await target!.begin(loadOf(object), second, previous, calm());
          next = { handle: later.handle, fields: run.fields };
          receipts = await writtenAgain(target!, next, later.resumed ? receipts : [], second);
        } else assert.equal(await target!.outcome(run.handle, second, calm()), 'open');
        const rows = anew ? 10 : 5;
        await target!.commit(next.handle, receipts, second, calm());
        await holds(harness, object, shown(1, rows));
        line.release();
        await within(WAKE_MS, 'the commit that wakes', asleep);
        await holds(harness, object, shown(1, rows), 'the commit that woke up was published as well');
        assert.equal(await target!.outcome(next.handle, second, calm()), 'committed');
        await zombie!.abort(run.handle, first).catch(() => {});
        await target!.forget?.(next.handle, second);
        await pause(0);
        await holds(harness, object, shown(1, rows));
      });
    });
  } finally {
    await line.close();
  }
}
