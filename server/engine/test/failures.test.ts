import type { FailureKind, Outcome, Receipt } from '@sampan/connector';
import { describe, expect, it } from 'vitest';
import { type Change, createWorld, failing, idsTo, specOf, writerWith } from './world.ts';

const KINDS: FailureKind[] = ['config', 'auth', 'missing', 'data', 'bug'];

/** The first calls of that step throw; later ones work. */
function throwing(step: 'write' | 'seal' | 'verify' | 'commit', error: unknown, times: number): Change {
  let left = times;
  const maybe = () => {
    if (left-- > 0) throw error;
  };
  return {
    target: (target) => {
      if (step === 'verify' || step === 'commit') {
        const work = target[step] as (...args: unknown[]) => Promise<never>;
        return {
          [step]: async (...args: unknown[]) => {
            maybe();
            return work(...args);
          },
        };
      }
      return writerWith(target, (writer) => ({
        async write(batch) {
          if (step === 'write') maybe();
          return writer.write(batch);
        },
        async seal() {
          if (step === 'seal') maybe();
          return writer.seal();
        },
      }));
    },
  };
}

describe.each(['write', 'seal', 'verify', 'commit'] as const)('a target that throws in %s', (step) => {
  it.each(KINDS)('of the kind %s: the run fails with it, nothing is published', async (kind) => {
    const world = createWorld(300);
    const end = await world.attempt(
      specOf({ parallel: 2 }, 3),
      throwing(step, failing(kind), Number.POSITIVE_INFINITY),
    );
    expect(end).toMatchObject({ end: 'failed', failure: { kind, code: 'PUT_THERE', side: 'writer' } });
    expect(world.published()).toEqual([]);
    expect(world.asked).not.toContain('abort');
  });

  it('what is no error of the contract: the run fails as by a defect', async () => {
    const world = createWorld(300);
    const once = throwing(step, new TypeError('x is undefined'), step === 'commit' ? 1 : Number.POSITIVE_INFINITY);
    const end = await world.attempt(specOf(), once);
    // After a commit only the target knows what happened: it is asked, and says that nothing was published yet.
    if (step === 'commit') expect(end).toEqual({ end: 'committed' });
    else expect(end).toMatchObject({ end: 'failed', failure: { kind: 'bug', code: 'INTERNAL' } });
    expect(world.published()).toEqual(step === 'commit' ? idsTo(300) : []);
  });
});

describe('a target that is busy', () => {
  it.each(['write', 'seal', 'commit'] as const)('in %s is tried again, and no row is doubled', async (step) => {
    const world = createWorld(300);
    expect(await world.attempt(specOf({ parallel: 2 }, 3), throwing(step, failing('busy'), 2))).toEqual({
      end: 'committed',
    });
    expect(world.published()).toEqual(idsTo(300));
    expect(world.kept.progress?.total).toMatchObject({ rowsRead: 300, rowsWritten: 300 });
    if (step !== 'commit') expect(world.kept.log[0]).toMatchObject({ level: 'warn', fields: { code: 'PUT_THERE' } });
  });

  it('for good: the split is given up after some tries, as a failure to be retried', async () => {
    const world = createWorld(300);
    const end = await world.attempt(specOf(), throwing('seal', failing('busy'), Number.POSITIVE_INFINITY));
    expect(end).toMatchObject({ end: 'failed', failure: { kind: 'busy', side: 'writer' } });
    expect(world.asked.filter((what) => what === 'writer 0').length).toBe(5);
    expect(world.asked.filter((what) => what === 'dispose 0').length).toBe(5);
  });

  it('while it verifies: the run fails, to be retried from its sealed splits', async () => {
    const world = createWorld(300);
    const end = await world.attempt(specOf({}, 3), throwing('verify', failing('busy'), 1));
    expect(end).toMatchObject({ end: 'failed', failure: { kind: 'busy' } });
    world.asked.length = 0;
    expect(await world.attempt(specOf({}, 3))).toEqual({ end: 'committed' });
    expect(world.asked).toEqual(['commit']);
    expect(world.published()).toEqual(idsTo(300));
  });
});

describe('counts that do not agree', () => {
  const receiptOf = (change: (receipt: Receipt) => Receipt): Change => ({
    target: (target) => writerWith(target, (writer) => ({ seal: async () => change(await writer.seal()) })),
  });

  it.each([1, -1])('a receipt with %i row more than was written', async (more) => {
    const world = createWorld(300);
    const end = await world.attempt(
      specOf(),
      receiptOf((receipt) => ({ ...receipt, rows: receipt.rows + more })),
    );
    expect(end).toMatchObject({ end: 'failed', failure: { kind: 'bug', code: 'COUNT_MISMATCH' } });
    expect(world.kept.receipts.size).toBe(0);
    expect(world.published()).toEqual([]);
  });

  it.each([
    ['another number of rows', { ok: true, rows: 299, message: 'counted' }],
    ['that it is not what was written', { ok: false, rows: 300, message: 'a block is missing' }],
    ['that without a number', { ok: false, rows: null, message: 'a block is missing' }],
  ])('a target that says %s', async (_, verdict) => {
    const world = createWorld(300);
    const end = await world.attempt(specOf(), { target: () => ({ verify: async () => verdict }) });
    expect(end).toMatchObject({ end: 'failed', failure: { kind: 'data', code: 'VERIFICATION_FAILED' } });
    expect(world.kept.reconciled).toEqual([expect.objectContaining({ ok: false, sourceRows: 300 })]);
    expect(world.kept.committing).toBe(false);
    expect(world.published()).toEqual([]);
  });

  it('are compared without a reconciliation too, which then is not told', async () => {
    const world = createWorld(300);
    const lying: Change = { target: () => ({ verify: async () => ({ ok: true, rows: 1, message: '' }) }) };
    expect(await world.attempt(specOf({ reconciliation: 'OFF' }), lying)).toMatchObject({
      failure: { code: 'VERIFICATION_FAILED' },
    });
    expect(world.kept.reconciled).toEqual([]);
  });

  it('rows read that were neither written nor dirty, as an earlier attempt stored them', async () => {
    const world = createWorld(300);
    await world.attempt(specOf({}, 3), throwing('verify', failing('busy'), 1));
    const kept = world.kept.receipts.get(1)!;
    kept.counts = { ...kept.counts, rowsRead: kept.counts.rowsRead + 1 };
    expect(await world.attempt(specOf({}, 3))).toMatchObject({ end: 'failed', failure: { code: 'COUNT_MISMATCH' } });
    expect(world.published()).toEqual([]);
  });
});

describe('a commit whose answer is lost', () => {
  const lost = (before: boolean, error: unknown): Change => {
    let calls = 0;
    return {
      target: (target) => ({
        async commit(...args) {
          if (++calls > 1) return target.commit(...args);
          if (!before) await target.commit(...args);
          throw error;
        },
      }),
    };
  };

  it.each([
    ['busy', failing('busy')],
    ['a defect', new Error('socket hang up')],
    ['even a refusal', failing('data')],
  ])('after it happened (%s): the outcome is asked, and nothing is committed again', async (_, error) => {
    const world = createWorld(300);
    expect(await world.attempt(specOf(), lost(false, error))).toEqual({ end: 'committed' });
    expect(world.asked.filter((what) => what === 'commit')).toEqual(['commit']);
    expect(world.published()).toEqual(idsTo(300));
  });

  it('before it happened: it is committed then, once', async () => {
    const world = createWorld(300);
    expect(await world.attempt(specOf(), lost(true, failing('busy')))).toEqual({ end: 'committed' });
    expect(world.published()).toEqual(idsTo(300));
  });

  const told = (outcome: Outcome): Change => {
    const { target } = lost(true, failing('busy'));
    return { target: (one) => ({ ...target!(one), outcome: async () => outcome }) };
  };

  it('and a target that does not know: a person decides', async () => {
    const world = createWorld(300);
    expect(await world.attempt(specOf(), told('unknown'))).toMatchObject({ end: 'undecided', again: false });
    expect(world.asked).not.toContain('abort');
  });

  it('and nothing staged any more: the run fails, to be retried', async () => {
    const world = createWorld(300);
    expect(await world.attempt(specOf(), told('gone'))).toMatchObject({
      end: 'failed',
      failure: { kind: 'busy', code: 'STAGED_GONE', side: 'writer' },
    });
  });

  it('and an outcome that cannot be asked at first is asked again', async () => {
    const world = createWorld(300);
    let asked = 0;
    const away: Change = {
      target: (target) => ({
        ...lost(false, failing('busy')).target!(target),
        async outcome(...args) {
          if (++asked < 3) throw failing('busy');
          return target.outcome(...args);
        },
      }),
    };
    expect(await world.attempt(specOf(), away)).toEqual({ end: 'committed' });
    expect(asked).toBe(3);
    expect(world.published()).toEqual(idsTo(300));
  });
});

describe('a commit that never ends', () => {
  /** As a server that hangs: the call ends only with its signal. */
  const hanging = (before: boolean): Change => ({
    target: (target) => ({
      async commit(handle, receipts, lease, signal) {
        if (before) await target.commit(handle, receipts, lease, signal);
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('cut off'))));
      },
    }),
  });

  it('is cut off at its limit, which a later attempt has anew', async () => {
    const world = createWorld(300);
    const end = await world.attempt(specOf({ commitMs: 300 }), hanging(false));
    expect(end).toMatchObject({ end: 'undecided', again: true, message: expect.stringContaining('too long') });
    expect(world.kept.committing).toBe(true);
    expect(world.published()).toEqual([]);
    expect(await world.attempt(specOf({ commitMs: 300 }))).toEqual({ end: 'committed' });
    expect(world.published()).toEqual(idsTo(300));
  });

  it('and had published all the same is found out', async () => {
    const world = createWorld(300);
    expect(await world.attempt(specOf({ commitMs: 300 }), hanging(true))).toEqual({ end: 'committed' });
    expect(world.published()).toEqual(idsTo(300));
  });
});

describe('an attempt after the transition to COMMITTING', () => {
  it.each(['before', 'after'] as const)(
    '%s the commit only asks and commits: it reads and opens nothing',
    async (when) => {
      const world = createWorld(300);
      const stop = throwing('commit', failing('data'), 1);
      if (when === 'before') expect(await world.attempt(specOf({}, 3), stop)).toMatchObject({ end: 'failed' });
      else expect(await world.attempt(specOf({}, 3))).toEqual({ end: 'committed' });
      expect(world.kept.committing).toBe(true);
      world.asked.length = 0;
      expect(await world.attempt(specOf({}, 3))).toEqual({ end: 'committed' });
      expect(world.asked).toEqual(when === 'before' ? ['commit'] : []);
      expect(world.published()).toEqual(idsTo(300));
    },
  );
});
