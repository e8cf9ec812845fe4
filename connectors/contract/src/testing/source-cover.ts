import assert from 'node:assert/strict';
import type { Split } from '../source.ts';
import { calm, type KitCase, using } from './kit.ts';
import { gather, KEYS, type KitTable, readOf, type SourceHarness } from './source-harness.ts';

/** Law 1: splits cover the object exactly once, whatever its keys are. */
export function coverCases(harness: SourceHarness): KitCase[] {
  const missing = KEYS.filter((kind) => !harness.tables.some((table) => table.kind === kind));
  assert.deepEqual(missing, [], 'kinds of keys that no table has');
  const largest = [...harness.tables].sort((a, b) => b.ids.length - a.ids.length)[0];
  return [
    ...harness.tables.flatMap((table) =>
      [1, 4, 7].map(
        (splits): KitCase => ({
          law: 1,
          name: `${table.name ?? table.kind}, ${splits} splits wanted: each row once`,
          run: () => covered(harness, table, splits),
        }),
      ),
    ),
    {
      law: 1,
      name: `${largest.name ?? largest.kind}: goes on behind any position, nothing twice`,
      run: () => goneOn(harness, largest),
    },
    {
      law: 1,
      name: 'small splits, where the target wants no large ones: each row once',
      run: () => covered(harness, largest, null, 4_096),
    },
  ];
}

async function covered(
  harness: SourceHarness,
  table: KitTable,
  splits: number | null,
  maxBytes: number | null = null,
): Promise<void> {
  const { object, ids, splitKey = null } = table;
  const read = readOf(object, { splitKey, splits, maxBytes });
  const plan = await using(harness.open(), ({ source }) => source!.plan(read, calm()));
  assert.deepEqual(
    plan.splits.map((split) => split.number),
    plan.splits.map((_, at) => at),
    'splits are numbered from 0',
  );
  if (table.kind === 'no key' && (splits ?? 1) > 1 && plan.splits.length === 1)
    assert.ok(plan.warnings.length > 0, 'one split, since there is no key, and it does not say so');
  const found: string[] = [];
  // A split travels as JSON: nothing else of the plan, nor its session, may be needed; their order does not matter.
  for (const split of (JSON.parse(JSON.stringify(plan.splits)) as Split[]).reverse())
    await using(harness.open(), ({ source }) => gather(source!, split, null, found));
  assert.deepEqual(found.sort(), [...ids].sort());
}

async function goneOn(harness: SourceHarness, { object, ids }: KitTable): Promise<void> {
  await using(harness.open(), async ({ source }) => {
    const [split] = (await source!.plan(readOf(object), calm())).splits;
    const found: string[] = [];
    let position = await gather(source!, split, null, found, 1);
    while (position !== null && found.length < ids.length) {
      const before = found.length;
      position = JSON.parse(JSON.stringify(await gather(source!, split, position, found, before + 1)));
      assert.ok(found.length > before, 'a read that goes on behind a position gives no rows');
    }
    // A source without positions is read from the start; then it gives none at all.
    if (position === null) return;
    await gather(source!, split, position, found);
    assert.deepEqual(found.sort(), [...ids].sort());
  });
}
