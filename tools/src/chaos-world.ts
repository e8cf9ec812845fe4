import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Fault, tableFiles } from '@sampan/maxcompute-emulator';
import { duckFingerprints, type FingerprintSide, mysqlFingerprints } from './chaos-fingerprint.ts';
import { type ExpectedRows, expectRows } from './chaos-rows.ts';
import { fillSample } from './demo-sample.ts';
import { type MysqlServer, startMysql } from './mysql-server.ts';
import { pythonWithPyodps } from './pyodps.ts';
import { makeFolder } from './servers.ts';
import { type ColumnPair, columnPairs, mysqlLines, type SourcePlace } from './verify.ts';

export const PROJECT = 'demo';
export const KEY = { id: 'demo', secret: 'demo' };
/** Where copies into MySQL go. */
export const COPIES = 'copies';

/** What all lanes share: the source, and the systems that are copied into. */
export interface ChaosWorld {
  rows: number;
  folder: string;
  mysql: MysqlServer;
  place: SourcePlace;
  warehouse: EmulatorProcess;
  /** A Python with the official SDK; null where it cannot be had. */
  python: string | null;
  columns: string[];
  pairs: ColumnPair[];
  expected: ExpectedRows;
  fingerprints: { mysql: FingerprintSide; maxcompute: FingerprintSide };
  close(): Promise<void>;
}

/** The MaxCompute emulator in a process of its own. */
export interface EmulatorProcess {
  endpoint: string;
  data: string;
  fault(fault: Fault): Promise<void>;
  files(table: string): string[];
  stop(): Promise<void>;
}

export async function openChaosWorld(rows: number, python?: string | null): Promise<ChaosWorld> {
  const folder = await makeFolder('chaos');
  // Nobody pulls the plug of this server: it need not write through to the disk at each commit.
  const mysql = await startMysql({ settings: ['innodb_flush_log_at_trx_commit=2'] });
  const { host, port, user, password, client } = mysql;
  const place = { host, port, user, password, client, database: 'shop' };
  await fillSource(mysql, rows);
  const warehouse = await startEmulatorProcess(`${folder.path}/maxcompute`);
  const columns = await columnsOf(mysql);
  const pairs = await columnPairs(place, 'orders', columns);
  const printer = await mysql.connect(COPIES);
  const duck = await duckFingerprints(folder.path, mysqlLines(place, 'orders', pairs), pairs);
  return {
    rows,
    folder: folder.path,
    mysql,
    place,
    warehouse,
    python: python === undefined ? await pythonWithPyodps() : python,
    columns,
    pairs,
    expected: await expectRows(mysqlLines(place, 'orders', pairs)),
    fingerprints: { mysql: await mysqlFingerprints(printer, 'shop.orders', pairs), maxcompute: duck },
    async close() {
      duck.close();
      await printer.end();
      await warehouse.stop();
      await mysql.stop();
      await folder.remove();
    },
  };
}

/** The rows at the edges of their types go: they lie so far out that splits by key would be of unequal size. */
async function fillSource(mysql: MysqlServer, rows: number): Promise<void> {
  const filler = await mysql.connect();
  await fillSample(filler, rows + 3);
  await filler.query('DELETE FROM orders WHERE id < 0 OR id > 1000000000');
  const [[{ n }]] = (await filler.query('SELECT COUNT(*) n FROM orders')) as unknown as [[{ n: number }]];
  if (Number(n) !== rows) throw new Error(`The source has ${n} rows, and should have ${rows}.`);
  await filler.query(`CREATE DATABASE ${COPIES} CHARACTER SET utf8mb4`);
  await filler.end();
}

async function columnsOf(mysql: MysqlServer): Promise<string[]> {
  const connection = await mysql.connect('shop');
  const [found] = await connection.query(
    "SELECT COLUMN_NAME name FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = 'orders' ORDER BY ORDINAL_POSITION",
  );
  await connection.end();
  return (found as { name: string }[]).map((one) => one.name);
}

async function startEmulatorProcess(data: string): Promise<EmulatorProcess> {
  const main = fileURLToPath(new URL('../../connectors/maxcompute-emulator/dist/main.js', import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [main, '--port', '0', '--data', data, '--faults'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const endpoint = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout! }).on('line', (line) => resolve(line.replace('listening ', '')));
    child.once('exit', (code) => reject(new Error(`The emulator ended with exit code ${code}.`)));
  });
  const faults = new URL('/__faults', endpoint);
  return {
    endpoint,
    data,
    async fault(fault) {
      const { ok, status } = await fetch(faults, { method: 'POST', body: JSON.stringify(fault) });
      if (!ok) throw new Error(`The emulator refused a fault: ${status}.`);
    },
    files: (table) => tableFiles(data, PROJECT, table).flatMap((one) => one.files),
    async stop() {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await gone;
    },
  };
}
