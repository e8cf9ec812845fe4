import type { Failure } from '@sampan/connector';
import type { HostEnd } from '@sampan/hosts/messages';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { endAttempt } from '../src/endings.ts';
import { resolveCommit, stopInstances } from '../src/instance-actions.ts';
import { bringOnline, takeOffline } from '../src/lifecycle.ts';
import { planDue } from '../src/planner.ts';
import { reapLeases } from '../src/reaper.ts';
import { versionOf } from '../src/run-specs.ts';
import { createRunStore } from '../src/run-store.ts';
import type { ScheduleInput } from '../src/schedules.ts';
import { claimAs, type Instance, iso, LEASE_SECONDS, openWorld, type TaskChanges, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world?.close());
beforeEach(async () => {
  await world.control.db.execute(sql`update tasks set state = 'OFFLINE', next_due = null`);
  await world.control.db.execute(
    sql`update instances set state = 'CANCELLED' where state in ('WAITING', 'QUEUED', 'RUNNING')`,
  );
  await world.setClock('2026-03-01T00:30:00Z');
});

const failure = (code: string, kind: Failure['kind'] = 'busy'): HostEnd => ({
  end: 'failed',
  failure: { kind, code, message: code, hint: null, retryAfterMs: null, side: null },
});

/** Its process ended without a word. */
const died = (code = 'HOST_DIED', kind: Failure['kind'] = 'busy'): HostEnd => ({
  end: 'died',
  failure: { kind, code, message: code, hint: null, retryAfterMs: null, side: null },
});

async function running(schedule: Partial<ScheduleInput> = {}, changes: TaskChanges = {}): Promise<Instance> {
  await world.setClock('2026-03-01T00:30:00Z');
  const task = await world.task({ period: 'HOUR', every: 1, ...schedule }, changes);
  await world.setClock('2026-03-01T01:00:00Z');
  await planDue(world.control);
  const claimed = await claimAs(world.control, 'w');
  return claimed.find((one) => one.taskId === task.id)!;
}

const stored = (instance: Instance) => createRunStore(world.control, instance, 'w', LEASE_SECONDS);

async function end(instance: Instance, how: HostEnd, stopTo: Instance['stopTo'] = null): Promise<Instance> {
  const definition = await versionOf(world.control, instance);
  const asked = { stopTo, stopReason: stopTo && 'because', stopBy: stopTo && 'scheduler' };
  await endAttempt(world.control, { instance, definition, worker: 'w', ...asked }, how);
  return world.instance(instance.id);
}

/** The next attempt, whenever it is due. */
async function again(instance: Instance): Promise<Instance> {
  const { dueAt } = await world.instance(instance.id);
  if (dueAt > (await world.now())) await world.setClock(dueAt);
  return (await claimAs(world.control, 'w')).find((one) => one.id === instance.id)!;
}

describe('a failure', () => {
  it('that may be retried waits, longer each time, and then is one', async () => {
    let instance = await running();
    for (const [seconds, retriesUsed] of [
      [30, 1],
      [60, 2],
    ]) {
      const at = await world.now();
      const after = await end(instance, failure('DOWN'));
      expect(after).toMatchObject({ state: 'WAITING', retriesUsed, owner: null, phase: null });
      expect(after.dueAt.getTime() - at.getTime()).toBe(seconds * 1_000);
      expect(await claimAs(world.control, 'w')).toEqual([]);
      instance = await again(instance);
    }
    expect(await end(instance, failure('DOWN'))).toMatchObject({ state: 'FAILED', failure: { code: 'DOWN' } });
  });

  it('of another kind ends it at once', async () => {
    expect(await end(await running(), failure('WRONG', 'data'))).toMatchObject({ state: 'FAILED', attempt: 1 });
  });

  it('of the process itself is tried again at once, five times in all', async () => {
    let instance = await running({}, { options: { retries: 0 } });
    for (let n = 1; n < 5; n++) {
      expect(await end(instance, died())).toMatchObject({ state: 'QUEUED' });
      instance = await again(instance);
      expect(instance.attempt).toBe(n + 1);
    }
    expect(await end(instance, died())).toMatchObject({ state: 'FAILED' });
  });

  it('takes the task offline where that was chosen, with what waits, in the same moment', async () => {
    const instance = await running({ offlineOnFailure: true, misfire: 'ALL' });
    await world.setClock('2026-03-01T01:00:10Z');
    await world.control.db.execute(sql`update test_clock set at = '2026-03-01T02:00:10Z'`);
    await planDue(world.control);
    await world.control.db.execute(
      sql`update instances set lease_until = '2026-03-01T03:00:00Z' where id = ${instance.id}`,
    );
    await end(instance, failure('WRONG', 'data'));
    expect(await world.taskNow(instance.taskId)).toMatchObject({ state: 'OFFLINE', nextDue: null });
    expect((await world.instancesOf(instance.taskId)).map((one) => one.state)).toEqual(['FAILED', 'CANCELLED']);
  });
});

describe('once committing has begun', () => {
  const committing = async (changes: TaskChanges = {}) => {
    const instance = await running({}, changes);
    await stored(instance).saveHandle({ one: 1 }, { publish: 'session', visible: '', resumed: false });
    await stored(instance).committing();
    return instance;
  };

  it.each([
    ['busy', 'HOST_DIED'],
    ['busy', 'HOST_STOPPED'],
    ['config', 'MEMORY_LIMIT'],
    ['bug', 'BROKEN_CONNECTOR'],
  ] as const)('a process that died (%s, %s) never fails it nor aborts: the next attempt asks', async (kind, code) => {
    const after = await end(await committing({ options: { retries: 0 } }), died(code, kind));
    expect(after).toMatchObject({
      state: 'WAITING',
      committing: true,
      cleanup: null,
      handle: { one: 1 },
      retriesUsed: 0,
    });
    expect(await again(after)).toMatchObject({ committing: true, attempt: 2 });
  });

  it('an attempt that cannot even connect has not found out: it goes on asking, then a person has to', async () => {
    let instance = await committing({ options: { retries: 0 } });
    await end(instance, died());
    for (let n = 2; n < 20; n++) {
      instance = await again(instance);
      expect(await end(instance, failure('SOURCE_DOWN', 'auth'))).toMatchObject({ state: 'WAITING', committing: true });
    }
    instance = await again(instance);
    expect(await end(instance, failure('SOURCE_DOWN', 'auth'))).toMatchObject({
      state: 'RUNNING',
      needsDecision: true,
      owner: null,
      cleanup: null,
      failure: { code: 'COMMIT_UNDECIDED' },
    });
    expect(await claimAs(world.control, 'w')).toEqual([]);
    await world.setClock('2026-03-02T01:00:00Z');
    await reapLeases(world.control);
    expect(await world.instance(instance.id)).toMatchObject({ state: 'RUNNING', needsDecision: true });
  });

  it('a refusal that the engine found out is a failure', async () => {
    expect(await end(await committing(), failure('REFUSED', 'data'))).toMatchObject({
      state: 'FAILED',
      cleanup: 'abort',
    });
  });

  it('a retry keeps to the one handle; only what is gone for good is copied anew', async () => {
    expect(await end(await committing(), failure('REFUSED'))).toMatchObject({ state: 'WAITING', committing: true });
    expect(await end(await committing(), failure('STAGED_GONE'))).toMatchObject({
      state: 'WAITING',
      committing: false,
    });
  });

  it('what cannot be found out now is asked again by a later attempt; what never can, by a person', async () => {
    const again = await end(await committing({ options: { retries: 0 } }), {
      end: 'undecided',
      message: 'no answer',
      again: true,
    });
    expect(again).toMatchObject({ state: 'WAITING', committing: true, needsDecision: false, retriesUsed: 0 });
    const never = await end(await committing(), { end: 'undecided', message: 'it does not know', again: false });
    expect(never).toMatchObject({ state: 'RUNNING', needsDecision: true, owner: null, leaseUntil: null });
  });

  it.each([
    [true, 'SUCCEEDED', 'forget', 'ONLINE'],
    [false, 'FAILED', 'abort', 'OFFLINE'],
  ] as const)(
    'a person decides (committed: %s): %s, and it means for the task what that means',
    async (committed, state, cleanup, task) => {
      const instance = await running({ offlineOnFailure: true }, { target: { object: 'held' } });
      await stored(instance).saveHandle({ one: 1 }, { publish: 'session', visible: '', resumed: false });
      await stored(instance).committing();
      const decide = (reason = 'I looked') =>
        resolveCommit(world.control, world.actor, { instanceId: instance.id, committed, reason });
      await expect(decide()).rejects.toMatchObject({ code: 'NOTHING_TO_DECIDE' });
      await end(instance, { end: 'undecided', message: 'it does not know', again: false });
      // Until then it holds its target.
      const other = await world.task({ type: 'ONCE' }, { target: { object: 'held' } });
      expect(await claimAs(world.control, 'w')).toEqual([]);
      await expect(decide(' ')).rejects.toMatchObject({ code: 'INVALID' });
      expect(await decide()).toMatchObject({ state, cleanup, needsDecision: false });
      expect(await world.taskNow(instance.taskId)).toMatchObject({ state: task });
      const [last] = await world.control.db.execute(
        sql`select "to", "by", reason from transitions where instance_id = ${instance.id} order by id desc limit 1`,
      );
      expect(last).toEqual({ to: state, by: 'ada', reason: `${committed ? '' : 'not '}committed: I looked` });
      await expect(decide()).rejects.toMatchObject({ code: 'NOTHING_TO_DECIDE' });
      expect((await claimAs(world.control, 'w')).map((one) => one.taskId)).toEqual([other.id]);
    },
  );

  it('by transaction can be stopped, which ends it where the target says that nothing is published', async () => {
    const publishing = async () => {
      const instance = await running();
      await stored(instance).saveHandle({ one: 1 }, { publish: 'transaction', visible: '', resumed: false });
      await stored(instance).committing();
      return instance;
    };
    const instance = await publishing();
    expect(await stopInstances(world.control, world.actor, [instance.id])).toMatchObject([{ error: null }]);
    // Killed meanwhile: nobody knows; the next attempt finds out, and is told of the stop as well.
    const after = await end(instance, died());
    expect(after).toMatchObject({ state: 'WAITING', committing: true, stopTo: 'CANCELLED' });
    const next = await again(after);
    expect(await end(next, { end: 'stopped', unpublished: true })).toMatchObject({
      state: 'CANCELLED',
      cleanup: 'abort',
    });
    const late = await publishing();
    await stopInstances(world.control, world.actor, [late.id]);
    expect(await end(late, { end: 'committed' })).toMatchObject({ state: 'SUCCEEDED', cleanup: 'forget' });
    // Not asked for: its worker is leaving.
    expect(await end(await publishing(), { end: 'stopped', unpublished: true })).toMatchObject({ state: 'QUEUED' });
  });

  it('does not begin once a stop was granted', async () => {
    const instance = await running();
    expect(await stopInstances(world.control, world.actor, [instance.id])).toMatchObject([{ error: null }]);
    await expect(stored(instance).committing()).rejects.toMatchObject({ code: 'STOP_ASKED' });
    expect(await end(instance, failure('STOP_ASKED'))).toMatchObject({ state: 'CANCELLED', committing: false });
  });

  it('neither going offline, nor a stop, nor a lost lease cancels it', async () => {
    const instance = await committing();
    await world.control.db.transaction((tx) => takeOffline(tx, instance.taskId, world.actor, { stopRunning: true }));
    const [stop] = await stopInstances(world.control, world.actor, [instance.id]);
    expect(stop.error).toMatchObject({ code: 'NOT_STOPPABLE' });
    await world.setClock('2026-03-01T01:01:00Z');
    await reapLeases(world.control);
    expect(await world.instance(instance.id)).toMatchObject({ state: 'QUEUED', committing: true });
    await world.control.db.transaction((tx) => takeOffline(tx, instance.taskId, world.actor, { stopRunning: true }));
    const next = await again(instance);
    expect(await end(next, { end: 'stopped' })).toMatchObject({ state: 'QUEUED', committing: true });
    expect(await end(await again(next), { end: 'committed' })).toMatchObject({ state: 'SUCCEEDED', cleanup: 'forget' });
  });
});

describe('offline', () => {
  it('cancels what waits; what runs is on its last attempt', async () => {
    for (const [how, state] of [
      [failure('DOWN'), 'FAILED'],
      [died(), 'CANCELLED'],
      [{ end: 'stopped' }, 'CANCELLED'],
      [{ end: 'committed' }, 'SUCCEEDED'],
    ] as [HostEnd, string][]) {
      const instance = await running();
      await world.control.db.transaction((tx) => takeOffline(tx, instance.taskId, world.actor, { stopRunning: false }));
      expect(await end(instance, how)).toMatchObject({ state });
    }
    const asleep = await running();
    await world.control.db.transaction((tx) => takeOffline(tx, asleep.taskId, world.actor, { stopRunning: false }));
    await world.setClock('2026-03-01T01:01:00Z');
    await reapLeases(world.control);
    expect(await world.instance(asleep.id)).toMatchObject({ state: 'CANCELLED' });
  });
});

describe('a stop', () => {
  it('while the target begins leaves it to be cleaned up, though there is no handle; before the plan there is nothing', async () => {
    const early = await running();
    expect(await end(early, { end: 'stopped' }, 'CANCELLED')).toMatchObject({ handle: null, cleanup: null });
    const begun = await running();
    await stored(begun).savePlan([{ number: 0, description: '', rowEstimate: null, read: null }], []);
    expect(await end(begun, { end: 'stopped' }, 'CANCELLED')).toMatchObject({ handle: null, cleanup: 'abort' });
  });

  it('that had to kill the process is a stop all the same', async () => {
    expect(await end(await running(), died(), 'TIMED_OUT')).toMatchObject({ state: 'TIMED_OUT' });
    const asked = await running();
    await stopInstances(world.control, world.actor, [asked.id]);
    expect(await end(asked, died())).toMatchObject({ state: 'CANCELLED' });
  });

  it('of nobody but the worker gives it to another attempt', async () => {
    expect(await end(await running(), { end: 'stopped' })).toMatchObject({ state: 'QUEUED', owner: null });
  });
});

describe('once', () => {
  it('runs when brought online, and then the task has finished, however it ended', async () => {
    for (const how of [{ end: 'committed' }, failure('WRONG', 'data')] as HostEnd[]) {
      const task = await world.task({ type: 'ONCE' });
      const [instance] = await claimAs(world.control, 'w');
      expect(instance).toMatchObject({ taskId: task.id, trigger: 'ONLINE' });
      await end(instance, how);
      expect(await world.taskNow(task.id)).toMatchObject({ state: 'FINISHED' });
    }
    const task = await world.task({ type: 'ONCE' });
    const [waiting] = await world.instancesOf(task.id);
    await stopInstances(world.control, world.actor, [waiting.id]);
    expect(await world.taskNow(task.id)).toMatchObject({ state: 'FINISHED' });
  });

  it('runs at its time; a time in the past is refused; it can be brought online again', async () => {
    const task = await world.task({ type: 'ONCE', runAt: new Date('2026-03-01T00:45:10Z') });
    await planDue(world.control);
    expect(await world.instancesOf(task.id)).toEqual([]);
    await world.setClock('2026-03-01T00:45:10Z');
    await planDue(world.control);
    const [instance] = await claimAs(world.control, 'w');
    expect([iso(instance.scheduledAt), instance.trigger]).toEqual(['2026-03-01T00:45:10Z', 'SCHEDULE']);
    await end(instance, { end: 'committed' });
    const online = () => world.control.db.transaction((tx) => bringOnline(tx, task.id, world.actor));
    await expect(online()).rejects.toMatchObject({ code: 'RUN_AT_PASSED' });
  });
});

describe('a task that is changed while its one run goes on', () => {
  it('is not finished by its end, where periods or another time lie ahead', async () => {
    for (const schedule of [
      { period: 'HOUR', every: 1 },
      { type: 'ONCE', runAt: new Date('2026-03-01T05:00:00Z') },
    ] as Partial<ScheduleInput>[]) {
      await world.setClock('2026-03-01T00:30:00Z');
      const task = await world.task({ type: 'ONCE' });
      const [instance] = await claimAs(world.control, 'w');
      await world.reschedule(task.id, schedule);
      const { nextDue } = await world.taskNow(task.id);
      await end(instance, { end: 'committed' });
      expect(await world.taskNow(task.id)).toMatchObject({ state: 'ONLINE', nextDue });
    }
  });
});

describe('run on online', () => {
  it('makes an instance of that second, which belongs to the chain', async () => {
    await world.setClock('2026-03-01T00:30:00.700Z');
    const task = await world.task({ period: 'HOUR', every: 1, runOnOnline: true, dependsOnPrevious: 'ENDED' });
    const [first] = await world.instancesOf(task.id);
    expect([iso(first.scheduledAt), first.trigger, first.chain]).toEqual(['2026-03-01T00:30:00Z', 'ONLINE', 1]);
    await world.control.db.transaction((tx) => bringOnline(tx, task.id, world.actor));
    expect(await world.instancesOf(task.id)).toHaveLength(1);
    await world.setClock('2026-03-01T01:00:00Z');
    await planDue(world.control);
    expect((await claimAs(world.control, 'w')).map((one) => one.trigger)).toEqual(['ONLINE']);
  });

  it('makes none outside the effective dates', async () => {
    const task = await world.task({ period: 'HOUR', every: 1, runOnOnline: true, effectiveFrom: '2026-03-05' });
    expect(await world.instancesOf(task.id)).toEqual([]);
    expect(task.nextDue).toEqual(new Date('2026-03-05T00:00:00Z'));
  });
});
