import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import {
  commitUpload,
  createDownload,
  createUpload,
  getProject,
  getTable,
  Http,
  hasPartition,
  listPartitions,
  listTables,
  readRows,
  reloadUpload,
  runSql,
  writeBlock,
} from '@sampan/maxcompute';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator, tableFiles } from '../src/index.ts';

let folder: string;
let emulator: Emulator;
let http: Http;

const client = (endpoint: string, changes = {}) =>
  new Http({ endpoint, project: 'demo', accessId: 'demo', accessKey: 'demo', ...changes });

function text(values: (string | null)[]) {
  const parts = values.map((value) => Buffer.from(value ?? ''));
  const offsets = Int32Array.from([
    0,
    ...parts.map((_, index) => parts.slice(0, index + 1).reduce((sum, part) => sum + part.length, 0)),
  ]);
  const validity = new Uint8Array((values.length + 7) >> 3);
  values.forEach((value, row) => {
    if (value !== null) validity[row >> 3] |= 1 << (row & 7);
  });
  return { length: values.length, validity, offsets, data: Buffer.concat(parts) };
}

const ids = (...values: bigint[]) => ({ length: values.length, values: BigInt64Array.from(values) });

async function put(
  table: string,
  sessionId: string,
  block: number,
  values: bigint[],
  partition: { name: string; value: string }[] = [],
) {
  const target = { table, partition };
  const session = await reloadUpload(http, target, sessionId);
  const writer = await writeBlock(http, target, session, block);
  await writer.write([ids(...values), text(values.map((value) => `row ${value}`))], values.length);
  await writer.finish();
}

const count = async (table: string) => Number((await runSql(http, `SELECT COUNT(*) AS n FROM ${table}`)).rows[0][0]);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'emulator-'));
  emulator = await startEmulator({ data: folder });
  http = client(emulator.endpoint);
});

afterAll(async () => {
  http.close();
  await emulator.close();
  await rm(folder, { recursive: true, force: true });
});

describe('tables', () => {
  it('are created, listed, described and dropped', async () => {
    await runSql(
      http,
      "CREATE TABLE IF NOT EXISTS demo.`t1` (`id` BIGINT NOT NULL COMMENT 'the id', name STRING, amount DECIMAL(18,4)) COMMENT 'a table; with a comment' LIFECYCLE 7",
    );
    const table = await getTable(http, 'T1');
    expect(table).toMatchObject({ name: 't1', comment: 'a table; with a comment', lifecycle: 7 });
    expect(table!.columns.map((column) => [column.name, column.type.kind, column.nullable, column.comment])).toEqual([
      ['id', 'bigint', false, 'the id'],
      ['name', 'string', true, ''],
      ['amount', 'decimal', true, ''],
    ]);
    const names: string[] = [];
    for await (const name of listTables(http)) names.push(name);
    expect(names).toContain('t1');
    await runSql(http, 'DROP TABLE t1');
    expect(await getTable(http, 't1')).toBeUndefined();
    await expect(runSql(http, 'DROP TABLE t1')).rejects.toMatchObject({ code: 'ODPS-0130131', kind: 'missing' });
    await runSql(http, 'DROP TABLE IF EXISTS t1');
  });

  it('answers what it does not know with an error, never wrongly', async () => {
    await expect(runSql(http, 'MERGE INTO a USING b ON 1 = 1')).rejects.toMatchObject({ code: 'ODPS-0130161' });
    await expect(runSql(http, 'SELECT read_text(1)')).rejects.toMatchObject({ code: 'ODPS-0130161' });
    await expect(runSql(http, 'SELECT * FROM nowhere')).rejects.toMatchObject({ code: 'ODPS-0130131' });
  });

  it('reads literals with their escapes', async () => {
    const { rows } = await runSql(http, String.raw`SELECT 'it\'s', "a \"b\"", 'x\\y', NULL`);
    expect(rows).toEqual([["it's", 'a "b"', 'x\\y', null]]);
  });
});

describe('upload sessions', () => {
  it('show nothing before the commit and everything after it; the last write of a block wins', async () => {
    await runSql(http, 'CREATE TABLE up (id BIGINT, name STRING)');
    const target = { table: 'up', partition: [] };
    const session = await createUpload(http, target);
    await put('up', session.id, 0, [1n, 2n]);
    await put('up', session.id, 1, [99n]);
    await put('up', session.id, 1, [3n]);
    expect(await count('up')).toBe(0);
    await expect(commitUpload(http, target, session.id, [0])).rejects.toMatchObject({ code: 'BlocksNotMatch' });
    expect(await count('up')).toBe(0);
    await commitUpload(http, target, session.id, [0, 1]);
    await commitUpload(http, target, session.id, [0, 1]);
    expect((await runSql(http, 'SELECT id, name FROM up ORDER BY id')).rows).toEqual([
      ['1', 'row 1'],
      ['2', 'row 2'],
      ['3', 'row 3'],
    ]);
    await expect(put('up', session.id, 2, [4n])).rejects.toMatchObject({ code: 'StatusConflict' });
  });

  it('replace the content with overwrite', async () => {
    const target = { table: 'up', partition: [], overwrite: true };
    const session = await createUpload(http, target);
    await put('up', session.id, 7, [10n]);
    expect(await count('up')).toBe(3);
    await commitUpload(http, target, session.id, [7]);
    expect(await count('up')).toBe(1);
  });

  it('keep partitions apart, and refuse one that is not there', async () => {
    await runSql(http, 'CREATE TABLE parted (id BIGINT, name STRING) PARTITIONED BY (pt STRING)');
    const partition = [{ name: 'pt', value: '20260301' }];
    await expect(createUpload(http, { table: 'parted', partition })).rejects.toMatchObject({ code: 'NoSuchPartition' });
    await expect(createUpload(http, { table: 'parted', partition: [] })).rejects.toMatchObject({
      code: 'MissingPartitionSpec',
    });
    await runSql(http, "ALTER TABLE parted ADD IF NOT EXISTS PARTITION (pt='20260301')");
    expect(await hasPartition(http, 'parted', partition)).toBe(true);
    const session = await createUpload(http, { table: 'parted', partition });
    await put('parted', session.id, 0, [1n], partition);
    await commitUpload(http, { table: 'parted', partition }, session.id, [0]);
    expect((await runSql(http, "SELECT id, pt FROM parted WHERE pt = '20260301'")).rows).toEqual([['1', '20260301']]);
    const listed = [];
    for await (const one of listPartitions(http, 'parted')) listed.push(one);
    expect(listed).toEqual([partition]);
  });

  it('refuse a stream that is cut, and keep nothing of it', async () => {
    const target = { table: 'up', partition: [] };
    const session = await createUpload(http, target);
    const writer = await writeBlock(http, target, session, 0);
    await writer.write([ids(5n), text(['x'])], 1);
    writer.abort();
    expect((await reloadUpload(http, target, session.id)).blocks).toEqual([]);
  });

  it('are found out when the answer to the commit is lost, whether it happened or not', async () => {
    for (const kind of ['lostAnswer', 'lostRequest'] as const) {
      const target = { table: 'up', partition: [] };
      const before = await count('up');
      const session = await createUpload(http, target);
      await put('up', session.id, 0, [50n]);
      emulator.faults.add({ kind, operation: 'commitUpload' });
      await commitUpload(http, target, session.id, [0]);
      expect(await count('up')).toBe(before + 1);
    }
  });

  it('refuse −2^63, which is no BIGINT', async () => {
    const target = { table: 'up', partition: [] };
    const session = await createUpload(http, target);
    await expect(put('up', session.id, 0, [-(2n ** 63n)])).rejects.toMatchObject({ code: 'InvalidData' });
    await put('up', session.id, 0, [-(2n ** 63n) + 1n, 2n ** 63n - 1n]);
  });
});

it('serves downloads by range, whole or not at all', async () => {
  await runSql(http, 'CREATE TABLE down (id BIGINT, name STRING)');
  await runSql(http, "INSERT INTO TABLE down VALUES (1, 'a'), (2, NULL), (3, 'c')");
  const session = await createDownload(http, { table: 'down', partition: [] });
  expect(session.rows).toBe(3);
  const batches = [];
  for await (const batch of readRows(http, { table: 'down', partition: [] }, session, 1, 2)) batches.push(batch);
  expect(batches[0].rows).toBe(2);
  expect([...(batches[0].columns[0].values as BigInt64Array).subarray(0, 2)]).toEqual([2n, 3n]);
});

it('lets anybody read committed data with DuckDB alone', async () => {
  const [{ files }] = tableFiles(folder, 'demo', 'down');
  const duck = await DuckDBInstance.create(':memory:');
  const connection = await duck.connect();
  const reader = await connection.runAndReadAll(
    `SELECT id, name FROM read_parquet(['${files.join("','")}']) ORDER BY id`,
  );
  expect(reader.getRowsJson()).toEqual([
    ['1', 'a'],
    ['2', null],
    ['3', 'c'],
  ]);
  connection.closeSync();
});

describe('access', () => {
  it('refuses a wrong key, a wrong id, a wrong project, each by its code', async () => {
    await expect(getProject(client(emulator.endpoint, { accessKey: 'wrong' }))).rejects.toMatchObject({
      code: 'ODPS-0410042',
      kind: 'auth',
    });
    await expect(getProject(client(emulator.endpoint, { accessId: 'nobody' }))).rejects.toMatchObject({
      code: 'ODPS-0410051',
      kind: 'auth',
    });
    await expect(getProject(client(emulator.endpoint, { project: 'other' }))).rejects.toMatchObject({
      kind: 'missing',
    });
    await expect(getProject(client('http://127.0.0.1:1/api'))).rejects.toMatchObject({ code: 'ConnectionFailed' });
  });

  it('takes signature version 4, and a client whose clock is wrong after one complaint', async () => {
    expect(await getProject(client(emulator.endpoint, { region: 'cn-hangzhou' }))).toMatchObject({ name: 'demo' });
    const other = await mkdtemp(join(tmpdir(), 'emulator-'));
    const ahead = await startEmulator({ data: other, skewMs: 3_600_000 });
    const skewed = client(ahead.endpoint);
    await expect(getProject(skewed)).rejects.toMatchObject({ code: 'RequestTimeTooSkewed' });
    await ahead.close();
    await rm(other, { recursive: true });
  });
});

it('keeps sessions and committed data over a restart', async () => {
  const target = { table: 'up', partition: [] };
  const session = await createUpload(http, target);
  await put('up', session.id, 0, [77n]);
  const before = await count('up');
  await emulator.close();
  emulator = await startEmulator({ data: folder });
  http.close();
  http = client(emulator.endpoint);
  expect(await count('up')).toBe(before);
  await commitUpload(http, target, session.id, [0]);
  expect(await count('up')).toBe(before + 1);
  expect((await readdir(join(folder, 'demo'))).sort()).toEqual(['tables', 'uploads']);
});
