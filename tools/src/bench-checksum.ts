import type { Session } from '@sampan/connector';
import { Http } from '@sampan/maxcompute';
import { tableFiles } from '@sampan/maxcompute-emulator';
import { startChild } from './bench-child.ts';
import { mysqlOptions, openConnector } from './bench-connectors.ts';
import { ALONE, type BenchRow, measured } from './bench-measure.ts';
import { fillWide, WIDE } from './bench-table.ts';
import { mysqlChecksum, parquetChecksum, type TableChecksum } from './checksum.ts';
import type { CopyOrder } from './copy-runner.ts';
import { startMysql } from './mysql-server.ts';
import { makeFolder } from './servers.ts';
import { startEmulatorProcess } from './start-emulator.ts';
import type { SourcePlace } from './verify.ts';
import { copyBack, copyIn, createTable, WAYS, type Way } from './ways.ts';

const DEMO = { project: 'demo', accessId: 'demo', accessKey: 'demo' };

interface World {
  http: Http;
  source: Session;
  /** The folder of the emulator. */
  data: string;
  place: SourcePlace;
  wanted: TableChecksum;
}

/**
 * Copies the benchmarks' table from MySQL into the emulator as a run does, then through each way of the tunnel, and from
 * there through our columns into another table the same way; whether the checksum of each copy is MySQL's own.
 */
export async function benchChecksum(rows: number): Promise<{ rows: BenchRow[]; server: string }> {
  const server = await startMysql();
  const folder = await makeFolder('bench-checksum');
  const emulator = await startEmulatorProcess(folder.path);
  const http = new Http({ endpoint: emulator.endpoint, ...DEMO });
  const sql = await server.connect();
  try {
    process.stderr.write(`${server.flavor} ${server.version.split(' ')[0]}: filling ${rows} rows…\n`);
    await fillWide(sql, rows);
    const source = await openConnector('@sampan/connector-mysql', mysqlOptions(server));
    const { host, port, user, password, client } = server;
    const place = { host, port, user, password, client, database: 'bench' };
    const wanted = await mysqlChecksum(sql, place, WIDE);
    process.stderr.write(`MySQL: ${wanted.rows} rows, checksum ${wanted.sums}\n`);
    const world = { http, source, data: folder.path, place, wanted };
    const found: BenchRow[] = [await byRun(world, mysqlOptions(server), { endpoint: emulator.endpoint, ...DEMO })];
    for (const way of WAYS) found.push(...(await through(world, way)));
    await source[Symbol.asyncDispose]();
    return { rows: found, server: server.version };
  } finally {
    await sql.end();
    http.close();
    await emulator.stop();
    await folder.remove();
    await server.stop();
  }
}

/** The connectors and the engine in a run's process, two splits at a time. */
async function byRun(world: World, source: CopyOrder['source'], target: CopyOrder['target']): Promise<BenchRow> {
  const copies = startChild<CopyOrder>('copy-runner');
  try {
    await createTable(world.http, WIDE);
    const found = await copies.run({ source, target, rows: world.wanted.rows, parallel: 2 });
    return { ...found, ...(await judged(world, WIDE)), name: 'MySQL → emulator, a whole run' };
  } finally {
    copies.stop();
  }
}

async function through(world: World, way: Way): Promise<BenchRow[]> {
  const { http, source, wanted } = world;
  const [there, back] = [`there_${way.name}`, `back_${way.name}`];
  await createTable(http, there);
  await createTable(http, back);
  const first = await measured(wanted.rows, () => copyIn(http, source, way, there));
  const second = await measured(wanted.rows, () => copyBack(http, way, there, back));
  return [
    { ...first, ...(await judged(world, there)), name: `MySQL → emulator, ${way.name}` },
    { ...second, ...(await judged(world, back)), name: `emulator → columns → emulator, ${way.name}` },
  ];
}

/** 1 where the checksum is MySQL's, else 0. */
async function judged({ data, place, wanted }: World, table: string) {
  const files = tableFiles(data, DEMO.project, table).flatMap((part) => part.files);
  const found = await parquetChecksum(files, place, WIDE);
  const met = found.rows === wanted.rows && found.sums === wanted.sums;
  process.stderr.write(`${table}: ${found.rows} rows, checksum ${found.sums}${met ? ', equal' : ': NOT EQUAL'}\n`);
  return { ...ALONE, id: 'checksum', ratio: met ? 1 : 0, target: 1, met };
}
