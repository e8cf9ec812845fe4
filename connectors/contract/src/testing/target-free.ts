import assert from 'node:assert/strict';
import { batchOf } from '../columns.ts';
import { calm, FREE_MS, freed, type KitCase, using, within } from './kit.ts';
import { begun, fresh, holds, loadOf, rowsOf, shown, type TargetHarness, write } from './target-harness.ts';

/** Law 4: the abort signal frees what is held; what is staged is removed by `abort` and by nothing else. */
export function freeCases(harness: TargetHarness): KitCase[] {
  return [
    {
      law: 4,
      name: 'an abort signal frees what a writer holds within five seconds',
      run: async () => {
        const before = harness.sockets();
        await using(harness.open(), async ({ target }) => {
          const { object, instance } = fresh();
          const lease = { instance, attempt: 1 };
          const { handle, fields } = await begun(target!, loadOf(object), lease);
          const stop = new AbortController();
          const writer = await target!.writer(handle, { split: 0 }, lease, stop.signal);
          await writer.write(batchOf(fields, rowsOf(1, 5), null));
          stop.abort();
          const disposing = Promise.resolve(writer[Symbol.asyncDispose]()).catch(() => {});
          await within(FREE_MS, 'disposing of a writer after an abort', disposing);
        });
        await freed(harness.sockets, before);
      },
    },
    ...(['write', 'publish'] as const).map(
      (moment): KitCase => ({
        law: 4,
        name: `an abort signal ends a ${moment === 'write' ? 'write' : 'commit'} that the system does not answer within five seconds`,
        run: async () => {
          const before = harness.sockets();
          const line = await harness.line();
          try {
            await using(line.open(), async ({ target }) => {
              const { object, instance } = fresh();
              const lease = { instance, attempt: 1 };
              const run = await begun(target!, loadOf(object), lease);
              const stop = new AbortController();
              const slot = { split: 0, lease, rows: rowsOf(1, 5) };
              const receipt = moment === 'publish' ? (await write(target!, run, slot)).receipt : null;
              line.strike(moment, 'hold');
              const work =
                receipt === null
                  ? using(target!.writer(run.handle, { split: 0 }, lease, stop.signal), async (writer) => {
                      await writer.write(batchOf(run.fields, slot.rows, null));
                      await writer.seal();
                    })
                  : target!.commit(run.handle, [receipt], lease, stop.signal);
              const ended = assert.rejects(work, 'it went on after the abort');
              await within(FREE_MS, 'the request that is held', Promise.race([line.struck, ended]));
              stop.abort();
              await within(FREE_MS, 'ending after the abort', ended);
            });
            await freed(harness.sockets, before);
          } finally {
            line.release();
            await line.close();
          }
        },
      }),
    ),
    {
      law: 4,
      name: 'a session that was opened frees all it held when it is disposed of',
      run: async () => {
        const before = harness.sockets();
        await using(harness.open(), async ({ target }) => {
          const { object, instance } = fresh();
          const lease = { instance, attempt: 1 };
          const { handle } = await begun(target!, loadOf(object), lease);
          await target!.outcome(handle, lease, calm());
          await target!.abort(handle, lease);
        });
        await freed(harness.sockets, before);
      },
    },
    {
      law: 4,
      name: 'what is staged stays when its process ends, for the next attempt, and goes with the abort',
      run: () => stagedUntilAborted(harness),
    },
  ];
}

async function stagedUntilAborted(harness: TargetHarness): Promise<void> {
  const { object, instance } = fresh();
  const load = loadOf(object);
  const [first, second] = [1, 2].map((attempt) => ({ instance, attempt }));
  const before = await harness.staged();
  const { run, receipt } = await using(harness.open(), async ({ target }) => {
    const run = await begun(target!, load, first);
    return { run, ...(await write(target!, run, { split: 0, lease: first, rows: rowsOf(1, 5) })) };
  });
  await using(harness.open(), async ({ target }) => {
    const handle = JSON.parse(JSON.stringify(run.handle));
    const later = await target!.begin(load, second, { attempt: 1, handle, dead: true }, calm());
    const next = { handle: later.handle, fields: run.fields };
    const receipts = later.resumed ? [receipt] : [];
    // Anew or not, the next attempt ends with every row once.
    if (!later.resumed)
      receipts.push((await write(target!, next, { split: 0, lease: second, rows: rowsOf(1, 5) })).receipt);
    receipts.push((await write(target!, next, { split: 1, lease: second, rows: rowsOf(6, 5) })).receipt);
    await target!.commit(next.handle, receipts, second, calm());
    await target!.forget?.(next.handle, second);
    await holds(harness, object, shown(1, 10));
    assert.deepEqual(await harness.staged(), before, 'staged things were left behind by a run that is committed');
    const ended = { instance: `${instance}-ended`, attempt: 1 };
    const left = await begun(target!, load, ended);
    await write(target!, left, { split: 0, lease: ended, rows: rowsOf(100, 5) });
    await target!.abort(left.handle, ended);
    assert.deepEqual(await harness.staged(), before, 'staged things were left behind by a run that was aborted');
    await holds(harness, object, shown(1, 10));
  });
}
