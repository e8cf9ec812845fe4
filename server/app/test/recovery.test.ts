import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { tableFiles } from '@sampan/maxcompute-emulator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareTables } from '../../../tools/src/verify.ts';
import {
  type Any,
  createDataSource,
  createTask,
  ended,
  instance,
  openWorld,
  runTask,
  taskInput,
  until,
  type World,
} from './world.ts';

const ROWS = 60_000;
let world: World;

beforeAll(async () => {
  world = await openWorld(ROWS);
}, 120_000);
afterAll(() => world?.close());

/** Slow enough to be met in the middle. */
const slowly = { source: { splits: 4, parallel: 2 }, options: { rowsPerSecond: 20_000 } };

const compare = async (table: string) => {
  const { host, port, user, password, client } = world.mysql;
  return compareTables(
    { host, port, user, password, client, database: 'shop' },
    'orders',
    tableFiles(`${world.data}/maxcompute`, 'demo', table).flatMap((one) => one.files),
  );
};

async function midway(id: string): Promise<void> {
  await until('rows are flowing', async () => Number((await instance(world, id)).progress.rowsWritten) > 5_000);
}

/** Hosts that descend from a process. */
function descendants(pid: number, command = 'child.js'): number[] {
  const rows = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return rows
    .filter(([, parent, ...args]) => Number(parent) === pid && args.join(' ').includes(command))
    .map(([child]) => Number(child));
}

describe('a copy', () => {
  it('goes on after its server was killed with -9 in the middle', async () => {
    const { task } = await createTask(world, taskInput(world, 'killed', slowly));
    const id = await runTask(world, task.id);
    await midway(id);
    const hosts = descendants(world.server.pid);
    expect(hosts.length).toBeGreaterThan(0);
    await world.server.kill();
    await until('its hosts have gone with it', () => hosts.every((pid) => !alive(pid)), 5_000);
    expect(rowsIn('killed')).toBe(0);
    await world.restart();
    const done = await ended(world, id);
    expect(done).toMatchObject({ state: 'SUCCEEDED' });
    expect(done.transitions.map((one: Any) => one.reason)).toContain('lease lost');
    expect(done.attempts.length).toBeGreaterThan(1);
    expect(await compare('killed')).toMatchObject({ rows: ROWS, mismatches: 0 });
  }, 90_000);

  it('goes on after its host was killed with -9', async () => {
    const { task } = await createTask(world, taskInput(world, 'hostless', slowly));
    const id = await runTask(world, task.id);
    await midway(id);
    for (const pid of descendants(world.server.pid)) process.kill(pid, 'SIGKILL');
    const done = await ended(world, id);
    expect(done).toMatchObject({ state: 'SUCCEEDED' });
    expect(done.attempts[0].outcome).toBe('died');
    expect(await compare('hostless')).toMatchObject({ rows: ROWS, mismatches: 0 });
  }, 90_000);

  it('into MySQL goes on after its server was killed with -9, and leaves no staging behind', async () => {
    const options = { host: world.mysql.host, port: world.mysql.port, user: world.mysql.user, database: 'shop' };
    const copy = await createDataSource(world.client, {
      connector: 'mysql',
      name: 'copy',
      options,
      secrets: { password: world.mysql.password },
    });
    const { task } = await createTask(
      world,
      taskInput(world, 'tomysql', { ...slowly, target: { dataSourceId: copy.dataSource.id, object: 'orders_copy' } }),
    );
    const id = await runTask(world, task.id);
    await midway(id);
    expect(await staging()).toBeGreaterThan(0);
    await world.server.kill();
    await world.restart();
    expect(await ended(world, id)).toMatchObject({ state: 'SUCCEEDED' });
    const [[{ n }]] = (await world.sql.query(
      'SELECT COUNT(*) n FROM (SELECT * FROM orders EXCEPT SELECT * FROM orders_copy) d',
    )) as Any;
    const [[{ total }]] = (await world.sql.query('SELECT COUNT(*) total FROM orders_copy')) as Any;
    expect([Number(n), Number(total)]).toEqual([0, ROWS]);
    await until('staging is gone', async () => (await staging()) === 0, 15_000);
  }, 90_000);

  it('is stopped within seconds, and nothing of it is visible', async () => {
    const { task } = await createTask(world, taskInput(world, 'stopped', slowly));
    const id = await runTask(world, task.id);
    await midway(id);
    expect(descendants(world.server.pid, 'child.js run').length).toBe(1);
    await world.client.request('mutation ($ids: [ID!]!) { stopInstances(input: { ids: $ids }) { __typename } }', {
      ids: [id],
    });
    expect(await ended(world, id, 10_000)).toMatchObject({ state: 'CANCELLED' });
    await until('no run is left', () => descendants(world.server.pid, 'child.js run').length === 0, 5_000);
    expect(rowsIn('stopped')).toBe(0);
  }, 60_000);

  it('is committed once when the answer to the commit is lost', async () => {
    for (const kind of ['lostAnswer', 'lostRequest'] as const) {
      const { task } = await createTask(
        world,
        taskInput(world, `lost_${kind.toLowerCase()}`, { target: { object: 'lost', writeMode: 'APPEND' } }),
      );
      const before = rowsIn('lost');
      world.emulator.faults.add({ kind, operation: 'commitUpload', times: 1 });
      expect(await ended(world, await runTask(world, task.id))).toMatchObject({ state: 'SUCCEEDED' });
      expect(rowsIn('lost')).toBe(before + ROWS);
    }
  }, 60_000);

  it('survives the source going away and coming back', async () => {
    const { task } = await createTask(world, taskInput(world, 'sourceless', slowly));
    const id = await runTask(world, task.id);
    await midway(id);
    await world.mysql.kill();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await world.mysql.restart();
    world.sql = await world.mysql.connect('shop');
    expect(await ended(world, id)).toMatchObject({ state: 'SUCCEEDED' });
    expect(await compare('sourceless')).toMatchObject({ rows: ROWS, mismatches: 0 });
  }, 90_000);

  it('whose source has gone fails, and the old rows are still there, all of them', async () => {
    const { task } = await createTask(world, taskInput(world, 'kept', { options: { retries: 0 } }));
    expect(await ended(world, await runTask(world, task.id))).toMatchObject({ state: 'SUCCEEDED' });
    await world.mysql.kill();
    try {
      expect(await ended(world, await runTask(world, task.id))).toMatchObject({
        state: 'FAILED',
        failure: { kind: 'BUSY', side: 'READER' },
      });
      expect(rowsIn('kept')).toBe(ROWS);
    } finally {
      await world.mysql.restart();
      world.sql = await world.mysql.connect('shop');
    }
  }, 90_000);

  it('survives its database being killed under it: the database comes back, and so does everything else', async () => {
    const { task } = await createTask(world, taskInput(world, 'dbgone', slowly));
    const id = await runTask(world, task.id);
    await midway(id);
    process.kill(postmaster(), 'SIGKILL');
    await until('the API heals', () =>
      instance(world, id).then(
        () => true,
        () => false,
      ),
    );
    expect(await ended(world, id, 90_000)).toMatchObject({ state: 'SUCCEEDED' });
    expect(await compare('dbgone')).toMatchObject({ rows: ROWS, mismatches: 0 });
  }, 120_000);

  it('survives its database being killed, which heals by itself on the next start', async () => {
    const { task } = await createTask(world, taskInput(world, 'dbless', slowly));
    const id = await runTask(world, task.id);
    await midway(id);
    const pid = postmaster();
    process.kill(pid, 'SIGKILL');
    await world.server.kill();
    await world.restart();
    expect(await ended(world, id)).toMatchObject({ state: 'SUCCEEDED' });
    expect(await compare('dbless')).toMatchObject({ rows: ROWS, mismatches: 0 });
  }, 90_000);
});

it('events resume by cursor, nothing missed', async () => {
  const { instances } = await world.client.request<Any>('{ instances(first: 1) { eventCursor } }');
  const { task } = await createTask(world, taskInput(world, 'watched'));
  const id = await runTask(world, task.id);
  await ended(world, id);
  const seen: string[] = [];
  const query =
    'subscription ($after: String) { instancesChanged(after: $after) { cursor instance { id } transition { from to } } }';
  for await (const { instancesChanged } of world.client.subscribe<Any>(query, { after: instances.eventCursor })) {
    if (instancesChanged.transition !== null && instancesChanged.instance.id === id)
      seen.push(`${instancesChanged.transition.from}→${instancesChanged.transition.to}`);
    if (seen.at(-1)?.endsWith('SUCCEEDED')) break;
  }
  expect(seen).toEqual(['null→WAITING', 'WAITING→QUEUED', 'QUEUED→RUNNING', 'RUNNING→SUCCEEDED']);
});

async function staging(): Promise<number> {
  const [rows] = (await world.sql.query("SHOW TABLES LIKE 'sampan\\_stg%'")) as Any;
  return rows.length;
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

function rowsIn(table: string): number {
  try {
    const manifest = JSON.parse(readFileSync(`${world.data}/maxcompute/demo/tables/${table}/manifest.json`, 'utf8'));
    return manifest.partitions
      .flatMap((one: Any) => one.blocks)
      .reduce((sum: number, block: Any) => sum + block.rows, 0);
  } catch {
    return 0;
  }
}

/** The embedded database of this world. */
function postmaster(): number {
  const rows = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes('postgres') && line.includes(' -D '));
  const found = rows
    .map((line) => Number(line.trim().split(/\s+/)[0]))
    .find((pid) => readlinkSync(`/proc/${pid}/cwd`).startsWith(world.data));
  if (found === undefined) throw new Error('no database is running');
  return found;
}
