import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect as connectSocket } from 'node:net';
import { pathToFileURL } from 'node:url';
import type { Connector, Field, OpenContext, Session } from '@sampan/connector';
import { findManifests } from '@sampan/hosts/manifests';
import { type BlockWriter, Http, parseType, writeBlock } from '@sampan/maxcompute';
import type { Connection } from 'mysql2/promise';
import { type BenchRow, type Measured, measured, median, ratioOf } from './bench-measure.ts';
import { type MysqlServer, startMysql } from './mysql-server.ts';

const COLUMNS =
  'id BIGINT PRIMARY KEY, a INT NOT NULL, b INT UNSIGNED NOT NULL, amount DECIMAL(18,4) NOT NULL, ratio DOUBLE NOT NULL, name VARCHAR(80) NOT NULL, title VARCHAR(120) NOT NULL, created DATETIME(6) NOT NULL, day DATE NOT NULL, flag TINYINT NOT NULL, note TEXT NULL';
const DIGITS =
  'SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9';

/** Rows of 11 columns, about 248 bytes each. */
async function fill(sql: Connection, rows: number): Promise<void> {
  await sql.query(`CREATE DATABASE bench CHARACTER SET utf8mb4; USE bench; CREATE TABLE wide (${COLUMNS})`);
  for (let from = 0; from < rows; from += 100_000) {
    await sql.query(`INSERT INTO wide SELECT n, (n * 7) % 1000003 - 500000, n % 4294967291, (n % 99999999) / 10000 - 2000, n / 3.7, CONCAT('customer ', n, ' Müller 你好'), CONCAT(REPEAT('x', n % 40), ' title ', n),
      '2020-01-01' + INTERVAL n * 37 SECOND + INTERVAL n % 1000000 MICROSECOND, '2000-01-01' + INTERVAL n % 9000 DAY, n % 100 - 50, IF(n % 5 = 0, NULL, CONCAT('note ', n, REPEAT('é', n % 90)))
      FROM (SELECT CAST(${from} + a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d AS SIGNED) n FROM (${DIGITS}) a, (${DIGITS}) b, (${DIGITS}) c, (${DIGITS}) e, (${DIGITS}) f) t WHERE n < ${rows}`);
  }
  await sql.query('ANALYZE TABLE wide');
}

/** A tunnel that takes everything and does nothing with it. */
async function startSink(): Promise<{ endpoint: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    request.resume();
    request.once('end', () => response.writeHead(200).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => void server.close(),
  };
}

const ODPS = [
  'BIGINT',
  'INT',
  'BIGINT',
  'DECIMAL(18,4)',
  'DOUBLE',
  'STRING',
  'STRING',
  'TIMESTAMP_NTZ',
  'DATE',
  'TINYINT',
  'STRING',
];

function openBlock(endpoint: string, names: string[]): Promise<BlockWriter> {
  const http = new Http({ endpoint, tunnelEndpoint: endpoint, project: 'p', accessId: 'a', accessKey: 'k' });
  const columns = ODPS.map((type, at) => ({ name: names[at], type: parseType(type), nullable: true, comment: '' }));
  return writeBlock(
    http,
    { table: 't', partition: [] },
    { id: 'u', status: 'NORMAL', columns, maxFieldBytes: 8_388_608, blocks: [] },
    0,
  );
}

/** Our source and our encoder, one split, one thread. */
async function sampan(session: Session, fields: Field[], endpoint: string): Promise<number> {
  const { signal } = new AbortController();
  const columns = fields.map((field) => field.name);
  const plan = await session.source!.plan(
    { object: 'wide', columns, where: null, splitKey: null, splits: 1, maxBytes: null, fetchSize: null, options: {} },
    signal,
  );
  const block = await openBlock(endpoint, columns);
  let rows = 0;
  for await (const batch of session.source!.read(plan.splits[0], null, signal)) {
    await block.write(batch.columns, batch.rows);
    rows += batch.rows;
    batch.release();
  }
  await block.finish();
  return rows;
}

/** What is usually written: mysql2's streamed row arrays, turned into columns value by value, then the same encoder. */
async function peer(sql: Connection, endpoint: string, names: string[]): Promise<number> {
  const block = await openBlock(endpoint, names);
  const stream = (
    sql as unknown as { connection: { query(how: object): { stream(): AsyncIterable<unknown[]> } } }
  ).connection
    .query({ sql: 'SELECT * FROM bench.wide', rowsAsArray: true })
    .stream();
  let rows = 0;
  let waiting: unknown[][] = [];
  const flush = async () => {
    if (waiting.length > 0)
      await block.write(ODPS.map((type, at) => columnOf(type, waiting, at)) as never, waiting.length);
    rows += waiting.length;
    waiting = [];
  };
  for await (const row of stream) {
    waiting.push(row);
    if (waiting.length === 8_192) await flush();
  }
  await flush();
  await block.finish();
  return rows;
}

const MIDNIGHT_1970 = Date.UTC(1970, 0, 1);

function columnOf(type: string, rows: unknown[][], at: number): object {
  const length = rows.length;
  const validity = new Uint8Array((length + 7) >> 3);
  for (let row = 0; row < length; row++) if (rows[row][at] !== null) validity[row >> 3] |= 1 << (row & 7);
  const numbers = (Kind: new (length: number) => { [row: number]: number }, of: (value: never) => number) => {
    const values = new Kind(length);
    for (let row = 0; row < length; row++) values[row] = rows[row][at] === null ? 0 : of(rows[row][at] as never);
    return { length, validity, values };
  };
  switch (type) {
    case 'BIGINT': {
      const values = new BigInt64Array(length);
      for (let row = 0; row < length; row++) values[row] = BigInt(rows[row][at] as string);
      return { length, validity, values };
    }
    case 'TIMESTAMP_NTZ': {
      const values = new BigInt64Array(length);
      for (let row = 0; row < length; row++) {
        const text = rows[row][at] as string;
        values[row] =
          BigInt(Date.parse(`${text.slice(0, 10)}T${text.slice(11, 19)}Z`)) * 1_000n + BigInt(text.slice(20));
      }
      return { length, validity, values };
    }
    case 'DATE':
      return numbers(
        Int32Array as never,
        (value: string) => (Date.parse(`${value}T00:00:00Z`) - MIDNIGHT_1970) / 86_400_000,
      );
    case 'DOUBLE':
      return numbers(Float64Array as never, Number);
    case 'INT':
      return numbers(Int32Array as never, Number);
    case 'TINYINT':
      return numbers(Int8Array as never, Number);
    default: {
      const parts = rows.map((row) => Buffer.from((row[at] as string | null) ?? ''));
      const offsets = new Int32Array(length + 1);
      for (let row = 0; row < length; row++) offsets[row + 1] = offsets[row] + parts[row].length;
      return { length, validity, offsets, data: Buffer.concat(parts) };
    }
  }
}

async function openSource(server: MysqlServer): Promise<Session> {
  const manifest = findManifests({
    nodeModules: [new URL('../../node_modules', import.meta.url).pathname],
    plugins: [],
  }).find((one) => one.package === '@sampan/connector-mysql');
  const connector = ((await import(pathToFileURL(manifest!.module).href)) as { default: Connector }).default;
  const context: OpenContext = {
    dial: (address) =>
      new Promise((resolve, reject) => {
        const socket = connectSocket(address as never, () => resolve(socket));
        socket.once('error', reject);
      }),
    log: () => {},
    statement: () => {},
  };
  return connector.open(
    connector.config.parse({
      host: server.host,
      port: server.port,
      user: server.user,
      password: server.password,
      database: 'bench',
      ssl: { mode: 'DISABLED' },
    }),
    context,
  );
}

/** MySQL → tunnel over HTTP, one thread, against what is usually written. */
export async function benchP2a(rows: number, runs: number): Promise<{ rows: BenchRow[]; server: string }> {
  const server = await startMysql();
  const sink = await startSink();
  const sql = await server.connect();
  const plain = await import('mysql2/promise').then((mysql) =>
    mysql.createConnection({
      host: server.host,
      port: server.port,
      user: server.user,
      password: server.password,
      dateStrings: true,
      supportBigNumbers: true,
      bigNumberStrings: true,
      charset: 'UTF8MB4_BIN',
    }),
  );
  try {
    process.stderr.write(`${server.flavor} ${server.version.split(' ')[0]}: filling ${rows} rows…\n`);
    await fill(sql, rows);
    const session = await openSource(server);
    const { fields } = await session.describe('wide', new AbortController().signal);
    const names = fields.map((field) => field.name);
    const ours: Measured[] = [];
    const peers: Measured[] = [];
    // In turn: the machine's speed drifts.
    for (let run = 0; run <= runs; run++) {
      const one = await measured(rows, () => sampan(session, fields, sink.endpoint));
      const other = await measured(rows, () => peer(plain, sink.endpoint, names));
      // The first of each warms up.
      if (run > 0) {
        ours.push(one);
        peers.push(other);
      }
    }
    const [own, theirs] = [median(ours), median(peers)];
    const ratio = ratioOf(own, theirs);
    const row: BenchRow = {
      id: 'P2a',
      name: 'MySQL → tunnel over HTTP, one thread',
      ...own,
      peer: 'mysql2 streamed row arrays',
      peerRowsPerSecond: theirs.rowsPerSecond,
      peerCpuPerMRow: theirs.cpuPerMRow,
      ratio,
      target: 3.5,
      met: ratio >= 3.5,
    };
    return { rows: [row], server: server.version };
  } finally {
    await plain.end();
    await sql.end();
    await sink.close();
    await server.stop();
  }
}
