import assert from 'node:assert/strict';
import { cellText } from '../cells.ts';
import { calm, type KitCase, pause, using } from './kit.ts';
import { bounded, type LargeTable, MOST_BYTES, readOf, type SourceHarness } from './source-harness.ts';

/** What a table must hold, so that a source which reads ahead without end is told from one that does not. */
const LEAST_BYTES = 3 * MOST_BYTES;
const STILL_MS = 500;
const PATIENCE_MS = 20_000;

/** Law 6: batches are bounded in bytes, and a consumer that takes none stops the source at its socket. */
export function byteCases(harness: SourceHarness): KitCase[] {
  return (['many', 'wide'] as const).map(
    (kind): KitCase => ({
      law: 6,
      name: `${kind === 'many' ? 'many small rows' : 'rows of megabytes'}: batches are bounded in bytes, and a slow consumer slows the source`,
      run: () => slowly(harness, harness.large[kind]),
    }),
  );
}

async function slowly(harness: SourceHarness, table: LargeTable): Promise<void> {
  assert.ok(table.bytes >= LEAST_BYTES, `${table.object} holds ${table.bytes} bytes: too few to tell`);
  await using(harness.open(), async ({ source }) => {
    const [split] = (await source!.plan(readOf(table.object, { columns: ['id', 'v'] }), calm())).splits;
    const before = harness.taken();
    const ids = new Set<string>();
    let first = true;
    for await (const batch of source!.read(split, null, calm())) {
      bounded(batch);
      const { type } = batch.fields[0];
      for (let row = 0; row < batch.rows; row++) ids.add(cellText(batch.columns[0], type, row)!);
      if (first) {
        const taken = (await stillAt(harness)) - before;
        assert.ok(taken <= MOST_BYTES, `${taken} bytes were taken while nobody wanted more than the first batch`);
      }
      first = false;
      batch.release();
    }
    assert.equal(ids.size, table.rows);
    // Otherwise the count says nothing.
    assert.ok(harness.taken() - before >= table.bytes / 2, 'bytes that were taken are not counted');
  });
}

/** Bytes taken, once they have stopped growing. */
async function stillAt(harness: SourceHarness): Promise<number> {
  const deadline = Date.now() + PATIENCE_MS;
  for (let last = -1; ; ) {
    const now = harness.taken();
    if (now === last || Date.now() > deadline) return now;
    last = now;
    await pause(STILL_MS);
  }
}
