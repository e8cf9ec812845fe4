import { readFileSync } from 'node:fs';
import { type Client, createClient } from '@sampan/sdk';
import postgres, { type Sql } from 'postgres';
import { hasEnded, type Look, lookAt } from './chaos-look.ts';
import type { Mode, TargetKind } from './chaos-plan.ts';
import { OLD_ROWS } from './chaos-rows.ts';
import { openTargetSides, type TargetSide } from './chaos-targets.ts';
import { type ChaosWorld, COPIES, KEY, PROJECT } from './chaos-world.ts';
import { openDemoApi } from './demo-api.ts';
import { type SampanProcess, startSampan } from './servers.ts';

/** A server with a database of its own: what is killed here disturbs no other lane. */
export interface Lane {
  world: ChaosWorld;
  server: SampanProcess;
  /** The server's own database, to look at without asking the server. */
  database: Sql;
  databaseUrl: string;
  data: string;
  settings: { [name: string]: string };
  main: string | undefined;
  targets: { [kind in TargetKind]: TargetSide };
  /** Runs a task that copies the source; the instance's id as the database has it. */
  start(table: string, target: TargetKind, mode: Mode, where?: string): Promise<string>;
  look(instance: string): Promise<Look>;
  /** Starts the server again, on the same data. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export interface LaneOptions {
  /** The server program: another one for a build that is broken on purpose. */
  main?: string;
}

export const SPLITS = 4;
export async function openLane(world: ChaosWorld, name: string, { main }: LaneOptions = {}): Promise<Lane> {
  const data = `${world.folder}/${name}`;
  // What is lost is given on soon, and a busy machine loses nothing by itself.
  const settings = { SAMPAN_LEASE_SECONDS: '4' };
  const server = await startSampan(data, settings, main);
  const databaseUrl = databaseOf(data);
  const database = postgres(databaseUrl, { max: 2, onnotice: () => {}, backoff: () => 0.1 });
  const ids = await register(world, server);
  let client = createClient({ url: server.url, token: server.token });
  let tasks = 0;
  const lane: Lane = {
    world,
    server,
    database,
    databaseUrl,
    data,
    settings,
    main,
    targets: await openTargetSides(world),
    start: (table, target, mode, where) =>
      startTask(client, world, ids, { name: `${table}-${++tasks}`, table, target, mode, where: where ?? null }),
    look: (instance) => lookAt(database, instance),
    async restart() {
      await client.close();
      lane.server = await startSampan(data, settings, main);
      client = createClient({ url: lane.server.url, token: lane.server.token });
    },
    async close() {
      await client.close();
      await database.end({ timeout: 1 });
      await lane.server.stop();
      await Promise.all([lane.targets.mysql.close(), lane.targets.maxcompute.close()]);
    },
  };
  await seed(lane);
  return lane;
}

/** The old content that copies into MaxCompute begin with is itself a copy. */
async function seed(lane: Lane): Promise<void> {
  const { maxcompute } = lane.targets;
  if (await maxcompute.hasSeed()) return;
  await finished(lane, await lane.start('seed', 'maxcompute', 'OVERWRITE', `id < ${OLD_ROWS}`), 60_000);
}

/** How the instance ends, or how it stands when the time is over. */
export async function finished(lane: Lane, instance: string, limitMs: number): Promise<Look> {
  for (const deadline = Date.now() + limitMs; ; ) {
    const now = await lane.look(instance);
    if (hasEnded(now) || now.needsDecision || Date.now() > deadline) return now;
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}

interface Ids {
  source: string;
  mysql: string;
  maxcompute: string;
  folder: string;
}

async function register(world: ChaosWorld, server: SampanProcess): Promise<Ids> {
  const { host, port, user, password } = world.mysql;
  const api = openDemoApi(server.url, server.token);
  const at = (database: string) => ({ host, port, user, database });
  const ids = {
    source: await api.connect('mysql', 'shop', at('shop'), { password }),
    mysql: await api.connect('mysql', 'copies', at(COPIES), { password }),
    maxcompute: await api.connect(
      'maxcompute',
      'warehouse',
      { endpoint: world.warehouse.endpoint, project: PROJECT, accessId: KEY.id },
      { accessKey: KEY.secret },
    ),
    folder: await api.createFolder('chaos'),
  };
  await api.close();
  return ids;
}

async function startTask(
  client: Client,
  world: ChaosWorld,
  ids: Ids,
  copy: { name: string; table: string; target: TargetKind; mode: Mode; where: string | null },
): Promise<string> {
  const { name, table, target, mode, where } = copy;
  const task = {
    folderId: ids.folder,
    name,
    kind: 'FULL',
    source: { dataSourceId: ids.source, objects: ['orders'], splits: SPLITS, parallel: 2, fetchSize: 5_000, where },
    target: { dataSourceId: ids[target], object: table, create: true, writeMode: mode },
    mapping: world.columns.map((column) => ({ target: column, column })),
    schedule: { type: 'ONCE', timeZone: 'UTC' },
    options: {},
  };
  const { createTask } = await client.request<{ createTask: { task?: { id: string }; message?: string } }>(
    'mutation ($task: TaskInput!) { createTask(input: { task: $task }) { ... on CreateTaskSuccess { task { id } } ... on Error { message } } }',
    { task },
  );
  if (createTask.task === undefined) throw new Error(createTask.message);
  const { runTask } = await client.request<{ runTask: { instance?: { id: string }; message?: string } }>(
    'mutation ($id: ID!) { runTask(input: { id: $id }) { ... on RunTaskSuccess { instance { id } } ... on Error { message } } }',
    { id: createTask.task.id },
  );
  if (runTask.instance === undefined) throw new Error(runTask.message);
  return Buffer.from(runTask.instance.id, 'base64').toString().replace(/^.*:/, '');
}

/** The embedded database's own files tell where it listens and how to come in. */
function databaseOf(data: string): string {
  const port = readFileSync(`${data}/postgres/postmaster.pid`, 'utf8').split('\n')[3];
  const password = readFileSync(`${data}/postgres/sampan.password`, 'utf8');
  return `postgres://sampan:${password}@127.0.0.1:${port}/sampan`;
}
