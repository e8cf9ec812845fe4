import type { Batch, Publish, Writer } from '@sampan/connector';
import { describe, expect, it } from 'vitest';
import { type Change, createWorld, failing, idsTo, leaseLost, nothingNull, specOf, writerWith } from './world.ts';

/** The source fails in that split, behind its first batch. */
const breaksIn = (number: number): Change => ({
  source: (source) => ({
    async *read(split, after, signal) {
      for await (const batch of source.read(split, after, signal)) {
        yield batch;
        if (split.number === number) throw failing('data');
      }
    },
  }),
});

describe('a later attempt', () => {
  it('reads only the splits that are not sealed; every row is there once, every count whole', async () => {
    const world = createWorld(1_000);
    const spec = specOf({}, 4);
    expect(await world.attempt(spec, breaksIn(2))).toMatchObject({ end: 'failed', failure: { kind: 'data' } });
    expect([...world.kept.receipts.keys()]).toEqual([0, 1]);
    world.asked.length = 0;
    expect(await world.attempt(spec)).toEqual({ end: 'committed' });
    expect(world.asked.filter((what) => what.startsWith('read'))).toEqual(['read 2', 'read 3']);
    expect(world.published()).toEqual(idsTo(1_000));
    expect(world.kept.progress?.total).toMatchObject({ rowsRead: 1_000, rowsWritten: 1_000, rowsDirty: 0 });
    expect(world.kept.reconciled).toEqual([
      expect.objectContaining({ ok: true, sourceRows: 1_000, targetRows: 1_000 }),
    ]);
  });

  it('reads everything again where the target starts anew', async () => {
    const world = createWorld(1_000);
    const spec = specOf({}, 4);
    await world.attempt(spec, breaksIn(2));
    world.asked.length = 0;
    const anew: Change = {
      target: (target) => ({
        async begin(load, lease, previous, signal) {
          world.memory.staged.delete(lease.instance);
          return target.begin(load, lease, previous, signal);
        },
      }),
    };
    expect(await world.attempt(spec, anew)).toEqual({ end: 'committed' });
    expect(world.asked.filter((what) => what.startsWith('read')).length).toBe(4);
    expect(world.published()).toEqual(idsTo(1_000));
    expect(world.kept.progress?.total.rowsRead).toBe(1_000);
  });

  it('goes on in the middle of a split where its writer says so, with the dirty rows before it counted', async () => {
    const world = createWorld(500, (id) => id === 50 || id === 450);
    const spec = specOf({ dirtyRows: 2 });
    const strict: Change = {
      target: (target) => ({ prepare: async (load, signal) => nothingNull(await target.prepare(load, signal)) }),
    };
    await world.attempt(spec, { ...breaksIn(0), ...strict });
    expect(world.kept.dirty.length).toBe(1);
    // What the first attempt wrote is durable in this target: rows 0 to 99 but the dirty one.
    const mark = { at: 100, read: 100 };
    let given: Batch[] = [];
    const durable: Change = {
      target: (target) => ({
        ...strict.target!(target),
        async writer(...args): Promise<Writer> {
          const writer = await target.writer(...args);
          return {
            ...writer,
            resumeAfter: mark as never,
            resumedRows: 99,
            async write(batch) {
              given = [...given, batch];
              return writer.write(batch);
            },
            seal: async () => ({
              ...(await writer.seal()),
              rows: 99 + given.reduce((sum, batch) => sum + batch.rows, 0),
            }),
            [Symbol.asyncDispose]: () => writer[Symbol.asyncDispose](),
          };
        },
        // Its first 99 rows are only said to be there.
        commit: (handle, receipts, lease, signal) =>
          target.commit(
            handle,
            receipts.map((receipt) => ({ ...receipt, rows: receipt.rows - 99 })),
            lease,
            signal,
          ),
        verify: async (_, receipts) => ({ ok: true, rows: receipts[0].rows, message: '' }),
      }),
    };
    expect(await world.attempt(spec, durable)).toEqual({ end: 'committed' });
    expect(world.kept.progress?.total).toMatchObject({ rowsRead: 500, rowsWritten: 498, rowsDirty: 2 });
    expect(world.kept.dirty.map((record) => (record.record as { id: string }).id)).toEqual(['50', '450']);
    expect(world.published()[0]).toBe(100);
  });

  it('counts the rows that the target had refused just before the earlier one ended', async () => {
    const world = createWorld(300, (id) => id === 7);
    const spec = specOf({ dirtyRows: 2 });
    let mark: Batch['position'] = null;
    // It refuses row 50 of the first batch; what it took is durable, and then the process ends.
    const refusing: Change = {
      target: (target) => ({
        prepare: async (load, signal) => nothingNull(await target.prepare(load, signal)),
        ...writerWith(target, () => ({
          async write(batch) {
            mark = batch.position;
            return [{ row: 49, column: 'name', value: 'row 50', reason: 'refused' }];
          },
        })),
      }),
      store: {
        dirty: async (records) => {
          if (records[0].reason === 'refused') throw leaseLost();
          await world.store.dirty(records);
        },
      },
    };
    expect(await world.attempt(spec, refusing)).toEqual({ end: 'lost' });
    const resumed: Change = {
      target: (target) => ({
        prepare: async (load, signal) => nothingNull(await target.prepare(load, signal)),
        ...writerWith(target, (writer) => ({
          resumeAfter: mark as never,
          resumedRows: 98,
          seal: async () => ({ ...(await writer.seal()), rows: 298 }),
        })),
        verify: async (_, receipts) => ({ ok: true, rows: receipts[0].rows, message: '' }),
        commit: async () => {},
      }),
    };
    const over = structuredClone({ ...spec, options: { ...spec.options, dirtyRows: 1 } });
    expect(await world.attempt(over, resumed)).toMatchObject({ end: 'failed', failure: { code: 'DIRTY_LIMIT' } });
    world.kept.receipts.clear();
    expect(await world.attempt(spec, resumed)).toEqual({ end: 'committed' });
    expect(world.kept.progress?.total).toMatchObject({ rowsRead: 300, rowsWritten: 298, rowsDirty: 2 });
    expect(world.kept.log.map((line) => line.message)).toContain(
      'Split 0 goes on: it had 2 dirty rows until here, 1 of them are kept with their values.',
    );
  });

  it('finds the dirty rows of a batch kept, where the earlier one ended when the others had become durable', async () => {
    const world = createWorld(300, (id) => id === 7);
    const strict: Change = {
      target: (target) => ({
        prepare: async (load, signal) => nothingNull(await target.prepare(load, signal)),
        ...writerWith(target, (writer) => ({
          async write(batch) {
            await writer.write(batch);
            throw leaseLost();
          },
        })),
      }),
    };
    expect(await world.attempt(specOf({ dirtyRows: 1 }), strict)).toEqual({ end: 'lost' });
    expect(world.kept.dirty.map((record) => (record.record as { id: string }).id)).toEqual(['7']);
  });

  it('whose stored counts are not those of its receipts publishes nothing', async () => {
    const world = createWorld(1_000);
    const spec = specOf({}, 4);
    await world.attempt(spec, breaksIn(2));
    world.kept.receipts.get(1)!.counts = { ...world.kept.receipts.get(1)!.counts, rowsRead: 249, rowsWritten: 249 };
    expect(await world.attempt(spec)).toMatchObject({ end: 'failed', failure: { code: 'COUNT_MISMATCH' } });
    expect(world.published()).toEqual([]);
  });
});

describe('a lease that is lost', () => {
  it.each(['splitStarted', 'dirty', 'saveReceipt', 'savePlan', 'saveHandle', 'committing', 'phase'] as const)(
    'at %s: every writer is closed, nothing is aborted or published',
    async (method) => {
      const world = createWorld(2_000, (id) => id % 500 === 7);
      let calls = 0;
      const lost: Change = {
        target: (target) => ({ prepare: async (load, signal) => nothingNull(await target.prepare(load, signal)) }),
        store: {
          [method]: async (...args: never[]) => {
            // In the middle, where there is one.
            if (++calls === (['splitStarted', 'dirty', 'saveReceipt'].includes(method) ? 2 : 1)) throw leaseLost();
            return (world.store[method] as (...args: never[]) => Promise<never>)(...args);
          },
        },
      };
      expect(await world.attempt(specOf({ parallel: 3, dirtyRows: 100 }, 4), lost)).toEqual({ end: 'lost' });
      const count = (what: string) => world.asked.filter((one) => one.startsWith(what)).length;
      expect(count('dispose')).toBe(count('writer'));
      expect([count('abort'), count('commit')]).toEqual([0, 0]);
      expect(world.published()).toEqual([]);
    },
  );
});

/** The work, with something done before it. */
const first =
  <Args extends unknown[], Result>(before: () => void, work: (...args: Args) => Result) =>
  (...args: Args): Result => {
    before();
    return work(...args);
  };

/** Stops the run from within that call, before it does its work. */
type Place = (stop: () => void) => Change;
const places: { [name: string]: Place } = {
  'describes the source': (stop) => ({
    session: (session) => ({ describe: first(stop, session.describe) }),
  }),
  plans: (stop) => ({ source: (source) => ({ plan: first(stop, source.plan) }) }),
  'prepares the target': (stop) => ({
    target: (target) => ({ prepare: first(stop, target.prepare) }),
  }),
  'begins in the target': (stop) => ({ target: (target) => ({ begin: first(stop, target.begin) }) }),
  'opens a writer': (stop) => ({ target: (target) => ({ writer: first(stop, target.writer) }) }),
  'reads a split': (stop) => ({
    source: (source) => ({
      async *read(split, after, signal) {
        let batches = 0;
        for await (const batch of source.read(split, after, signal)) {
          // A source that ends its read without a word when it is told to stop, as the contract lets it.
          if (++batches === 2) stop();
          yield batch;
        }
      },
    }),
  }),
  'writes a batch': (stop) => ({
    target: (target) => writerWith(target, (writer) => ({ write: first(stop, writer.write) })),
  }),
  'seals a split': (stop) => ({
    target: (target) => writerWith(target, (writer) => ({ seal: first(stop, writer.seal) })),
  }),
  verifies: (stop) => ({ target: (target) => ({ verify: first(stop, target.verify) }) }),
};

describe('a run that is stopped', () => {
  it.each(Object.keys(places))(
    'while it %s ends as stopped, publishes nothing, and a later attempt goes on',
    async (place) => {
      const world = createWorld(1_000);
      const spec = specOf({ parallel: 2 }, 3);
      const stop = new AbortController();
      const change = places[place](() => stop.abort());
      expect(await world.attempt(spec, { ...change, signal: stop.signal })).toEqual({ end: 'stopped' });
      const count = (what: string) => world.asked.filter((one) => one.startsWith(what)).length;
      expect([count('commit'), count('abort')]).toEqual([0, 0]);
      expect(count('dispose')).toBe(count('writer'));
      expect(world.published()).toEqual([]);
      expect(world.kept.committing).toBe(false);
      expect(await world.attempt(spec)).toEqual({ end: 'committed' });
      expect(world.published()).toEqual(idsTo(1_000));
    },
  );

  /** A commit that is stopped in the middle, before or after it has published; it heeds its signal. */
  const stoppedCommit = (stop: AbortController, publish: Publish, published: boolean): Change => ({
    signal: stop.signal,
    target: (target) => ({
      prepare: async (load, signal) => ({ ...(await target.prepare(load, signal)), publish }),
      async commit(handle, receipts, lease, signal) {
        if (published) await target.commit(handle, receipts, lease, signal);
        setTimeout(() => stop.abort(), 20);
        return new Promise((resolve, reject) => {
          signal.addEventListener('abort', () => reject(failing('busy', 'ABORTED')));
          if (publish === 'session')
            setTimeout(() => target.commit(handle, receipts, lease, signal).then(resolve, reject), 100);
        });
      },
    }),
  });

  it('while it publishes by session is committed: that is not cut off half-way', async () => {
    const world = createWorld(10);
    expect(await world.attempt(specOf(), stoppedCommit(new AbortController(), 'session', false))).toEqual({
      end: 'committed',
    });
    expect(world.published()).toEqual(idsTo(10));
  });

  it('while it publishes by transaction ends once the target says that it is not published', async () => {
    const world = createWorld(10);
    const end = await world.attempt(specOf(), stoppedCommit(new AbortController(), 'transaction', false));
    expect(end).toEqual({ end: 'stopped', unpublished: true });
    expect(world.published()).toEqual([]);
    expect(world.asked).not.toContain('abort');
    // A later attempt that is stopped before it has asked does not publish either.
    const stop = new AbortController();
    stop.abort();
    expect(await world.attempt(specOf(), { signal: stop.signal })).toEqual({ end: 'stopped', unpublished: true });
    expect(await world.attempt(specOf())).toEqual({ end: 'committed' });
    expect(world.published()).toEqual(idsTo(10));
  });

  it('while it publishes by transaction is committed where that was done already', async () => {
    const world = createWorld(10);
    expect(await world.attempt(specOf(), stoppedCommit(new AbortController(), 'transaction', true))).toEqual({
      end: 'committed',
    });
    expect(world.published()).toEqual(idsTo(10));
  });
});
