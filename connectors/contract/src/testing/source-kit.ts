import assert from 'node:assert/strict';
import type { Batch } from '../batch.ts';
import { cellText } from '../cells.ts';
import type { Session } from '../connector.ts';
import type { Read, Source, Split } from '../source.ts';
import { calm, FREE_MS, type KitCase, within } from './kit.ts';

/** An object whose rows have a column `id`, with every id in it once. */
export interface KitTable {
  /** For people: `string keys that differ only in case`. */
  name: string;
  object: string;
  ids: string[];
  splitKey?: string;
}

export interface SourceHarness {
  open(): Promise<Session>;
  /** The tables to read: keys of every kind that the system has, no key, no rows. */
  tables: KitTable[];
  sockets?(): number;
}

/** A batch above this is no longer bounded by bytes (law 6), a single row aside. */
const MOST_BYTES = 32 * 1024 * 1024;

const readOf = (table: KitTable, splits: number): Read => ({
  object: table.object,
  columns: ['id'],
  where: null,
  splitKey: table.splitKey ?? null,
  splits,
  maxBytes: null,
  fetchSize: null,
  options: {},
});

async function gather(
  source: Source,
  split: Split,
  after: Batch['position'],
  into: string[],
  most = Number.POSITIVE_INFINITY,
): Promise<Batch['position']> {
  let position = after;
  for await (const batch of source.read(split, after, calm())) {
    assert.ok(batch.rows <= 1 || batch.bytes <= MOST_BYTES, `a batch of ${batch.bytes} bytes`);
    for (let row = 0; row < batch.rows; row++) into.push(cellText(batch.columns[0], batch.fields[0].type, row) ?? '~');
    position = batch.position;
    batch.release();
    if (into.length >= most) break;
  }
  return position;
}

/** The laws of a source as tests. */
export function sourceCases(harness: SourceHarness): KitCase[] {
  const using = async (work: (source: Source) => Promise<void>) => {
    const session = await harness.open();
    try {
      await work(session.source!);
    } finally {
      await session[Symbol.asyncDispose]();
    }
  };
  const covering = harness.tables.flatMap((table) =>
    [1, 4, 7].map(
      (splits): KitCase => ({
        law: 1,
        name: `${table.name}, ${splits} splits wanted: each row once`,
        run: () =>
          using(async (source) => {
            const plan = await source.plan(readOf(table, splits), calm());
            assert.deepEqual(
              plan.splits.map((split) => split.number),
              plan.splits.map((_, at) => at),
              'splits are numbered from 0',
            );
            const ids: string[] = [];
            // A split travels as JSON: nothing else of the plan may be needed.
            for (const split of JSON.parse(JSON.stringify(plan.splits)) as Split[])
              await gather(source, split, null, ids);
            assert.deepEqual(ids.sort(), [...table.ids].sort());
          }),
      }),
    ),
  );
  const large = [...harness.tables].sort((a, b) => b.ids.length - a.ids.length)[0];
  return [
    ...covering,
    {
      law: 1,
      name: `${large.name}: goes on behind a position, nothing twice`,
      run: () =>
        using(async (source) => {
          const [split] = (await source.plan(readOf(large, 1), calm())).splits;
          const ids: string[] = [];
          const position = await gather(source, split, null, ids, 1);
          if (position === null) return;
          await gather(source, split, JSON.parse(JSON.stringify(position)), ids);
          assert.deepEqual(ids.sort(), [...large.ids].sort());
        }),
    },
    {
      law: 4,
      name: 'an abort signal ends a read within five seconds',
      run: async () => {
        const before = harness.sockets?.() ?? 0;
        await using(async (source) => {
          const [split] = (await source.plan(readOf(large, 1), calm())).splits;
          const stop = new AbortController();
          const batches = source.read(split, null, stop.signal)[Symbol.asyncIterator]();
          await batches.next();
          stop.abort();
          await within(
            FREE_MS,
            'ending a read',
            (async () => {
              for (;;) if ((await batches.next()).done) return;
            })().catch(() => {}),
          );
        });
        if (harness.sockets === undefined) return;
        const deadline = Date.now() + FREE_MS;
        while (harness.sockets() > before && Date.now() < deadline)
          await new Promise((resolve) => setTimeout(resolve, 50));
        assert.ok(harness.sockets() <= before, `${harness.sockets() - before} sockets stayed open`);
      },
    },
  ];
}
