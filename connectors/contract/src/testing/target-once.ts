import assert from 'node:assert/strict';
import { calm, type KitCase, using } from './kit.ts';
import type { Fate } from './line.ts';
import { begun, copy, fresh, holds, loadOf, rowsOf, shown, type TargetHarness, write } from './target-harness.ts';

/** Law 3: begin, commit, abort twice are once; a commit that was cut off can be asked about and finished. */
export function onceCases(harness: TargetHarness): KitCase[] {
  return [
    {
      law: 3,
      name: 'begin and commit twice are once, and the outcome can be asked for',
      run: () =>
        using(harness.open(), async ({ target }) => {
          const { object, instance } = fresh();
          const lease = { instance, attempt: 1 };
          await begun(target!, loadOf(object), lease);
          const run = await begun(target!, loadOf(object), lease);
          const { receipt } = await write(target!, run, { split: 0, lease, rows: rowsOf(1, 20) });
          assert.equal(await target!.outcome(run.handle, lease, calm()), 'open');
          await target!.commit(run.handle, [receipt], lease, calm());
          assert.equal(await target!.outcome(run.handle, lease, calm()), 'committed');
          await target!.commit(run.handle, [receipt], lease, calm());
          // Another process, which knows only what was stored.
          const handle = JSON.parse(JSON.stringify(run.handle));
          await using(harness.open(), ({ target: other }) => other!.commit(handle, [receipt], lease, calm()));
          await holds(harness, object, shown(1, 20));
          await target!.forget?.(run.handle, lease);
          await target!.forget?.(run.handle, lease);
          await holds(harness, object, shown(1, 20), 'clean-up twice changed what was published');
        }),
    },
    {
      law: 3,
      name: 'abort twice is once, and leaves nothing visible',
      run: () =>
        using(harness.open(), async ({ target }) => {
          const { object, instance } = fresh();
          const lease = { instance, attempt: 1 };
          const run = await begun(target!, loadOf(object), lease);
          await write(target!, run, { split: 0, lease, rows: rowsOf(1, 5) });
          await target!.abort(run.handle, lease);
          await target!.abort(run.handle, lease);
          await holds(harness, object, []);
        }),
    },
    ...(['lose request', 'lose answer'] as const).flatMap((fate) =>
      [1, 2].map(
        (attempt): KitCase => ({
          law: 3,
          name: `a commit ${fate === 'lose answer' ? 'whose answer was lost' : 'that was lost on its way'} is found out and finished once, by ${attempt === 1 ? 'the same' : 'a later'} attempt`,
          run: () => cutOff(harness, fate, attempt),
        }),
      ),
    ),
  ];
}

/** The line goes dead in the middle of the commit; another process asks what became of it, and finishes it. */
async function cutOff(harness: TargetHarness, fate: Fate, attempt: number): Promise<void> {
  const { object, instance } = fresh();
  await using(harness.open(), ({ target }) => copy(target!, loadOf(object), `${instance}-old`, rowsOf(500, 3)));
  const line = await harness.line();
  try {
    const { run, receipt } = await using(line.open(), async ({ target }) => {
      const lease = { instance, attempt: 1 };
      const run = await begun(target!, loadOf(object), lease);
      const { receipt } = await write(target!, run, { split: 0, lease, rows: rowsOf(1, 20) });
      line.strike('publish', fate);
      await assert.rejects(
        target!.commit(run.handle, [receipt], lease, calm()),
        `${fate}: the commit went on over a dead line`,
      );
      await line.struck;
      return { run, receipt };
    });
    const handle = JSON.parse(JSON.stringify(run.handle));
    const lease = { instance, attempt };
    await using(harness.open(), async ({ target }) => {
      const expected = fate === 'lose answer' ? 'committed' : 'open';
      assert.equal(await target!.outcome(handle, lease, calm()), expected, 'what became of the commit');
      await target!.commit(handle, [receipt], lease, calm());
      assert.equal(await target!.outcome(handle, lease, calm()), 'committed');
      await target!.commit(handle, [receipt], lease, calm());
      await target!.forget?.(handle, lease);
    });
    await holds(harness, object, [...shown(1, 20), ...shown(500, 3)]);
  } finally {
    await line.close();
  }
}
