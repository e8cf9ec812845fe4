import { sql } from 'drizzle-orm';
import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { makeFolder } from '../../../tools/src/servers.ts';
import { type OpenedDatabase, openDatabase } from '../src/database.ts';

let database: OpenedDatabase;
let killer: Sql;
let remove: () => Promise<void>;

beforeAll(async () => {
  const folder = await makeFolder('database');
  remove = folder.remove;
  database = await openDatabase({ databaseUrl: null, data: folder.path });
  killer = postgres(database.url, { max: 1, onnotice: () => {}, connection: { application_name: 'killer' } });
  await killer`create table halves (transaction uuid not null, half int not null)`;
}, 120_000);
afterAll(async () => {
  await killer?.end({ timeout: 1 });
  await database?.close();
  await remove?.();
});

const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis));

it('transactions whose connections are ended in the middle are whole or nothing, and those behind them go on', async () => {
  // An error that nobody catches would end the server.
  const uncaught: unknown[] = [];
  const note = (error: unknown) => uncaught.push(error);
  process.on('uncaughtException', note).on('unhandledRejection', note);
  onTestFinished(() => void process.off('uncaughtException', note).off('unhandledRejection', note));
  const done = Array<number>(20).fill(0);
  let failed = 0;
  let on = true;
  const both = (lane: number) =>
    database.db.transaction(async (tx) => {
      const [{ id }] = await tx.execute<{ id: string }>(sql`select gen_random_uuid() id`);
      await tx.execute(sql`insert into halves values (${id}, 1)`);
      // The connection is lost while nothing is asked of it, or while this process is busy.
      if (lane % 2 === 0) await pause(Math.random() * 5);
      else for (const until = Date.now() + 2; Date.now() < until; );
      await tx.execute(sql`insert into halves values (${id}, 2)`);
    });
  const lanes = done.map(async (_, lane) => {
    while (on) {
      await both(lane).then(
        () => done[lane]++,
        () => failed++,
      );
    }
  });
  for (let round = 0; round < 60; round++) {
    await pause(30);
    await killer`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sampan'`;
  }
  const before = [...done];
  await expect.poll(() => done.every((count, lane) => count > before[lane]), { timeout: 20_000 }).toBe(true);
  on = false;
  await Promise.all(lanes);
  expect(failed).toBeGreaterThan(20);
  expect(uncaught).toEqual([]);
  const [{ n }] = await killer`
    select count(*)::int n from (select transaction from halves group by 1 having array_agg(half order by half) <> '{1,2}') t`;
  expect(n).toBe(0);
}, 90_000);

it('what a frozen process holds in a transaction is given back in time for those who take over from it', async () => {
  await killer`create table held (id int primary key, n int not null)`;
  await killer`insert into held values (1, 0)`;
  const began = Date.now();
  let waited = 0;
  // Between two statements nothing tells a process that is frozen from one that is busy but the time.
  const frozen = database.db.transaction(async (tx) => {
    await tx.execute(sql`update held set n = n + 1 where id = 1`);
    await database.db.transaction((other) => other.execute(sql`update held set n = n + 10 where id = 1`));
    waited = Date.now() - began;
    await tx.execute(sql`update held set n = n + 100 where id = 1`);
  });
  await expect(frozen).rejects.toThrow();
  await expect.poll(async () => (await killer`select n from held`)[0].n).toBe(10);
  expect(waited).toBeLessThan(25_000);
}, 60_000);
