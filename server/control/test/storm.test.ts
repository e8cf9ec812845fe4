import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventCursor, type InstanceEvent, startEventHub, watchInstances } from '../src/events.ts';
import { LEASE_SECONDS, openWorld, type World } from './world.ts';

const TASKS = 10_000;
const DUE = '2026-05-01T01:00:00Z';

let world: World;
const children: ChildProcess[] = [];
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await world?.close();
});

interface Scheduler {
  process: ChildProcess;
  /** Instances that it has ended so far. */
  ended(): number;
}

/** A scheduler in a process of its own; told once it works. */
async function startChild(name: string): Promise<Scheduler> {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const script = fileURLToPath(new URL('scheduler-child.ts', import.meta.url));
  const args = ['--conditions=source', `--import=${tsx}`, script, world.database.url, name];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  let ended = 0;
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}`)));
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (line === 'ready') resolve();
      else ended = Number(line);
    });
  });
  return { process: child, ended: () => ended };
}

/** So many tasks, online and due at the same second, each with a target of its own. */
async function makeTasks(): Promise<void> {
  await world.setClock('2026-05-01T00:30:00Z');
  const first = await world.task({ period: 'HOUR', every: 1 });
  await world.control.db.execute(sql`
    insert into tasks (workspace_id, folder_id, name, kind, state, chain, next_due)
    select workspace_id, folder_id, 'many ' || n, kind, state, chain, next_due from tasks, generate_series(2, ${TASKS}::int) n where id = ${first.id}`);
  await world.control.db.execute(sql`
    insert into task_versions (task_id, number, by_user, definition)
    select t.id, 1, v.by_user, jsonb_set(v.definition, '{target,object}', to_jsonb(t.name)) from tasks t, task_versions v
    where t.name like 'many %' and v.task_id = ${first.id}`);
}

/** Reads the stream until told to stop, dropping it and going on from its last cursor every so often. */
function follow(from: string, hub: Awaited<ReturnType<typeof startEventHub>>) {
  const seen: InstanceEvent[] = [];
  let stopped = false;
  let events: AsyncGenerator<InstanceEvent> | null = null;
  const reading = (async () => {
    while (!stopped) {
      const after = seen.at(-1)?.cursor ?? from;
      events = watchInstances(world.control, hub, world.actor, { workspaceId: world.workspaceId, after });
      for (let taken = 0; taken < 1_777; ) {
        const next = await events.next();
        if (next.done) break;
        if (next.value.cursor === null) continue;
        seen.push(next.value);
        taken++;
      }
      await events.return(undefined);
    }
  })();
  return {
    seen,
    async stop() {
      stopped = true;
      await events?.return(undefined);
      await reading;
    },
  };
}

const count = async (where: ReturnType<typeof sql>) =>
  (await world.control.db.execute<{ n: number }>(sql`select count(*)::int n from instances where ${where}`))[0].n;

async function until(what: string, holds: () => Promise<boolean> | boolean, limitMs = 60_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

it('ten thousand tasks due in one second, two schedulers, one killed: each period once, each event once and in order', async () => {
  await makeTasks();
  const hub = await startEventHub(world.control);
  const watcher = follow(await eventCursor(world.control), hub);
  const [doomed, other] = await Promise.all([startChild('doomed'), startChild('other')]);
  await world.setClock(DUE);
  const holds = () => count(sql`state = 'RUNNING' and owner = 'doomed'`);
  // In the middle: at this moment both plan, claim, end and number.
  await until('both are at work', async () => other.ended() > 300 && doomed.ended() > 300 && (await holds()) > 50);
  doomed.process.kill('SIGKILL');
  // Not all periods were planned yet.
  expect(await count(sql`true`)).toBeLessThan(TASKS);
  // What it had sent to the database before may still happen.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const left = await holds();
  expect(left).toBeGreaterThan(0);
  await until('all others have ended', async () => (await count(sql`state = 'SUCCEEDED'`)) === TASKS - left);
  expect(await holds()).toBe(left);
  // Its leases run out: the other takes over what it held.
  await world.setClock(new Date(Date.parse(DUE) + (LEASE_SECONDS + 1) * 1_000));
  await until('the rest has ended', async () => (await count(sql`state = 'SUCCEEDED'`)) === TASKS);

  const [periods] = await world.control.db.execute<{ [name: string]: number }>(sql`
    select count(*)::int as rows, count(distinct task_id)::int as tasks, count(distinct scheduled_at)::int as times,
      count(*) filter (where attempt = 2)::int as again, max(attempt)::int as most from instances`);
  expect(periods).toEqual({ rows: TASKS, tasks: TASKS, times: 1, again: left, most: 2 });
  const written = 4 * TASKS + 2 * left;
  await until('every event was seen', () => watcher.seen.length >= written);
  await watcher.stop();
  await hub.stop();
  other.process.kill('SIGKILL');
  expect(watcher.seen.map((event) => Number(event.cursor))).toEqual(Array.from({ length: written }, (_, at) => at + 1));
  const states = new Map<string, string[]>();
  for (const { instanceId, transition } of watcher.seen) {
    if (!states.has(instanceId)) states.set(instanceId, []);
    states.get(instanceId)!.push(transition!.to);
  }
  const once = 'WAITING QUEUED RUNNING SUCCEEDED';
  const again = 'WAITING QUEUED RUNNING QUEUED RUNNING SUCCEEDED';
  const ways = [...states.values()].map((way) => way.join(' '));
  expect(new Set(ways)).toEqual(new Set([once, again]));
  expect(ways.filter((way) => way === again).length).toBe(left);
}, 120_000);
