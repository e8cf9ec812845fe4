import assert from 'node:assert/strict';
import type { Cell } from '../cells.ts';
import { batchOf } from '../columns.ts';
import type { Session } from '../connector.ts';
import type { Json } from '../json.ts';
import type { Lease, Load, Receipt, Target } from '../target.ts';
import type { Field, LogicalType } from '../types.ts';
import { NASTY } from './fixtures.ts';
import { calm, FREE_MS, type KitCase, refused, within } from './kit.ts';

/** What the kit needs of a system to hold its target to the laws. */
export interface TargetHarness {
  /** A session of its own, as another process would have. */
  open(): Promise<Session>;
  /** The rows of an object by a client that is not ours, as `id|value`, NULL as `id|~`, in any order; [] where there is none. */
  read(object: string): Promise<string[]>;
  /** Sockets to the system that are open now; absent where there are none to count. */
  sockets?(): number;
}

const field = (name: string, type: LogicalType): Field => ({
  name,
  type,
  native: '',
  nullable: true,
  generated: false,
});
const FIELDS = [field('id', { kind: 'int64' }), field('v', { kind: 'utf8' })];

let named = 0;
const fresh = () => ({
  object: `kit_${process.pid}_${++named}`,
  instance: `kit-${process.pid}-${Date.now()}-${named}`,
});

function loadOf(object: string, fields = FIELDS, changes: Partial<Load> = {}): Load {
  return {
    object,
    create: true,
    ddl: null,
    fields,
    keys: [],
    mode: 'APPEND',
    partition: [],
    preSql: [],
    postSql: [],
    publish: 'auto',
    options: {},
    ...changes,
  };
}

async function write(
  target: Target,
  handle: Json,
  split: number,
  lease: Lease,
  rows: Cell[][],
  fields: Field[],
): Promise<{ receipt: Receipt; dirty: number }> {
  const writer = await target.writer(handle, { split }, lease, calm());
  try {
    const dirty = (await writer.write(batchOf(fields, rows, null))) ?? [];
    return { receipt: await writer.seal(), dirty: dirty.length };
  } finally {
    await writer[Symbol.asyncDispose]();
  }
}

const rowsOf = (from: number, count: number): Cell[][] =>
  Array.from({ length: count }, (_, at) => [BigInt(from + at), `row ${from + at}`]);
const shown = (from: number, count: number) =>
  Array.from({ length: count }, (_, at) => `${from + at}|row ${from + at}`).sort();

/** The laws of a target as tests. A case that cannot hold for a system is left out by its runner, with the reason in writing. */
export function targetCases(harness: TargetHarness): KitCase[] {
  const using = async (work: (target: Target, session: Session) => Promise<void>) => {
    const session = await harness.open();
    try {
      await work(session.target!, session);
    } finally {
      await session[Symbol.asyncDispose]();
    }
  };
  const there = async (object: string) => (await harness.read(object)).sort();
  const begun = async (target: Target, load: Load, lease: Lease) => {
    const { fields } = await target.prepare(load, calm());
    const { handle } = await target.begin(load, lease, null, calm());
    return { handle, fields };
  };
  return [
    {
      law: 2,
      name: 'nothing is visible before the commit, and all of it after',
      run: () =>
        using(async (target) => {
          const { object, instance } = fresh();
          const lease = { instance, attempt: 1 };
          const { handle, fields } = await begun(target, loadOf(object), lease);
          const { receipt } = await write(target, handle, 0, lease, rowsOf(1, 50), fields);
          assert.deepEqual(await there(object), [], 'rows were visible before the commit');
          assert.equal((await target.verify(handle, [receipt], lease, calm())).ok, true, 'verify did not agree');
          assert.deepEqual(await there(object), [], 'verify made rows visible');
          await target.commit(handle, [receipt], lease, calm());
          assert.deepEqual(await there(object), shown(1, 50));
          await target.forget?.(handle, lease);
          assert.deepEqual(await there(object), shown(1, 50), 'clean-up changed what was published');
        }),
    },
    {
      law: 2,
      name: 'a writer that is disposed without a seal publishes nothing',
      run: () =>
        using(async (target) => {
          const { object, instance } = fresh();
          const lease = { instance, attempt: 1 };
          const { handle, fields } = await begun(target, loadOf(object), lease);
          const left = await target.writer(handle, { split: 0 }, lease, calm());
          await left.write(batchOf(fields, rowsOf(1, 10), null));
          await left[Symbol.asyncDispose]();
          const { receipt } = await write(target, handle, 0, lease, rowsOf(1, 10), fields);
          await target.commit(handle, [receipt], lease, calm());
          assert.deepEqual(await there(object), shown(1, 10));
        }),
    },
    {
      law: 2,
      name: 'a slot whose receipt does not come to the commit is not published',
      run: () =>
        using(async (target) => {
          const { object, instance } = fresh();
          const lease = { instance, attempt: 1 };
          const { handle, fields } = await begun(target, loadOf(object), lease);
          const { receipt } = await write(target, handle, 0, lease, rowsOf(1, 5), fields);
          await write(target, handle, 1, lease, rowsOf(100, 5), fields);
          // Refusing is right as well: then nothing at all is there.
          await target.commit(handle, [receipt], lease, calm()).catch(() => {});
          const rows = await there(object);
          assert.ok(
            rows.every((row) => !row.startsWith('10')),
            `rows of the other slot are visible: ${rows.join(', ')}`,
          );
        }),
    },
    {
      law: 3,
      name: 'begin and commit twice are once, and the outcome can be asked for',
      run: () =>
        using(async (target) => {
          const { object, instance } = fresh();
          const lease = { instance, attempt: 1 };
          const { handle, fields } = await begun(target, loadOf(object), lease);
          const { receipt } = await write(target, handle, 0, lease, rowsOf(1, 20), fields);
          assert.equal(await target.outcome(handle, lease, calm()), 'open');
          await target.commit(handle, [receipt], lease, calm());
          assert.equal(await target.outcome(handle, lease, calm()), 'committed');
          await target.commit(handle, [receipt], lease, calm());
          // Another process, which knows only what was stored.
          await using(async (other) => other.commit(handle, [receipt], lease, calm()));
          assert.deepEqual(await there(object), shown(1, 20));
        }),
    },
    {
      law: 3,
      name: 'abort twice is once, and leaves nothing visible',
      run: () =>
        using(async (target) => {
          const { object, instance } = fresh();
          const lease = { instance, attempt: 1 };
          const { handle, fields } = await begun(target, loadOf(object), lease);
          await write(target, handle, 0, lease, rowsOf(1, 5), fields);
          await target.abort(handle, lease);
          await target.abort(handle, lease);
          assert.deepEqual(await there(object), []);
        }),
    },
    {
      law: 4,
      name: 'an abort signal frees what a writer holds within five seconds',
      run: async () => {
        const before = harness.sockets?.() ?? 0;
        await using(async (target) => {
          const { object, instance } = fresh();
          const lease = { instance, attempt: 1 };
          const { handle, fields } = await begun(target, loadOf(object), lease);
          const stop = new AbortController();
          const writer = await target.writer(handle, { split: 0 }, lease, stop.signal);
          await writer.write(batchOf(fields, rowsOf(1, 5), null));
          stop.abort();
          await within(
            FREE_MS,
            'disposing of a writer after an abort',
            Promise.resolve(writer[Symbol.asyncDispose]()).catch(() => {}),
          );
        });
        if (harness.sockets === undefined) return;
        const deadline = Date.now() + FREE_MS;
        while (harness.sockets() > before && Date.now() < deadline)
          await new Promise((resolve) => setTimeout(resolve, 50));
        assert.ok(harness.sockets() <= before, `${harness.sockets() - before} sockets stayed open`);
      },
    },
    {
      law: 5,
      name: 'nasty values survive a round trip, or are dirty with a reason',
      run: () =>
        using(async (target) => {
          for (const nasty of NASTY) {
            const { object, instance } = fresh();
            const lease = { instance, attempt: 1 };
            const { handle, fields } = await begun(target, loadOf(object, [FIELDS[0], field('v', nasty.type)]), lease);
            const { receipt, dirty } = await write(target, handle, 0, lease, [[1n, nasty.value]], fields);
            assert.equal(receipt.rows + dirty, 1, `${nasty.name}: neither written nor dirty`);
            await target.commit(handle, [receipt], lease, calm());
            assert.deepEqual(await there(object), dirty > 0 ? [] : [`1|${nasty.text ?? '~'}`], nasty.name);
          }
        }),
    },
    {
      law: 7,
      name: 'what cannot be done is refused by a ConnectorError',
      run: () =>
        using(async (target, session) => {
          const { object } = fresh();
          await refused(
            'preparing a load into nothing',
            target.prepare(loadOf(object, FIELDS, { create: false }), calm()),
            'missing',
          );
          await refused('describing nothing', session.describe(object, calm()), 'missing');
          const unknown = (['UPSERT', 'MIRROR', 'ERROR_IF_NOT_EMPTY'] as const).find(
            (mode) => !target.traits.modes.includes(mode),
          );
          if (unknown !== undefined)
            await refused(
              `preparing ${unknown}`,
              target.prepare(loadOf(object, FIELDS, { mode: unknown }), calm()),
              'config',
            );
        }),
    },
    {
      law: 9,
      name: 'an attempt that was replaced can neither publish nor spoil nor abort',
      run: () =>
        using(async (zombie) => {
          const { object, instance } = fresh();
          const [first, second] = [
            { instance, attempt: 1 },
            { instance, attempt: 2 },
          ];
          const { handle, fields } = await begun(zombie, loadOf(object), first);
          const stale = await write(zombie, handle, 0, first, rowsOf(1, 5), fields);
          // Between its lease check and its commit the zombie sleeps; meanwhile it is replaced.
          await using(async (target) => {
            const later = await target.begin(loadOf(object), second, { attempt: 1, handle, dead: false }, calm());
            await refused('the commit of a replaced attempt', zombie.commit(handle, [stale.receipt], first, calm()));
            await zombie.abort(handle, first).catch(() => {});
            await write(zombie, handle, 1, first, rowsOf(100, 5), fields).catch(() => {});
            const receipt = later.resumed
              ? stale.receipt
              : (await write(target, later.handle, 0, second, rowsOf(1, 5), fields)).receipt;
            assert.deepEqual(await there(object), [], 'the replaced attempt published');
            await target.commit(later.handle, [receipt], second, calm());
            assert.deepEqual(await there(object), shown(1, 5));
          });
        }),
    },
  ];
}
