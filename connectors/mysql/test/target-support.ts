import { execFileSync } from 'node:child_process';
import { connect as dialTcp, type Socket } from 'node:net';
import type {
  Batch,
  Column,
  Field,
  Json,
  Lease,
  Load,
  LogicalType,
  OpenContext,
  Receipt,
  Target,
} from '@sampan/connector';
import { type Flavor, findMysql, type MysqlServer, startMysql } from '../../../tools/src/mysql-server.ts';
import { config } from '../src/config.ts';
import { connect } from '../src/connection.ts';
import { createTarget } from '../src/target.ts';

/** Both kinds where both are there; MySQL itself is found through PATH or MYSQL_SERVER_ROOT. */
export const flavors: { flavor: Flavor; skip: string | false }[] = (['mariadb', 'mysql'] as const).map((flavor) => ({
  flavor,
  skip:
    flavor === 'mysql' &&
    findMysql('mysql') === null &&
    "no MySQL server of Oracle's on this machine: set MYSQL_SERVER_ROOT",
}));

export const start = (flavor: Flavor, settings: string[] = []) => startMysql({ flavor, settings });

export const signal = () => new AbortController().signal;

export interface Told {
  statements: string[];
  warnings: string[];
}

export function dial(address: { host: string; port: number } | { path: string }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = dialTcp(address as { host: string; port: number });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

export function targetOf(
  server: { port: number; user: string; password: string },
  database: string,
  told?: Told,
  tls: 'PREFERRED' | 'DISABLED' = 'PREFERRED',
): Target {
  const options = config.parse({
    host: '127.0.0.1',
    port: server.port,
    user: server.user,
    password: server.password,
    database,
    ssl: { mode: tls },
  });
  const context: OpenContext = {
    dial,
    log: (_level, message) => told?.warnings.push(message),
    statement: (sql) => told?.statements.push(sql),
  };
  return createTarget((how) => connect(options, context, how), context);
}

/** The text client of the server: a reader that shares no code with ours. */
export function ask(server: MysqlServer, database: string, sql: string): string {
  const arguments_ = [
    '--no-defaults',
    '-h127.0.0.1',
    `-P${server.port}`,
    `-u${server.user}`,
    `-p${server.password}`,
    '--default-character-set=utf8mb4',
    '--batch',
    '--raw',
    '-N',
    database,
  ];
  return execFileSync(server.client as string, arguments_, {
    input: sql,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  }).trimEnd();
}

export function field(name: string, type: LogicalType, nullable = true): Field {
  return { name, type, native: '', nullable, generated: false };
}

export function loadOf(object: string, fields: Field[], more: Partial<Load> = {}): Load {
  return {
    object,
    create: true,
    ddl: null,
    fields,
    keys: [],
    mode: 'APPEND',
    partition: [],
    preSql: [],
    postSql: [],
    publish: 'auto',
    options: {},
    ...more,
  };
}

export const lease = (instance: string, attempt = 1): Lease => ({ instance, attempt });

type Cell = null | number | bigint | string | Buffer;

const ARRAYS = {
  bool: Uint8Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float32: Float32Array,
  float64: Float64Array,
  date: Int32Array,
  time: BigInt64Array,
  datetime: BigInt64Array,
  timestamp: BigInt64Array,
};

function column(kind: LogicalType['kind'], cells: Cell[]): Column {
  const { length } = cells;
  const validity = cells.includes(null) ? new Uint8Array((length + 7) >> 3) : undefined;
  if (validity !== undefined)
    for (const [i, cell] of cells.entries()) if (cell !== null) validity[i >> 3] |= 1 << (i & 7);
  const ArrayType = ARRAYS[kind as keyof typeof ARRAYS];
  if (ArrayType !== undefined) {
    const values = new ArrayType(length);
    for (const [i, cell] of cells.entries()) {
      if (cell !== null)
        (values as { [index: number]: unknown })[i] =
          values instanceof BigInt64Array || values instanceof BigUint64Array ? BigInt(cell as number) : Number(cell);
    }
    return { length, validity, values };
  }
  const parts = cells.map((cell) =>
    cell === null ? Buffer.alloc(0) : Buffer.isBuffer(cell) ? cell : Buffer.from(String(cell)),
  );
  const offsets = new Int32Array(length + 1);
  for (const [i, part] of parts.entries()) offsets[i + 1] = offsets[i] + part.length;
  return { length, validity, offsets, data: new Uint8Array(Buffer.concat(parts)) };
}

export function batchOf(fields: Field[], rows: Cell[][], position: Json): Batch {
  const columns = fields.map(({ type }, index) =>
    column(
      type.kind,
      rows.map((row) => row[index]),
    ),
  );
  return { fields, columns, rows: rows.length, bytes: rows.length * 64, position, rare: [], release() {} };
}

/** One whole load in one split, up to but without its commit. */
export async function stage(target: Target, load: Load, held: Lease, rows: Cell[][], position: Json = { k: 1 }) {
  const { fields } = await target.prepare(load, signal());
  const { handle } = await target.begin(load, held, null, signal());
  const receipts = [await writeSplit(target, handle, held, 0, fields, rows, position)];
  return { handle, receipts, fields };
}

export async function writeSplit(
  target: Target,
  handle: Json,
  held: Lease,
  split: number,
  fields: Field[],
  rows: Cell[][],
  position: Json,
): Promise<Receipt> {
  await using writer = await target.writer(handle, { split }, held, signal());
  const dirty = await writer.write(batchOf(fields, rows, position));
  if (dirty !== undefined) throw new Error(JSON.stringify(dirty));
  return writer.seal();
}

export async function copy(
  target: Target,
  load: Load,
  held: Lease,
  rows: Cell[][],
  position: Json = { k: 1 },
): Promise<void> {
  const { handle, receipts } = await stage(target, load, held, rows, position);
  const verdict = await target.verify(handle, receipts, held, signal());
  if (!verdict.ok) throw new Error(verdict.message);
  await target.commit(handle, receipts, held, signal());
  await target.forget?.(handle, held);
}

export function stagedTables(server: MysqlServer, database: string): string[] {
  return ask(server, database, "SHOW TABLES LIKE 'sampan\\_stg%'")
    .split('\n')
    .filter((line) => line !== '');
}
