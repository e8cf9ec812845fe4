import { cpSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Emulator, startEmulator } from '@sampan/maxcompute-emulator';
import { type Client, createClient } from '@sampan/sdk';
import type { Connection } from 'mysql2/promise';
import { fillSample } from '../../../tools/src/demo-sample.ts';
import { type MysqlServer, startMysql } from '../../../tools/src/mysql-server.ts';
import { makeFolder, type SampanProcess, startSampan } from '../../../tools/src/servers.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at with matchers
export type Any = any;

/** Everything of a deployment, real and private to one test file. */
export interface World {
  mysql: MysqlServer;
  sql: Connection;
  emulator: Emulator;
  server: SampanProcess;
  client: Client;
  data: string;
  settings: { [name: string]: string };
  source: string;
  warehouse: string;
  folder: string;
  /** Starts the server again on the same data. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export const ERROR =
  '__typename ... on ValidationError { issues { path code message hint } } ... on Error { code message hint }';

export async function createDataSource(client: Client, input: object): Promise<Any> {
  const query = `mutation ($input: CreateDataSourceInput!) { createDataSource(input: $input) { ... on CreateDataSourceSuccess { dataSource { id options secretNames } } ${ERROR} } }`;
  return (await client.request<Any>(query, { input })).createDataSource;
}

export async function openWorld(rows: number): Promise<World> {
  const folder = await makeFolder('world');
  const mysql = await startMysql();
  const sql = await mysql.connect();
  await fillSample(sql, rows);
  const emulator = await startEmulator({ data: `${folder.path}/maxcompute` });
  const settings = { SAMPAN_LEASE_SECONDS: '3' };
  cpSync(
    fileURLToPath(new URL('../../../docs/examples/connector-jsonl', import.meta.url)),
    `${folder.path}/data/plugins/jsonl`,
    { recursive: true },
  );
  const server = await startSampan(`${folder.path}/data`, settings);
  const client = createClient({ url: server.url, token: server.token });
  const options = { host: mysql.host, port: mysql.port, user: mysql.user, database: 'shop' };
  const source = await createDataSource(client, {
    connector: 'mysql',
    name: 'shop',
    options,
    secrets: { password: mysql.password },
  });
  const warehouse = await createDataSource(client, {
    connector: 'maxcompute',
    name: 'warehouse',
    options: { endpoint: emulator.endpoint, project: 'demo', accessId: 'demo' },
    secrets: { accessKey: 'demo' },
  });
  const { createFolder } = await client.request<Any>(
    `mutation { createFolder(input: { name: "nightly" }) { ... on CreateFolderSuccess { folder { id } } ${ERROR} } }`,
  );
  const world: World = {
    mysql,
    sql,
    emulator,
    server,
    client,
    settings,
    data: folder.path,
    source: source.dataSource.id,
    warehouse: warehouse.dataSource.id,
    folder: createFolder.folder.id,
    async restart() {
      await world.client.close();
      world.server = await startSampan(`${folder.path}/data`, settings);
      world.client = createClient({ url: world.server.url, token: world.server.token });
    },
    async close() {
      await world.client.close();
      await world.server.stop();
      await emulator.close();
      await sql.end();
      await mysql.stop();
      await folder.remove();
    },
  };
  return world;
}

export const COLUMNS = [
  'id',
  'quantity',
  'serial',
  'amount',
  'tax',
  'ratio',
  'customer',
  'note',
  'created',
  'day',
  'flag',
  'token',
];

export function taskInput(world: World, name: string, changes: { [part: string]: Any } = {}): Any {
  return {
    folderId: world.folder,
    name,
    kind: 'FULL',
    source: { dataSourceId: world.source, objects: ['orders'], ...changes.source },
    target: { dataSourceId: world.warehouse, object: name, create: true, writeMode: 'OVERWRITE', ...changes.target },
    mapping: changes.mapping ?? COLUMNS.map((column) => ({ target: column, column })),
    schedule: changes.schedule ?? { type: 'ONCE', timeZone: 'UTC' },
    options: changes.options ?? {},
  };
}

export async function createTask(world: World, task: Any): Promise<Any> {
  const query = `mutation ($task: TaskInput!) { createTask(input: { task: $task }) { ... on CreateTaskSuccess { task { id revision version state } } ${ERROR} } }`;
  return (await world.client.request<Any>(query, { task })).createTask;
}

export async function runTask(world: World, id: string): Promise<string> {
  const { runTask: answer } = await world.client.request<Any>(
    `mutation ($id: ID!) { runTask(input: { id: $id }) { ... on RunTaskSuccess { instance { id } } ${ERROR} } }`,
    { id },
  );
  if (answer.instance === undefined) throw new Error(JSON.stringify(answer));
  return answer.instance.id;
}

export async function instance(world: World, id: string): Promise<Any> {
  const query = `query ($id: ID!) { node(id: $id) { ... on Instance {
    id state phase waitingFor needsDecision warnings failure { kind code message hint side } progress { rowsRead rowsWritten rowsDirty }
    attempts { number outcome memoryLimitBy } transitions { from to by reason } reconciliations { ok sourceRows targetRows }
    dirty(first: 5) { totalCount nodes { column value reason key } } statements { sql } splits { totalCount nodes { number state } } publish { way visible } } } }`;
  return (await world.client.request<Any>(query, { id })).node;
}

const ENDED = ['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'CANCELLED', 'SKIPPED'];

/** The instance once it has ended. */
export async function ended(world: World, id: string, limitMs = 60_000): Promise<Any> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    // A database that is just coming back answers with UNAVAILABLE: try again, as the hint says.
    const found = await instance(world, id).catch((error: { code?: string }) => {
      if (error.code !== 'UNAVAILABLE') throw error;
      return { state: 'unknown' };
    });
    if (ENDED.includes(found.state)) return found;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(found)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Waits until something holds. */
export async function until(what: string, holds: () => Promise<boolean> | boolean, limitMs = 30_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
