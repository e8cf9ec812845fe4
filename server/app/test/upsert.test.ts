import { execFileSync } from 'node:child_process';
import { tableFiles } from '@sampan/maxcompute-emulator';
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compareTables } from '../../../tools/src/verify.ts';
import { type Any, createTask, ended, instance, openWorld, runTask, taskInput, until, type World } from './world.ts';

const ROWS = 12_000;
let world: World;

beforeAll(async () => {
  world = await openWorld(ROWS);
}, 120_000);
afterAll(() => world?.close());

const upserting = (name: string, changes: { [part: string]: Any } = {}) =>
  taskInput(world, name, { ...changes, target: { writeMode: 'UPSERT', ...changes.target } });

async function made(task: Any): Promise<string> {
  const answer = await createTask(world, task);
  if (answer.task === undefined) throw new Error(JSON.stringify(answer));
  return answer.task.id;
}

const run = async (task: string) => ended(world, await runTask(world, task));

/** The table's files, read by DuckDB, against MySQL's own text. */
const compare = (table: string) => {
  const { host, port, user, password, client } = world.mysql;
  const files = tableFiles(`${world.data}/maxcompute`, 'demo', table).flatMap((one) => one.files);
  return compareTables({ host, port, user, password, client, database: 'shop' }, 'orders', files);
};

it('a table is upserted into twice: changed rows are replaced, new ones added, the others stay', async () => {
  const task = await made(upserting('merged', { source: { splits: 3 } }));
  const first = await run(task);
  expect(first).toMatchObject({ state: 'SUCCEEDED', progress: { rowsWritten: String(ROWS), rowsDirty: '0' } });
  expect(first.statements[0].sql).toMatch(/PRIMARY KEY \(`id`\)\) TBLPROPERTIES \("transactional"="true"/);
  expect(first.publish).toMatchObject({ visible: expect.stringMatching(/until the commit/) });
  expect(await compare('merged')).toMatchObject({ rows: ROWS, mismatches: 0 });
  await world.sql.query("UPDATE shop.orders SET note = 'changed 🙂', amount = amount + 1 WHERE id % 7 = 0");
  await world.sql.query(
    'INSERT INTO shop.orders SELECT id + 1000000, quantity, serial, amount, tax, ratio, customer, note, created, day, flag, token FROM shop.orders WHERE id <= 500',
  );
  expect(await run(task)).toMatchObject({ state: 'SUCCEEDED' });
  const [[{ n }]] = await world.sql.query<RowDataPacket[]>('SELECT COUNT(*) n FROM shop.orders');
  expect(Number(n)).toBeGreaterThan(ROWS);
  expect(await compare('merged')).toMatchObject({ rows: Number(n), mismatches: 0 });
  // Read by a SELECT, a Delta table is a source as well.
  const back = taskInput(world, 'merged back', {
    source: { dataSourceId: world.warehouse, objects: ['merged'], splits: 2 },
    target: { dataSourceId: world.source, object: 'returned' },
  });
  expect(await run(await made(back))).toMatchObject({ state: 'SUCCEEDED', progress: { rowsRead: String(n) } });
  const [[same]] = await world.sql.query<RowDataPacket[]>(
    'SELECT COUNT(*) n FROM shop.orders o JOIN shop.returned r ON o.id = r.id WHERE o.note <=> r.note AND o.amount = r.amount',
  );
  expect(same.n).toBe(n);
}, 180_000);

it('a host that is killed in the middle, and a commit whose answer is lost, publish once and whole', async () => {
  const slow = upserting('killed', {
    source: { splits: 4, parallel: 2 },
    options: { rowsPerSecond: 5_000, retries: 3 },
  });
  const id = await runTask(world, await made(slow));
  await until('rows are flowing', async () => Number((await instance(world, id)).progress.rowsWritten) > 3_000);
  world.emulator.faults.add({ kind: 'lostAnswer', operation: 'commitUpload', path: '/tables/killed/upserts' });
  for (const pid of hosts(world.server.pid)) process.kill(pid, 'SIGKILL');
  expect(tableFiles(`${world.data}/maxcompute`, 'demo', 'killed').flatMap((one) => one.files)).toEqual([]);
  const done = await ended(world, id, 90_000);
  expect(done).toMatchObject({ state: 'SUCCEEDED', needsDecision: false });
  expect(done.attempts.length).toBeGreaterThan(1);
  const [[{ n }]] = await world.sql.query<RowDataPacket[]>('SELECT COUNT(*) n FROM shop.orders');
  expect(await compare('killed')).toMatchObject({ rows: Number(n), mismatches: 0 });
}, 180_000);

it('keys are checked when a task is submitted, and rows that they cannot tell apart fail the run', async () => {
  const refused = async (task: Any) => (await createTask(world, task)).issues;
  expect(await refused(upserting('merged again', { target: { object: 'merged', keys: ['customer'] } }))).toEqual([
    expect.objectContaining({ path: ['target', 'keys'], code: 'KEYS_NOT_PRIMARY_KEY' }),
  ]);
  expect(await refused(upserting('other', { target: { keys: ['nothing'] } }))).toEqual([
    expect.objectContaining({ path: ['target', 'keys'], code: 'KEY_NOT_MAPPED' }),
  ]);
  await world.sql.query('CREATE TABLE shop.keyless (code VARCHAR(20) NOT NULL, v INT)');
  await world.sql.query("INSERT INTO shop.keyless VALUES ('a', 1), ('b', 2), ('a', 3)");
  const keyless = (changes: object) =>
    upserting('keyless', {
      source: { objects: ['keyless'] },
      target: changes,
      mapping: ['code', 'v'].map((column) => ({ target: column, column })),
    });
  expect(await refused(keyless({}))).toEqual([
    expect.objectContaining({ path: ['target', 'keys'], code: 'KEYS_MISSING' }),
  ]);
  const task = await made(keyless({ keys: ['code'] }));
  expect(await run(task)).toMatchObject({ state: 'FAILED', failure: { kind: 'DATA' } });
  await world.sql.query('DELETE FROM shop.keyless WHERE v = 3');
  expect(await run(task)).toMatchObject({ state: 'SUCCEEDED', progress: { rowsWritten: '2' } });
}, 120_000);

function hosts(pid: number): number[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' }).trim().split('\n');
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent, ...args]) => Number(parent) === pid && args.join(' ').includes('child.js'))
    .map(([child]) => Number(child));
}
