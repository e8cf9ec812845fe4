import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventCursor, type InstanceEvent, sequence, startEventHub, watchInstances } from '../src/events.ts';
import { type EventHub, runTask } from '../src/index.ts';
import { moveInstance } from '../src/transitions.ts';
import { openWorld, type World } from './world.ts';

let world: World;
let hub: EventHub;
beforeAll(async () => {
  world = await openWorld();
  await world.setClock('2026-03-01T00:30:00Z');
  hub = await startEventHub(world.control);
});
afterAll(async () => {
  await hub?.stop();
  await world?.close();
});

const made = async () => {
  const task = await world.task({ period: 'HOUR', every: 1 }, { online: false });
  return runTask(world.control, world.actor, { taskId: task.id });
};
const watch = (after: string | null, changes: object = {}) =>
  watchInstances(world.control, hub, world.actor, { workspaceId: world.workspaceId, after, ...changes });

async function take(events: AsyncGenerator<InstanceEvent>, count: number): Promise<InstanceEvent[]> {
  const found: InstanceEvent[] = [];
  while (found.length < count) {
    const next = await events.next();
    if (next.done) break;
    found.push(next.value);
  }
  await events.return(undefined);
  return found;
}

describe('the sequencer', () => {
  it('does not let a late committer be passed by', async () => {
    const [slow, fast] = [await made(), await made()];
    await sequence(world.control);
    const before = await eventCursor(world.control);
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    let written = () => {};
    const wrote = new Promise<void>((resolve) => (written = resolve));
    const late = world.control.db.transaction(async (tx) => {
      await moveInstance(tx, slow.id, { from: ['WAITING'], to: 'CANCELLED', by: 'late', reason: 'x' });
      written();
      await held;
    });
    await wrote;
    await world.control.db.transaction((tx) =>
      moveInstance(tx, fast.id, { from: ['WAITING'], to: 'CANCELLED', by: 'fast', reason: 'x' }),
    );
    await sequence(world.control);
    const first = await take(watch(before), 1);
    expect(first.map((one) => one.transition?.by)).toEqual(['fast']);
    release();
    await late;
    await sequence(world.control);
    expect((await take(watch(first[0].cursor), 1)).map((one) => one.transition?.by)).toEqual(['late']);
    expect((await take(watch(before), 2)).map((one) => one.transition?.by)).toEqual(['fast', 'late']);
  });

  it('gives numbers without gaps while many commit and several number', async () => {
    const instances = await Promise.all(Array.from({ length: 60 }, made));
    const other = await world.other();
    let busy = true;
    const numbering = [world.control, other].map(async (control) => {
      while (busy) await sequence(control);
    });
    await Promise.all(
      instances.map((one) =>
        world.control.db.transaction(async (tx) => {
          await moveInstance(tx, one.id, { from: ['WAITING'], to: 'QUEUED', by: 'x', reason: 'x' });
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 30));
          await moveInstance(tx, one.id, { from: ['QUEUED'], to: 'CANCELLED', by: 'x', reason: 'x' });
        }),
      ),
    );
    busy = false;
    await Promise.all(numbering);
    await sequence(world.control);
    const [{ n, least, most, left }] = await world.control.db.execute<{ [key: string]: number }>(
      sql`select count(distinct sequence)::int n, min(sequence)::int least, max(sequence)::int most, count(*) filter (where sequence is null)::int as left from transitions`,
    );
    expect({ least, most, left }).toEqual({ least: 1, most: n, left: 0 });
    // Of one instance, in the order in which it went through its states.
    const rows = await world.control.db.execute<{ ordered: boolean }>(
      sql`select bool_and(id > before) as ordered from (select id, lag(id) over (partition by instance_id order by sequence) before from transitions) t where before is not null`,
    );
    expect(rows[0].ordered).toBe(true);
  });
});

describe('a watcher', () => {
  it('resumes anywhere: nothing missed, nothing twice', async () => {
    const from = await eventCursor(world.control);
    await Promise.all(Array.from({ length: 20 }, made));
    await sequence(world.control);
    const whole = (await take(watch(from), 20)).map((one) => one.cursor);
    const pieces: (string | null)[] = [];
    let cursor: string | null = from;
    while (pieces.length < 20) {
      for (const event of await take(watch(cursor), Math.min(3, 20 - pieces.length))) {
        cursor = event.cursor;
        pieces.push(cursor);
      }
    }
    expect(pieces).toEqual(whole);
    expect(new Set(whole).size).toBe(20);
  });

  it('hears of what another process does, through the database alone', async () => {
    const events = watch(await eventCursor(world.control));
    const first = events.next();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const instance = await made();
    const began = performance.now();
    await sequence(await world.other());
    expect((await first).value).toMatchObject({ instanceId: instance.id, transition: { to: 'WAITING' } });
    expect(performance.now() - began).toBeLessThan(1_500);
    await events.return(undefined);
  });

  it('ends at once when nobody reads it any more, and leaves no listener behind', async () => {
    let listening = 0;
    const counted: EventHub = {
      listen: (listener) => {
        const stop = hub.listen(listener);
        listening++;
        return () => {
          listening--;
          stop();
        };
      },
      stop: () => hub.stop(),
    };
    const events = watchInstances(world.control, counted, world.actor, {
      workspaceId: world.workspaceId,
      after: await eventCursor(world.control),
    });
    const pending = events.next();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(listening).toBe(1);
    await events.return(undefined);
    expect(await pending).toMatchObject({ done: true });
    expect(listening).toBe(0);
  });

  it('is told when its cursor is too old or none', async () => {
    await expect(watch('abc').next()).rejects.toMatchObject({ code: 'BAD_INPUT' });
    await world.control.db.execute(sql`delete from transitions where sequence <= 5`);
    await expect(watch('2').next()).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' });
  });

  it('of some states hears when an instance leaves them', async () => {
    const instance = await made();
    await sequence(world.control);
    const events = watch(await eventCursor(world.control), { filter: { states: ['WAITING'] } });
    await world.control.db.transaction((tx) =>
      moveInstance(tx, instance.id, { from: ['WAITING'], to: 'CANCELLED', by: 'x', reason: 'x' }),
    );
    await sequence(world.control);
    expect(await take(events, 1)).toMatchObject([{ instanceId: instance.id, left: true }]);
  });

  it.each([
    ['trigger', { triggers: ['ONLINE'] }, { triggers: ['MANUAL'] }],
    ['scheduled time', { scheduledFrom: new Date('2030-01-01') }, { scheduledTo: new Date('2030-01-01') }],
    ['business date', { businessFrom: '2030-01-01' }, { businessTo: '2030-01-01' }],
    ['need of a decision', { needsDecision: true }, { needsDecision: false }],
  ])('by its %s hears of what meets it alone', async (_, other, own) => {
    const from = await eventCursor(world.control);
    const instance = await made();
    await sequence(world.control);
    expect(await take(watch(from, { filter: own }), 1)).toMatchObject([{ instanceId: instance.id, left: false }]);
    const deaf = watch(from, { filter: other });
    const first = deaf.next();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await deaf.return(undefined);
    expect(await first).toMatchObject({ done: true });
  });

  it('of those that need a decision hears when one does no more', async () => {
    const instance = await made();
    const moved = (from: 'WAITING' | 'QUEUED' | 'RUNNING', to: 'QUEUED' | 'RUNNING' | 'SUCCEEDED', set = {}) =>
      world.control.db.transaction((tx) =>
        moveInstance(tx, instance.id, { from: [from], to, by: 'x', reason: 'x', set }),
      );
    await moved('WAITING', 'QUEUED');
    await moved('QUEUED', 'RUNNING', { needsDecision: true });
    await sequence(world.control);
    const events = watch(await eventCursor(world.control), { filter: { needsDecision: true } });
    await moved('RUNNING', 'SUCCEEDED', { needsDecision: false });
    await sequence(world.control);
    expect(await take(events, 1)).toMatchObject([{ instanceId: instance.id, left: true }]);
  });
});
