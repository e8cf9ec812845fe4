import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { claim, explainWaiting, heartbeat } from '../src/claims.ts';
import { endAttempt } from '../src/endings.ts';
import { planDue } from '../src/planner.ts';
import { reapLeases } from '../src/reaper.ts';
import { versionOf } from '../src/run-specs.ts';
import { createRunStore } from '../src/run-store.ts';
import { claimAs, type Instance, iso, LEASE_SECONDS, openWorld, type Task, type World } from './world.ts';

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

const hourly = { period: 'HOUR', every: 1 } as const;

async function at(time: string): Promise<void> {
  await world.setClock(`2026-03-01T${time}Z`);
  await planDue(world.control);
}

async function end(instance: Instance, worker: string, how: 'committed' | 'failed'): Promise<void> {
  const definition = await versionOf(world.control, instance);
  const ending = { instance, definition, worker, stopTo: null, stopReason: null, stopBy: null };
  const failure = { kind: 'data', code: 'BAD', message: 'bad', hint: null, retryAfterMs: null, side: null } as const;
  await endAttempt(world.control, ending, how === 'committed' ? { end: how } : { end: how, failure });
}

const times = (found: Instance[]) => found.map((one) => iso(one.scheduledAt).slice(11, 16));
const waitingFor = async (task: Task) => {
  await explainWaiting(world.control);
  return (await world.instancesOf(task.id)).filter((one) => one.state === 'WAITING').map((one) => one.waitingFor);
};

describe('depends on previous', () => {
  it('ENDED: the next one starts when the one before has ended, in success or failure', async () => {
    const task = await world.task(
      { ...hourly, dependsOnPrevious: 'ENDED', misfire: 'ALL' },
      { target: { writeMode: 'APPEND' } },
    );
    await at('02:00:05');
    const [first, ...none] = await claimAs(world.control, 'w');
    expect([times([first]), none]).toEqual([['01:00'], []]);
    expect(await waitingFor(task)).toEqual(['the previous period']);
    await end(first, 'w', 'failed');
    expect(times(await claimAs(world.control, 'w'))).toEqual(['02:00']);
  });

  it('SUCCEEDED: the next one waits for success, be it that of a rerun', async () => {
    const task = await world.task({ ...hourly, dependsOnPrevious: 'SUCCEEDED', misfire: 'ALL' });
    await at('02:00:05');
    const [first] = await claimAs(world.control, 'w');
    await end(first, 'w', 'failed');
    expect(await claimAs(world.control, 'w')).toEqual([]);
    expect(await waitingFor(task)).toEqual(['the previous period']);
    await world.control.db.execute(sql`
      insert into instances (workspace_id, task_id, task_version, trigger, trigger_key, chain, state, scheduled_at, business_date, due_at, created_at, memory_mb, target_key, appends, depends_on_previous, timeout_minutes, rerun_of)
      select workspace_id, task_id, task_version, 'RERUN', 'r', chain, 'SUCCEEDED', scheduled_at, business_date, due_at, created_at, memory_mb, target_key, appends, 'NONE', timeout_minutes, id from instances where id = ${first.id}`);
    expect(times(await claimAs(world.control, 'w'))).toEqual(['02:00']);
  });

  it('skipped ones do not count, and a chain starts anew at each online', async () => {
    const task = await world.task({ ...hourly, dependsOnPrevious: 'SUCCEEDED', misfire: 'SKIP' });
    await at('02:30:00');
    await at('03:00:05');
    expect(times(await claimAs(world.control, 'w'))).toEqual(['03:00']);
    await world.control.db.execute(sql`update tasks set chain = chain + 1 where id = ${task.id}`);
    await at('04:00:05');
    await world.control.db.execute(sql`update instances set target_key = 'elsewhere' where state = 'WAITING'`);
    expect(times(await claimAs(world.control, 'w'))).toEqual(['04:00']);
  });
});

describe('one target', () => {
  it('is written by one run at a time, and the later says what it waits for', async () => {
    const target = { object: 'shared' };
    await world.task(hourly, { target });
    const other = await world.task(hourly, { target: { ...target, writeMode: 'APPEND' } });
    await at('01:00:05');
    const claimed = await claimAs(world.control, 'w');
    expect(claimed).toHaveLength(1);
    expect(await claimAs(world.control, 'w')).toEqual([]);
    if (claimed[0].taskId !== other.id)
      expect(await waitingFor(other)).toEqual(['another run that writes the same target']);
    await end(claimed[0], 'w', 'committed');
    expect(await claimAs(world.control, 'w')).toHaveLength(1);
  });

  it('takes two that both append, and partitions are apart', async () => {
    for (const value of ['1', '2'])
      await world.task(hourly, { target: { object: 'parts', partition: [{ name: 'pt', value }] } });
    for (let n = 0; n < 2; n++) await world.task(hourly, { target: { object: 'appended', writeMode: 'APPEND' } });
    await at('01:00:05');
    expect(await claimAs(world.control, 'w')).toHaveLength(4);
  });

  it.each([
    ['all of it and one partition', {}, { pt: '1' }, false],
    ['partitions of which one holds the other', { pt: '1' }, { pt: '1', hh: '02' }, false],
    ['the same one, named in another order and case', { pt: '1', hh: '02' }, { HH: '02', PT: '1' }, false],
    ['partitions that may be the same', { pt: '1' }, { hh: '02' }, false],
    ['partitions apart', { pt: '1', hh: '02' }, { pt: '1', hh: '03' }, true],
  ])('%s: at once or one after the other', async (object, one, other, together) => {
    for (const values of [one, other]) {
      const partition = Object.entries(values as { [name: string]: string }).map(([name, value]) => ({ name, value }));
      await world.task(hourly, { target: { object, partition } });
    }
    await at('01:00:05');
    // Both as candidates of one claim, and the later against one that runs.
    const first = await claimAs(world.control, 'w');
    expect(first).toHaveLength(together ? 2 : 1);
    expect(await claimAs(world.control, 'w')).toEqual([]);
    await end(first[0], 'w', 'committed');
    expect(await claimAs(world.control, 'w')).toHaveLength(together ? 0 : 1);
  });
});

it('starts what fits: HIGH before NORMAL before LOW, then by scheduled time, within memory and places', async () => {
  const made = [];
  for (const priority of ['LOW', 'NORMAL', 'HIGH'] as const)
    made.push(await world.task(hourly, { options: { priority } }));
  const large = await world.task(hourly, { options: { priority: 'HIGH', memoryMb: 500 } });
  await at('01:00:05');
  const claimed = await claimAs(world.control, 'w', { freeMemoryMb: 250, most: 3 });
  expect(claimed.map((one) => one.taskId)).toEqual([made[2].id, made[1].id]);
  expect(await waitingFor(large)).toEqual(['a free slot with 500 MB of memory']);
  expect((await claimAs(world.control, 'w', { freeMemoryMb: 600, most: 1 })).map((one) => one.taskId)).toEqual([
    large.id,
  ]);
});

it('promises no more cores than there are to promise; one run that wants more than all has what there is', async () => {
  const wanted = [
    { cpu: 3, priority: 'HIGH' },
    { cpu: 2.5, priority: 'NORMAL' },
    { cpu: 1, priority: 'LOW' },
    { cpu: 100, priority: 'LOW' },
  ] as const;
  for (const options of wanted) await world.task(hourly, { options });
  await at('01:00:05');
  const cores = async (freeCpu: number) =>
    (await claimAs(world.control, 'w', { freeCpu, allCpu: 8 })).map((one) => one.cpu);
  expect(await cores(4)).toEqual([3, 1]);
  expect(await cores(7.9)).toEqual([2.5]);
  expect(await cores(8)).toEqual([100]);
});

it('both steps are recorded, with who, why and the attempt', async () => {
  const task = await world.task(hourly);
  await at('01:00:05');
  const [instance] = await claimAs(world.control, 'w');
  const rows = await world.control.db.execute<{ from: string; to: string; by: string; attempt: number }>(
    sql`select "from", "to", "by", reason, attempt from transitions where task_id = ${task.id} order by id`,
  );
  expect([...rows]).toEqual([
    { from: null, to: 'WAITING', by: 'scheduler', reason: 'due', attempt: 0 },
    { from: 'WAITING', to: 'QUEUED', by: 'scheduler', reason: 'nothing stands in its way', attempt: 0 },
    { from: 'QUEUED', to: 'RUNNING', by: 'w', reason: 'claimed', attempt: 1 },
  ]);
  expect(instance).toMatchObject({ attempt: 1, owner: 'w', phase: 'CONNECTING' });
});

describe('a lease that runs out', () => {
  const lost = async (): Promise<{ zombie: Instance; next: Instance }> => {
    await world.task(hourly);
    await at('01:00:00');
    const [zombie] = await claimAs(world.control, 'asleep');
    await world.setClock('2026-03-01T01:00:31Z');
    await reapLeases(world.control);
    expect(await world.instance(zombie.id)).toMatchObject({ state: 'QUEUED', owner: null });
    const [next] = await claimAs(world.control, 'awake');
    return { zombie, next };
  };

  it('gives the instance to another attempt, and time counts only while it lived', async () => {
    const { zombie, next } = await lost();
    expect([next.id, next.attempt, next.ranMs]).toEqual([zombie.id, 2, LEASE_SECONDS * 1_000]);
    await world.setClock('2026-03-01T01:00:41Z');
    const beat = await heartbeat(world.control, next, { worker: 'awake', leaseSeconds: LEASE_SECONDS });
    expect(beat?.ranMs).toBe(LEASE_SECONDS * 1_000 + 10_000);
  });

  it('leaves the attempt that wakes up nothing to write', async () => {
    const { zombie, next } = await lost();
    const store = createRunStore(world.control, zombie, 'asleep', LEASE_SECONDS);
    const row = { split: 0, row: 0, column: null, value: null, reason: 'x', key: null, record: null };
    const counts = {
      split: 0,
      rowsRead: 1,
      rowsWritten: 1,
      rowsDirty: 0,
      rowsFiltered: 0,
      bytesRead: 1,
      bytesWritten: 1,
    };
    const writes: [string, () => Promise<unknown>][] = [
      ['phase', () => store.phase('VERIFYING')],
      ['savePlan', () => store.savePlan([{ number: 0, description: '', rowEstimate: null, read: null }], ['w'])],
      ['saveHandle', () => store.saveHandle({ zombie: true }, { publish: 'session', visible: '', resumed: false })],
      ['splitStarted', () => store.splitStarted(0, { resumed: false, keepDirty: 0 })],
      ['saveReceipt', () => store.saveReceipt({ split: 0, rows: 1 } as never, counts)],
      ['dirty', () => store.dirty([row])],
      [
        'progress',
        () =>
          store.progress({ total: counts, splitsTotal: 1, splitsDone: 0, splits: [], stalledOn: null, timings: [] }),
      ],
      ['log', () => store.log([{ at: '', level: 'info', message: '', fields: null }])],
      ['statements', () => store.statements([{ at: '', side: 'READER', sql: '', millis: 0, rows: null }])],
      ['reconciled', () => store.reconciled({ ok: true, sourceRows: 1, targetRows: 1, message: '' })],
      ['committing', () => store.committing()],
    ];
    for (const [name, write] of writes) await expect(write(), name).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect(await heartbeat(world.control, zombie, { worker: 'asleep', leaseSeconds: LEASE_SECONDS })).toBeNull();
    await end(zombie, 'asleep', 'committed');
    await end(zombie, 'asleep', 'failed');
    expect(await world.instance(zombie.id)).toEqual(await world.instance(next.id));
    expect(await world.instance(zombie.id)).toMatchObject({
      state: 'RUNNING',
      attempt: 2,
      committing: false,
      handle: null,
      planned: false,
      progress: null,
    });
    for (const table of ['splits', 'dirty_records', 'log_lines', 'statements', 'reconciliations']) {
      const [{ n }] = await world.control.db.execute<{ n: number }>(
        sql.raw(`select count(*)::int n from ${table} where instance_id = '${zombie.id}'`),
      );
      expect([table, n]).toEqual([table, 0]);
    }
  });

  it('is not written over by its own late attempt before anybody noticed either', async () => {
    await world.task(hourly);
    await at('01:00:00');
    const [late] = await claimAs(world.control, 'late');
    await world.setClock('2026-03-01T01:00:31Z');
    await expect(createRunStore(world.control, late, 'late', LEASE_SECONDS).committing()).rejects.toMatchObject({
      code: 'LEASE_LOST',
    });
    await end(late, 'late', 'committed');
    expect(await world.instance(late.id)).toMatchObject({ state: 'RUNNING', committing: false });
  });

  it('ends an instance that takes its worker along twenty times', async () => {
    const task = await world.task(hourly);
    await at('01:00:00');
    let clock = Date.parse('2026-03-01T01:00:00Z');
    for (let n = 0; n < 20; n++) {
      expect(await claimAs(world.control, 'w')).toHaveLength(1);
      await world.setClock(new Date((clock += 31_000)));
      await reapLeases(world.control);
    }
    expect(await world.instancesOf(task.id)).toMatchObject([{ state: 'FAILED', failure: { code: 'WORKER_LOST' } }]);
  });
});

it('a handle that starts anew forgets what earlier attempts sealed', async () => {
  await world.task(hourly);
  await at('01:00:00');
  const [instance] = await claim(world.control, {
    worker: 'w',
    leaseSeconds: LEASE_SECONDS,
    freeMemoryMb: 1_000,
    freeCpu: 10,
    allCpu: 10,
    most: 1,
  });
  const store = createRunStore(world.control, instance, 'w', LEASE_SECONDS);
  const split = { number: 0, description: '', rowEstimate: null, read: null };
  expect(await store.savePlan([split], [])).toEqual([split]);
  expect(await store.savePlan([split, { ...split, number: 1 }], [])).toEqual([split]);
  const counts = {
    split: 0,
    rowsRead: 1,
    rowsWritten: 1,
    rowsDirty: 0,
    rowsFiltered: 0,
    bytesRead: 1,
    bytesWritten: 1,
  };
  await store.saveHandle({ n: 1 }, { publish: 'session', visible: '', resumed: false });
  await store.saveReceipt({ split: 0, rows: 1 } as never, counts);
  const sealed = async () => {
    const [row] = await world.control.db.execute(
      sql`select state, receipt from splits where instance_id = ${instance.id}`,
    );
    return row;
  };
  await store.saveHandle({ n: 1 }, { publish: 'session', visible: '', resumed: true });
  expect(await sealed()).toMatchObject({ state: 'SEALED', receipt: { rows: 1 } });
  await store.saveHandle({ n: 2 }, { publish: 'session', visible: '', resumed: false });
  expect(await sealed()).toEqual({ state: 'PENDING', receipt: null });
});

it('saying what instances wait for never waits for somebody who is moving one of them', async () => {
  const [first, second] = [await world.task(hourly), await world.task(hourly)];
  await at('01:00:00');
  const [held] = await world.instancesOf(first.id);
  let release = () => {};
  const holding = new Promise<void>((resolve) => (release = resolve));
  let locked = () => {};
  const isLocked = new Promise<void>((resolve) => (locked = resolve));
  const mover = world.control.db.transaction(async (tx) => {
    await tx.execute(sql`select 1 from instances where id = ${held.id} for update`);
    locked();
    await holding;
  });
  await isLocked;
  const explained = await Promise.race([
    explainWaiting(world.control).then(() => 'told'),
    new Promise((resolve) => setTimeout(() => resolve('still waiting'), 3_000)),
  ]);
  const told = (await world.instancesOf(second.id))[0].waitingFor;
  release();
  await mover;
  expect([explained, told]).toEqual(['told', 'a free slot with 100 MB of memory']);
  expect(await waitingFor(first)).toEqual(['a free slot with 100 MB of memory']);
});
