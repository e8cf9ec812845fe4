import type { Read, Source } from '../source.ts';
import { calm, type KitCase, refused, using } from './kit.ts';
import { readOf, type SourceHarness } from './source-harness.ts';

/** Law 7: what a source cannot read is refused, when it is planned or at the latest when it is read. */
export function sourceRefusalCases(harness: SourceHarness): KitCase[] {
  const { object } = harness.tables.find((table) => table.kind === 'whole numbers')!;
  const law7 = (name: string, read: Read, kinds: Parameters<typeof refused>[2]): KitCase => ({
    law: 7,
    name: `${name} is refused`,
    run: () => using(harness.open(), ({ source }) => refused(name, readAll(source!, read), kinds)),
  });
  return [
    law7('an object that is not there', readOf('kit_not_there'), ['missing']),
    law7('a column that is not there', readOf(object, { columns: ['id', 'not_there'] }), ['missing']),
    law7('a condition that is none', readOf(object, { where: '((( nonsense' }), ['config', 'data']),
  ];
}

async function readAll(source: Source, read: Read): Promise<void> {
  const plan = await source.plan(read, calm());
  for (const split of plan.splits) for await (const batch of source.read(split, null, calm())) batch.release();
}
