import { type Emulator, startEmulator } from '@sampan/maxcompute-emulator';
import { type Client, createClient } from '@sampan/sdk';
import type { Connection } from 'mysql2/promise';
import { openDemoApi } from './demo-api.ts';
import { fillSample } from './demo-sample.ts';
import { startMysql } from './mysql-server.ts';
import { makeFolder, type SampanProcess, startSampan } from './servers.ts';
import type { SourcePlace } from './verify.ts';

/** A deployment to break, and the means to look at it from outside. */
export interface ChaosWorld {
  rows: number;
  data: string;
  server: SampanProcess;
  client: Client;
  emulator: Emulator;
  /** A connection that only looks. */
  watcher: Connection;
  place: SourcePlace;
  source: string;
  mysqlTarget: string;
  warehouse: string;
  folder: string;
  columns(): Promise<string[]>;
  restart(): Promise<void>;
  close(): Promise<void>;
}

const SETTINGS = { SAMPAN_LEASE_SECONDS: '3' };

export async function openChaosWorld(rows: number): Promise<ChaosWorld> {
  const folder = await makeFolder('chaos');
  const mysql = await startMysql();
  const filler = await mysql.connect();
  await fillSample(filler, rows);
  await filler.end();
  const emulator = await startEmulator({ data: `${folder.path}/maxcompute` });
  const server = await startSampan(`${folder.path}/data`, SETTINGS);
  const { host, port, user, password } = mysql;
  const api = openDemoApi(server.url, server.token);
  const options = { host, port, user, database: 'shop' };
  const source = await api.connect('mysql', 'shop', options, { password });
  const mysqlTarget = await api.connect('mysql', 'copies', options, { password });
  const warehouse = await api.connect(
    'maxcompute',
    'warehouse',
    { endpoint: emulator.endpoint, project: 'demo', accessId: 'demo' },
    { accessKey: 'demo' },
  );
  const folderId = await api.createFolder('chaos');
  await api.close();
  const world: ChaosWorld = {
    rows,
    data: folder.path,
    server,
    client: createClient({ url: server.url, token: server.token }),
    emulator,
    watcher: await mysql.connect('shop'),
    place: { host, port, user, password, database: 'shop', client: mysql.client },
    source,
    mysqlTarget,
    warehouse,
    folder: folderId,
    async columns() {
      const [found] = await world.watcher.query(
        "SELECT COLUMN_NAME name FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = 'orders' ORDER BY ORDINAL_POSITION",
      );
      return (found as { name: string }[]).map((one) => one.name);
    },
    async restart() {
      await world.client.close();
      world.server = await startSampan(`${folder.path}/data`, SETTINGS);
      world.client = createClient({ url: world.server.url, token: world.server.token });
    },
    async close() {
      await world.client.close();
      await world.server.stop();
      await world.watcher.end();
      await emulator.close();
      await mysql.stop();
      await folder.remove();
    },
  };
  return world;
}
