import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OpenedDatabase, openDatabase } from '../../app/src/database.ts';
import { planDue } from '../src/planner.ts';
import { createRunStore } from '../src/run-store.ts';
import { claimAs, controlOn, type Instance, LEASE_SECONDS, openWorld, type World } from './world.ts';

let world: World;
let proxy: Server;
let database: OpenedDatabase;
/** COMMITs that still are carried out, and whose answers are lost with the connection. */
let toLose = 0;

/** Between the store and the database: cuts the connection when the answer to a COMMIT is on its way. */
function losing(client: Socket, port: number): void {
  const server = connect(port, '127.0.0.1');
  client.on('data', (bytes) => server.write(bytes));
  server.on('data', (bytes) => {
    if (toLose === 0 || !bytes.includes('COMMIT\0')) return client.write(bytes);
    toLose--;
    client.destroy();
    server.destroy();
  });
  for (const [one, other] of [
    [client, server],
    [server, client],
  ])
    one.on('error', () => {}).on('close', () => other.destroy());
}

beforeAll(async () => {
  world = await openWorld();
  const url = new URL(world.database.url);
  const { port } = url;
  proxy = createServer((client) => losing(client, Number(port))).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  url.port = String((proxy.address() as AddressInfo).port);
  database = await openDatabase({ databaseUrl: url.href, data: '' });
});
afterAll(async () => {
  await database?.close();
  proxy?.close();
  await world?.close();
});

async function running(): Promise<Instance> {
  await world.setClock('2026-03-01T00:30:00Z');
  const task = await world.task({ period: 'HOUR', every: 1 });
  await world.setClock('2026-03-01T01:00:00Z');
  await planDue(world.control);
  return (await claimAs(world.control, 'w')).find((one) => one.taskId === task.id)!;
}

it('what was committed though nobody heard of it is there once', async () => {
  const instance = await running();
  const store = createRunStore(controlOn(database), instance, 'w', LEASE_SECONDS);
  const row = (split: number, reason: string) => ({
    split,
    row: 0,
    column: null,
    value: null,
    reason,
    key: null,
    record: null,
  });
  await store.dirty([row(0, 'first')]);
  await store.dirty([row(1, 'beside it')]);
  toLose = 2;
  await store.dirty([row(0, 'second'), row(0, 'third')]);
  expect(toLose).toBe(0);
  await store.dirty([row(1, 'behind it')]);
  toLose = 1;
  await store.reconciled({ ok: true, sourceRows: 1, targetRows: 1, message: '' });
  expect(toLose).toBe(0);
  const found = await world.control.db.execute(
    sql`select split, record ->> 'reason' as reason from dirty_records where instance_id = ${instance.id} order by split, id`,
  );
  expect([...found].map((one) => `${one.split} ${one.reason}`)).toEqual([
    '0 first',
    '0 second',
    '0 third',
    '1 beside it',
    '1 behind it',
  ]);
  const told = await world.control.db.execute(sql`select 1 from reconciliations where instance_id = ${instance.id}`);
  expect(told).toHaveLength(1);
});
