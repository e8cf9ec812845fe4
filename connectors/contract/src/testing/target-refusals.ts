import { batchOf } from '../columns.ts';
import { calm, type KitCase, refused, using } from './kit.ts';
import { begun, FIELDS, field, fresh, loadOf, rowsOf, type TargetHarness, TEXT, write } from './target-harness.ts';

const PUBLISH = ['swap', 'transaction', 'stepped', 'session'] as const;

/** Law 7: whatever a target refuses, it refuses by an error of the contract. */
export function targetRefusalCases(harness: TargetHarness): KitCase[] {
  const law7 = (name: string, run: (parts: Parts) => Promise<void>): KitCase => ({
    law: 7,
    name,
    run: () =>
      using(harness.open(), async ({ target }) => {
        const { object, instance } = fresh();
        await run({ target: target!, object, lease: { instance, attempt: 1 } });
      }),
  });
  return [
    law7('a load into an object that is not there is refused', ({ target, object }) =>
      refused('the load', target.prepare(loadOf(object, { create: false }), calm()), ['missing']),
    ),
    law7('modes and ways of publishing that are not there are refused', async ({ target, object }) => {
      for (const mode of ['APPEND', 'OVERWRITE', 'UPSERT', 'MIRROR', 'ERROR_IF_NOT_EMPTY'] as const)
        if (!target.traits.modes.includes(mode))
          await refused(mode, target.prepare(loadOf(object, { mode }), calm()), ['config']);
      for (const publish of PUBLISH)
        if (!target.traits.publish.includes(publish))
          await refused(publish, target.prepare(loadOf(object, { publish }), calm()), ['config']);
    }),
    law7('a mapping to no column, or to one column twice, is refused', async ({ target, object }) => {
      await refused('no column', target.prepare(loadOf(object, { fields: [] }), calm()), ['config']);
      const twice = [...FIELDS, field('v', TEXT)];
      await refused('a column twice', target.prepare(loadOf(object, { fields: twice }), calm()), ['config']);
    }),
    law7('a handle that is not one is refused', async ({ target, lease }) => {
      for (const handle of [null, 7, {}, { version: 99, columns: 'none' }]) {
        await refused('a writer', target.writer(handle, { split: 0 }, lease, calm()));
        await refused('a commit', target.commit(handle, [], lease, calm()));
      }
    }),
    law7('receipts of slots that were never sealed are refused', async ({ target, object, lease }) => {
      const run = await begun(target, loadOf(object), lease);
      const { receipt } = await write(target, run, { split: 0, lease, rows: rowsOf(1, 3) });
      const made = { ...receipt, split: 7 };
      await refused('the commit', target.commit(run.handle, [receipt, made], lease, calm()));
      const more = { ...receipt, rows: 4 };
      await refused('the commit of more rows', target.commit(run.handle, [more], lease, calm()));
      await target.abort(run.handle, lease);
    }),
    law7('a run that was aborted takes nothing more', async ({ target, object, lease }) => {
      const run = await begun(target, loadOf(object), lease);
      const { receipt } = await write(target, run, { split: 0, lease, rows: rowsOf(1, 3) });
      if (target.traits.publish.includes('session')) return; // Sessions know no abort; nobody commits them.
      await target.abort(run.handle, lease);
      await refused('the commit', target.commit(run.handle, [receipt], lease, calm()));
      await refused(
        'a writer',
        using(target.writer(run.handle, { split: 1 }, lease, calm()), (writer) =>
          writer.write(batchOf(run.fields, rowsOf(1, 1), null)),
        ),
      );
    }),
  ];
}

interface Parts {
  target: NonNullable<Awaited<ReturnType<TargetHarness['open']>>['target']>;
  object: string;
  lease: { instance: string; attempt: number };
}
