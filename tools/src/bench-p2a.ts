import { type BlockWriter, Http, parseType, writeBlock } from '@sampan/maxcompute';
import type { Connection } from 'mysql2/promise';
import mysql from 'mysql2/promise';
import { startChild } from './bench-child.ts';
import { mysqlOptions } from './bench-connectors.ts';
import { ALONE, type BenchRow, type Measured, measured, median, ratioOf } from './bench-measure.ts';
import { fillWide, WIDE, WIDE_COLUMNS } from './bench-table.ts';
import type { CopyOrder } from './copy-runner.ts';
import { type MysqlServer, startMysql } from './mysql-server.ts';
import { startReplay } from './start-replay.ts';

const ODPS = WIDE_COLUMNS.map((column) => column.type);
const DEMO = { project: 'p', accessId: 'a', accessKey: 'k' };

function openBlock(url: string): Promise<BlockWriter> {
  const http = new Http({ endpoint: `${url}/api`, tunnelEndpoint: url, ...DEMO });
  const columns = WIDE_COLUMNS.map(({ name, type }) => ({ name, type: parseType(type), nullable: true, comment: '' }));
  const session = { id: 'u', status: 'NORMAL' as const, columns, maxFieldBytes: 8_388_608, blocks: [] };
  return writeBlock(http, { table: WIDE, partition: [] }, session, 0);
}

/** What is usually written: mysql2's streamed row arrays, turned into columns value by value, then the same encoder. */
async function peer(sql: Connection, url: string): Promise<number> {
  const block = await openBlock(url);
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

const plainConnection = ({ host, port, user, password }: MysqlServer) =>
  mysql.createConnection({
    host,
    port,
    user,
    password,
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    charset: 'UTF8MB4_BIN',
  });

/**
 * MySQL → tunnel over HTTP: what a run's process does on one thread, from its description of the source to the commit,
 * against what is usually written; and that process with two splits at a time. The tunnel is another process, and takes
 * everything.
 */
export async function benchP2a(rows: number, runs: number): Promise<{ rows: BenchRow[]; server: string }> {
  const server = await startMysql();
  const sink = await startReplay(WIDE_COLUMNS, 0);
  const copies = startChild<CopyOrder>('copy-runner');
  const sql = await server.connect();
  const plain = await plainConnection(server);
  try {
    process.stderr.write(`${server.flavor} ${server.version.split(' ')[0]}: filling ${rows} rows…\n`);
    await fillWide(sql, rows);
    const source = mysqlOptions(server);
    const target = { endpoint: `${sink.url}/api`, tunnelEndpoint: sink.url, ...DEMO };
    const ours: Measured[] = [];
    const peers: Measured[] = [];
    // In turn: the machine's speed drifts.
    for (let run = 0; run <= runs; run++) {
      const one = await copies.run({ source, target, rows, parallel: 1 });
      const other = await measured(rows, () => peer(plain, sink.url));
      // The first of each warms up.
      if (run > 0) {
        ours.push(one);
        peers.push(other);
      }
    }
    const two = await copies.run({ source, target, rows, parallel: 2 });
    return { rows: [comparison(median(ours), median(peers)), memory(two)], server: server.version };
  } finally {
    await plain.end();
    await sql.end();
    copies.stop();
    sink.stop();
    await server.stop();
  }
}

function comparison(own: Measured, theirs: Measured): BenchRow {
  const ratio = ratioOf(own, theirs);
  return {
    id: 'P2a',
    name: 'MySQL → tunnel over HTTP, one thread, the whole run',
    ...own,
    peer: 'mysql2 streamed row arrays',
    peerRowsPerSecond: theirs.rowsPerSecond,
    peerCpuPerMRow: theirs.cpuPerMRow,
    ratio,
    target: 3.5,
    met: ratio >= 3.5,
  };
}

const MOST_MB = 220;

const memory = (own: Measured): BenchRow => ({
  id: 'P6',
  name: "MB of a run's process, two splits at a time",
  ...own,
  ...ALONE,
  target: MOST_MB,
  met: own.rssMb <= MOST_MB,
});
