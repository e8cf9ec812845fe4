import assert from 'node:assert/strict';
import { batchOf } from '../columns.ts';
import { calm, type KitCase, pause, using } from './kit.ts';
import { begun, copy, fresh, holds, loadOf, rowsOf, shown, type TargetHarness, TEXT, write } from './target-harness.ts';

/** Law 2: nothing is visible before the commit; slots without a receipt at the commit never are; dispose never publishes. */
export function visibleCases(harness: TargetHarness): KitCase[] {
  return [
    {
      law: 2,
      name: 'nothing is visible before the commit, and all of it after',
      run: () =>
        using(harness.open(), async ({ target }) => {
          const { object, instance } = fresh();
          const lease = { instance, attempt: 1 };
          const run = await begun(target!, loadOf(object), lease);
          const { receipt } = await write(target!, run, { split: 0, lease, rows: rowsOf(1, 50) });
          await holds(harness, object, [], 'rows were visible before the commit');
          assert.equal((await target!.verify(run.handle, [receipt], lease, calm())).ok, true, 'verify did not agree');
          await holds(harness, object, [], 'verify made rows visible');
          await target!.commit(run.handle, [receipt], lease, calm());
          await holds(harness, object, shown(1, 50));
          await target!.forget?.(run.handle, lease);
          await holds(harness, object, shown(1, 50), 'clean-up changed what was published');
        }),
    },
    {
      law: 2,
      name: 'a writer that is disposed without a seal publishes nothing',
      run: () =>
        using(harness.open(), async ({ target }) => {
          const { object, instance } = fresh();
          const lease = { instance, attempt: 1 };
          const run = await begun(target!, loadOf(object), lease);
          const left = await target!.writer(run.handle, { split: 0 }, lease, calm());
          await left.write(batchOf(run.fields, rowsOf(1, 10), null));
          await left[Symbol.asyncDispose]();
          const { receipt } = await write(target!, run, { split: 0, lease, rows: rowsOf(1, 10) });
          await target!.commit(run.handle, [receipt], lease, calm());
          await holds(harness, object, shown(1, 10));
        }),
    },
    {
      law: 2,
      name: 'a slot whose receipt does not come to the commit is not published',
      run: () =>
        using(harness.open(), async ({ target }) => {
          const { object, instance } = fresh();
          const lease = { instance, attempt: 1 };
          const run = await begun(target!, loadOf(object), lease);
          const { receipt } = await write(target!, run, { split: 0, lease, rows: rowsOf(1, 5) });
          await write(target!, run, { split: 1, lease, rows: rowsOf(100, 5) });
          // Refusing is right as well: then nothing at all is there.
          const done = await target!.commit(run.handle, [receipt], lease, calm()).then(
            () => true,
            () => false,
          );
          await holds(harness, object, done ? shown(1, 5) : [], 'rows of the other slot are visible');
        }),
    },
    {
      law: 2,
      name: 'whoever looks on sees the old rows or the new ones, never both nor a part',
      run: () => using(harness.open(), ({ target }) => lookedOn(harness, target!)),
    },
    {
      law: 2,
      name: 'a run that is aborted leaves the old rows whole',
      run: () =>
        using(harness.open(), async ({ target }) => {
          const { object, instance } = fresh();
          await copy(target!, loadOf(object), `${instance}-old`, rowsOf(1, 5));
          const lease = { instance, attempt: 1 };
          const run = await begun(target!, loadOf(object, { mode: 'OVERWRITE' }), lease);
          await write(target!, run, { split: 0, lease, rows: rowsOf(100, 5) });
          await target!.abort(run.handle, lease);
          await holds(harness, object, shown(1, 5));
        }),
    },
  ];
}

async function lookedOn(harness: TargetHarness, target: Parameters<typeof copy>[0]): Promise<void> {
  const { object, instance } = fresh();
  await copy(target, loadOf(object), `${instance}-old`, rowsOf(1, 200));
  const seen = new Set<string>();
  let looking = true;
  const watcher = (async () => {
    while (looking) {
      seen.add((await harness.read(object, TEXT)).sort().join('\n'));
      await pause(2);
    }
  })();
  const lease = { instance, attempt: 1 };
  const run = await begun(target, loadOf(object, { mode: 'OVERWRITE' }), lease);
  const receipts = [];
  for (const split of [0, 1, 2])
    receipts.push((await write(target, run, { split, lease, rows: rowsOf(1_000 + split * 200, 200) })).receipt);
  await target.verify(run.handle, receipts, lease, calm());
  await target.commit(run.handle, receipts, lease, calm());
  await target.forget?.(run.handle, lease);
  looking = false;
  await watcher;
  const [before, after] = [shown(1, 200).join('\n'), shown(1_000, 600).join('\n')];
  for (const state of seen)
    assert.ok(state === before || state === after, `in between, ${state.split('\n').length} rows were seen`);
  await holds(harness, object, shown(1_000, 600));
}
