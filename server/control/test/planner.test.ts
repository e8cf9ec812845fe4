import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endAttempt } from '../src/endings.ts';
import { nextOccurrences } from '../src/occurrences.ts';
import { planDue } from '../src/planner.ts';
import { versionOf } from '../src/run-specs.ts';
import type { ScheduleInput } from '../src/schedules.ts';
import { claimAs, type Instance, iso, openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world?.close());

const finish = async (instance: Instance, worker: string) => {
  const definition = await versionOf(world.control, instance);
  const ending = { instance, definition, worker, stopTo: null, stopReason: null, stopBy: null };
  await endAttempt(world.control, ending, { end: 'committed' });
};

const shown = (found: Instance[]) => found.map((one) => `${iso(one.scheduledAt)} ${one.state}`);

describe('periods that were missed', () => {
  const hourly = { period: 'HOUR', every: 1 } as const;
  const missed = async (schedule: Partial<ScheduleInput>) => {
    await world.setClock('2026-03-01T00:30:00Z');
    const task = await world.task({ ...hourly, ...schedule });
    await world.setClock('2026-03-01T04:00:20Z');
    await planDue(world.control);
    return task;
  };

  it('are all made in order under ALL', async () => {
    const task = await missed({ misfire: 'ALL' });
    expect(shown(await world.instancesOf(task.id))).toEqual([
      '2026-03-01T01:00:00Z WAITING',
      '2026-03-01T02:00:00Z WAITING',
      '2026-03-01T03:00:00Z WAITING',
      '2026-03-01T04:00:00Z WAITING',
    ]);
    expect((await world.taskNow(task.id)).nextDue).toEqual(new Date('2026-03-01T05:00:00Z'));
  });

  it('give way to the latest under LATEST, each with a row that says so', async () => {
    const task = await missed({ misfire: 'LATEST' });
    expect(shown(await world.instancesOf(task.id))).toEqual([
      '2026-03-01T01:00:00Z SKIPPED',
      '2026-03-01T02:00:00Z SKIPPED',
      '2026-03-01T03:00:00Z SKIPPED',
      '2026-03-01T04:00:00Z WAITING',
    ]);
  });

  it('are skipped under SKIP when more than a minute late', async () => {
    const task = await missed({ misfire: 'SKIP' });
    expect(shown(await world.instancesOf(task.id)).map((one) => one.split(' ')[1])).toEqual([
      'SKIPPED',
      'SKIPPED',
      'SKIPPED',
      'WAITING',
    ]);
  });

  it('of two days, every minute: exactly one runs under LATEST', async () => {
    await world.setClock('2026-03-01T00:00:30Z');
    const task = await world.task({ period: 'MINUTE', every: 1, misfire: 'LATEST' });
    await world.setClock('2026-03-03T00:00:30Z');
    while ((await world.taskNow(task.id)).nextDue! <= (await world.now())) await planDue(world.control);
    const made = await world.instancesOf(task.id);
    expect(made).toHaveLength(2_880);
    expect(made.filter((one) => one.state === 'WAITING').map((one) => iso(one.scheduledAt))).toEqual([
      '2026-03-03T00:00:00Z',
    ]);
  });
});

describe('while maxWaiting instances wait', () => {
  const full = async (misfire: 'ALL' | 'LATEST' | 'SKIP') => {
    await world.setClock('2026-03-01T00:30:00Z');
    const task = await world.task({ period: 'HOUR', every: 1, misfire, maxWaiting: 1 });
    for (const hour of ['01', '02', '03']) {
      await world.setClock(`2026-03-01T${hour}:00:05Z`);
      await planDue(world.control);
    }
    const before = shown(await world.instancesOf(task.id));
    const [running] = (await claimAs(world.control, 'w')).filter((one) => one.taskId === task.id);
    await finish(running, 'w');
    await planDue(world.control);
    return { before, after: shown(await world.instancesOf(task.id)) };
  };

  it('ALL makes the rest later, none lost', async () => {
    const { before, after } = await full('ALL');
    expect(before).toEqual(['2026-03-01T01:00:00Z WAITING']);
    expect(after).toEqual(['2026-03-01T01:00:00Z SUCCEEDED', '2026-03-01T02:00:00Z WAITING']);
  });

  it('LATEST keeps only the newest for when there is room', async () => {
    const { before, after } = await full('LATEST');
    expect(before).toEqual(['2026-03-01T01:00:00Z WAITING', '2026-03-01T02:00:00Z SKIPPED']);
    expect(after).toEqual([
      '2026-03-01T01:00:00Z SUCCEEDED',
      '2026-03-01T02:00:00Z SKIPPED',
      '2026-03-01T03:00:00Z WAITING',
    ]);
  });

  it('SKIP writes rows that say so', async () => {
    const { before } = await full('SKIP');
    expect(before).toEqual([
      '2026-03-01T01:00:00Z WAITING',
      '2026-03-01T02:00:00Z SKIPPED',
      '2026-03-01T03:00:00Z SKIPPED',
    ]);
  });

  it('another task is planned all the same', async () => {
    await world.setClock('2026-03-02T00:30:00Z');
    await world.task({ period: 'MINUTE', every: 1, misfire: 'ALL', maxWaiting: 1 });
    await world.setClock('2026-03-02T05:00:00Z');
    await planDue(world.control);
    const other = await world.task({ period: 'MINUTE', every: 1 });
    await world.setClock('2026-03-02T05:01:00Z');
    await planDue(world.control);
    expect(await world.instancesOf(other.id)).toHaveLength(1);
  });
});

describe('a changed schedule', () => {
  const short = (found: Instance[]) => shown(found).map((one) => one.slice(11, 16) + one.slice(20));
  const backlog = async (misfire: 'ALL' | 'LATEST') => {
    await world.setClock('2026-03-01T00:30:00Z');
    const task = await world.task({ period: 'HOUR', every: 1, misfire, maxWaiting: 2 });
    await world.setClock('2026-03-01T04:30:00Z');
    return task;
  };

  it('that keeps its times keeps what is still to be planned', async () => {
    const task = await backlog('ALL');
    await planDue(world.control);
    await world.reschedule(task.id, { period: 'HOUR', every: 1, misfire: 'ALL', maxWaiting: 3 });
    await planDue(world.control);
    expect(short(await world.instancesOf(task.id))).toEqual(['01:00 WAITING', '02:00 WAITING', '03:00 WAITING']);
  });

  it.each([
    ['ALL', ['01:00 WAITING', '02:00 WAITING', '03:00 SKIPPED', '04:00 SKIPPED']],
    ['LATEST', ['01:00 SKIPPED', '02:00 SKIPPED', '03:00 SKIPPED', '04:00 WAITING']],
  ] as const)('writes down what was due by the old one (%s), and goes on with the new', async (misfire, rows) => {
    const task = await backlog(misfire);
    await world.reschedule(task.id, { period: 'DAY', at: '06:00:00' });
    expect(short(await world.instancesOf(task.id))).toEqual(rows);
    expect((await world.instancesOf(task.id)).map((one) => one.taskVersion)).toEqual([1, 1, 1, 1]);
    expect(await world.taskNow(task.id)).toMatchObject({ nextDue: new Date('2026-03-01T06:00:00Z') });
  });

  it('that would run only when brought online is refused while it is online', async () => {
    const task = await backlog('LATEST');
    await expect(world.reschedule(task.id, { type: 'ONCE' })).rejects.toMatchObject({ code: 'TASK_ONLINE' });
  });
});

it('schedules outlive the process that planned them, in their own time zone, whatever that of the machine', async () => {
  await world.setClock('2026-03-07T12:00:00Z');
  const task = await world.task({ period: 'DAY', at: '02:30:00', timeZone: 'America/New_York' });
  const zone = process.env.TZ;
  try {
    for (const [tz, at, next] of [
      ['Pacific/Apia', '2026-03-08T07:30:00Z', '2026-03-09T06:30:00Z'],
      ['Asia/Kathmandu', '2026-03-09T06:30:00Z', '2026-03-10T06:30:00Z'],
    ]) {
      process.env.TZ = tz;
      expect(new Date(at).getTimezoneOffset()).not.toBe(0);
      const restarted = await world.other();
      await world.setClock(at);
      await planDue(restarted);
      expect((await world.instancesOf(task.id)).at(-1)?.scheduledAt).toEqual(new Date(at));
      expect(await world.taskNow(task.id)).toMatchObject({ nextDue: new Date(next) });
    }
  } finally {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  }
});

it('a schedule that cannot be read does not stop the others', async () => {
  await world.setClock('2026-04-01T00:30:00Z');
  const broken = await world.task({ period: 'HOUR', every: 1 });
  const whole = await world.task({ period: 'HOUR', every: 1 });
  await world.control.db.execute(
    sql`update task_versions set definition = jsonb_set(definition, '{schedule,timeZone}', '"Mars/Olympus"') where task_id = ${broken.id}`,
  );
  await world.setClock('2026-04-01T01:00:00Z');
  await planDue(world.control);
  expect(await world.instancesOf(whole.id)).toHaveLength(1);
  await world.control.db.execute(sql`update tasks set state = 'OFFLINE' where id = ${broken.id}`);
});

it('after the last effective day a task has finished', async () => {
  await world.setClock('2026-03-01T00:30:00Z');
  const task = await world.task({ period: 'DAY', at: '10:00:00', effectiveTo: '2026-03-02' });
  for (const day of ['01', '02']) {
    await world.setClock(`2026-03-${day}T10:00:00Z`);
    await planDue(world.control);
  }
  expect(await world.instancesOf(task.id)).toHaveLength(2);
  expect(await world.taskNow(task.id)).toMatchObject({ state: 'FINISHED', nextDue: null });
});

it('two thousand due tasks, two planners and three claimers: each once', async () => {
  await world.control.db.execute(sql`update tasks set state = 'OFFLINE', next_due = null`);
  await world.control.db.execute(sql`update instances set state = 'CANCELLED' where state in ('WAITING', 'QUEUED')`);
  await world.setClock('2026-05-01T00:30:00Z');
  const first = await world.task({ period: 'HOUR', every: 1 });
  await world.control.db.execute(sql`
    insert into tasks (workspace_id, folder_id, name, kind, state, chain, next_due)
    select workspace_id, folder_id, 'many ' || n, kind, state, chain, next_due from tasks, generate_series(1, 1999) n where id = ${first.id}`);
  await world.control.db.execute(sql`
    insert into task_versions (task_id, number, by_user, definition)
    select t.id, 1, v.by_user, jsonb_set(v.definition, '{target,object}', to_jsonb(t.name)) from tasks t, task_versions v
    where t.name like 'many %' and v.task_id = ${first.id}`);
  await world.setClock('2026-05-01T01:00:00Z');
  const other = await world.other();
  const began = performance.now();
  await Promise.all([planDue(world.control), planDue(other)]);
  const planned = performance.now() - began;
  const claims = await Promise.all(
    [world.control, other, world.control].map(async (control, at) => {
      const mine: Instance[] = [];
      for (;;) {
        const some = await claimAs(control, `w${at}`, { most: 50 });
        if (some.length === 0) return mine;
        mine.push(...some);
      }
    }),
  );
  const claimed = claims.flat();
  expect(new Set(claimed.map((one) => one.taskId)).size).toBe(2_000);
  expect(claimed).toHaveLength(2_000);
  const [{ n, most }] = await world.control.db.execute<{ n: number; most: number }>(
    sql`select count(*)::int n, max(attempt)::int most from instances where state = 'RUNNING' and scheduled_at = '2026-05-01T01:00:00Z'`,
  );
  expect({ n, most }).toEqual({ n: 2_000, most: 1 });
  const total = performance.now() - began;
  // Far above what it takes, and far below what one statement a task would.
  expect({ planned: planned < 10_000, total: total < 20_000 }).toEqual({ planned: true, total: true });
  process.stderr.write(`planned in ${Math.round(planned)} ms, claimed after ${Math.round(total)} ms\n`);
});

it('weeks on a simulated clock, across both changes of the clocks and 29 February: the documented instants', async () => {
  await world.control.db.execute(sql`update tasks set state = 'OFFLINE', next_due = null`);
  await world.control.db.execute(
    sql`update instances set state = 'CANCELLED' where state in ('WAITING', 'QUEUED', 'RUNNING')`,
  );
  const schedules: Partial<ScheduleInput>[] = [
    { period: 'DAY', at: '02:30:00', timeZone: 'Europe/Berlin' },
    { period: 'HOUR', every: 7, timeZone: 'America/New_York' },
    { period: 'HOUR', every: 5, minute: 15, timeZone: 'Antarctica/Troll' },
    { period: 'DAY', at: '00:00:00', timeZone: 'America/Santiago', dependsOnPrevious: 'SUCCEEDED' },
    { period: 'MINUTE', every: 45, windowFrom: '22:00:00', windowTo: '02:00:00', timeZone: 'Australia/Lord_Howe' },
    { period: 'DAY', at: '23:59:59', timeZone: 'Asia/Shanghai', misfire: 'ALL' },
  ];
  for (const [from, to] of [
    ['2028-02-26T11:17:00Z', '2028-03-04T11:17:00Z'],
    ['2026-03-24T11:17:00Z', '2026-03-31T11:17:00Z'],
    ['2026-10-22T11:17:00Z', '2026-10-29T11:17:00Z'],
    ['2026-09-03T11:17:00Z', '2026-09-08T11:17:00Z'],
  ]) {
    await world.setClock(from);
    const tasks = [];
    for (const schedule of schedules) tasks.push({ schedule, task: await world.task(schedule) });
    // Each step is late by up to 40 s, as a busy machine is.
    for (let step = 0; ; step++) {
      const [{ next }] = await world.control.db.execute<{ next: string | null }>(
        sql`select to_char(min(next_due) at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as next from tasks where state = 'ONLINE'`,
      );
      if (next === null || next > to) break;
      await world.setClock(new Date(Date.parse(next) + ((step * 7) % 41) * 1_000));
      await planDue(world.control);
      for (const instance of await claimAs(world.control, 'w')) await finish(instance, 'w');
    }
    for (const { schedule, task } of tasks) {
      const made = await world.instancesOf(task.id);
      const definition = await versionOf(world.control, made[0]);
      const expected = nextOccurrences(definition.schedule, new Date(from), 2_000).filter((one) => iso(one) <= to);
      expect(
        made.map((one) => iso(one.scheduledAt)),
        JSON.stringify(schedule),
      ).toEqual(expected.map(iso));
      expect(new Set(made.map((one) => one.state))).toEqual(new Set(['SUCCEEDED']));
      await world.control.db.execute(sql`update tasks set state = 'OFFLINE', next_due = null where id = ${task.id}`);
    }
  }
});
