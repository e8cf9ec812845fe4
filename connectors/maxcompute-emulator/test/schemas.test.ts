import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  commitUpload,
  createDownload,
  createUpload,
  getTable,
  type Http,
  listTables,
  readRows,
  runSql,
} from '@sampan/maxcompute';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pythonWithPyodps } from '../../../tools/src/pyodps.ts';
import { type Emulator, startEmulator, tableFiles } from '../src/index.ts';
import { client, count, put, raw, rowsOf } from './fixture.ts';
import { type Judge, pythonJudge } from './judges/judge.ts';

let folder: string;
let emulator: Emulator;
let plain: Http;
let sales: Http;
let other: Http;

const start = async () => {
  emulator = await startEmulator({ data: folder, project: ['demo', 'Other'] });
  plain = client(emulator.endpoint);
  sales = client(emulator.endpoint, { schema: 'sales' });
  other = client(emulator.endpoint, { project: 'other' });
};
const stop = async () => {
  for (const http of [plain, sales, other]) http.close();
  await emulator.close();
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'schemas-'));
  await start();
  await runSql(plain, "CREATE SCHEMA sales COMMENT 'what was sold'");
});
afterAll(async () => {
  await stop();
  await rm(folder, { recursive: true, force: true });
});

const named = async (http: Http) => {
  const found: string[] = [];
  for await (const name of listTables(http)) found.push(name);
  return found;
};

describe('schemas', () => {
  it('are made, listed and dropped by SQL and over REST', async () => {
    expect((await runSql(plain, 'SHOW SCHEMAS')).text).toBe('default\nsales\n');
    await expect(runSql(plain, 'CREATE SCHEMA sales')).rejects.toMatchObject({ code: 'ODPS-0110061' });
    await runSql(plain, 'CREATE SCHEMA IF NOT EXISTS demo.sales');
    const xml = '<Schema><Name>side</Name></Schema>';
    const ask = (method: 'GET' | 'POST' | 'DELETE', path: string, body = '') =>
      raw(plain, emulator.endpoint, method, `/projects/demo/schemas${path}`, {}, body);
    expect((await ask('POST', '', xml)).status).toBe(201);
    expect((await ask('POST', '', xml)).status).toBe(409);
    expect((await ask('GET', '')).body).toMatch(/<Name>default<.*<Name>sales<.*what was sold.*<Name>side</s);
    expect((await ask('GET', '/side')).headers['x-odps-owner']).toBe('emulator');
    expect((await ask('DELETE', '/side')).status).toBe(204);
    expect([(await ask('DELETE', '/side')).status, (await ask('GET', '/side')).status]).toEqual([404, 404]);
    expect((await ask('DELETE', '/default')).status).toBe(400);
    await expect(runSql(plain, 'DROP SCHEMA nowhere')).rejects.toMatchObject({ code: 'ODPS-0422155' });
    await runSql(plain, 'DROP SCHEMA IF EXISTS nowhere');
  });

  it('hold tables of their own: SQL, metadata, uploads and downloads', async () => {
    await runSql(plain, 'CREATE TABLE orders (id BIGINT, name STRING)');
    await runSql(plain, "INSERT INTO orders VALUES (1, 'of default')");
    await runSql(sales, 'CREATE TABLE orders (id BIGINT, name STRING)');
    const target = { table: 'orders', partition: [] };
    const session = await createUpload(sales, target);
    await put(sales, 'orders', session.id, 0, [5n, 6n]);
    await commitUpload(sales, target, session.id, [0]);
    expect([await count(plain, 'orders'), await count(sales, 'orders')]).toEqual([1, 2]);
    const download = await createDownload(sales, target);
    const batches = [];
    for await (const batch of readRows(sales, target, download, 0, download.rows)) batches.push(batch.rows);
    expect(batches).toEqual([2]);
    expect(await named(plain)).toEqual(['orders']);
    expect(await named(sales)).toEqual(['orders']);
    expect((await getTable(sales, 'orders'))?.rows ?? null).toBe(2);
    expect(tableFiles(folder, 'demo', 'orders', 'sales')[0].files).toHaveLength(1);
    await expect(runSql(plain, 'DROP SCHEMA sales')).rejects.toThrow('not empty');
    await expect(
      runSql(client(emulator.endpoint, { schema: 'nope' }), 'CREATE TABLE t (id INT)'),
    ).rejects.toMatchObject({
      code: 'ODPS-0422155',
    });
  });

  it('are named in SQL as project.schema.table, and as schema.table where schemas are on', async () => {
    expect(await count(plain, 'demo.sales.orders')).toBe(2);
    expect(await count(plain, 'demo.default.orders')).toBe(1);
    await expect(count(plain, 'sales.orders')).rejects.toMatchObject({ code: 'ODPS-0420111' });
    expect(await rowsOf(plain, 'SET odps.namespace.schema=true; SELECT COUNT(1) FROM sales.orders')).toEqual([['2']]);
    expect(
      await rowsOf(plain, 'SELECT COUNT(1) FROM orders a JOIN demo.sales.orders b ON a.id < b.id WHERE b.id = 5'),
    ).toEqual([['1']]);
    await runSql(sales, 'ALTER TABLE orders RENAME TO renamed');
    await expect(runSql(sales, 'ALTER TABLE renamed RENAME TO demo.default.moved')).rejects.toThrow(
      'stays in its schema',
    );
    expect(await named(sales)).toEqual(['renamed']);
    expect((await runSql(sales, "SHOW TABLES LIKE 'ren*'")).text).toBe('emulator:renamed\n');
    expect((await runSql(plain, 'SHOW TABLES IN sales')).text).toBe('emulator:renamed\n');
  });

  it('are there after a start anew, with what they hold', async () => {
    await stop();
    await start();
    expect([await count(plain, 'orders'), await count(sales, 'renamed')]).toEqual([1, 2]);
    expect(await (await fetch(emulator.url)).text()).toContain('<td class="s">sales.renamed</td>');
  });
});

describe('projects', () => {
  it('are apart, and SQL of one reads and writes the other', async () => {
    await runSql(other, 'CREATE TABLE orders (id BIGINT, name STRING)');
    await runSql(plain, 'INSERT INTO other.orders SELECT id, name FROM orders');
    expect(await rowsOf(other, 'SELECT o.name, d.id FROM orders o JOIN demo.orders d ON o.id = d.id')).toEqual([
      ['of default', '1'],
    ]);
    expect((await raw(plain, emulator.endpoint, 'GET', '/projects', {})).body).toMatch(/<Name>demo<.*<Name>other</s);
    const none = client(emulator.endpoint, { project: 'none' });
    await expect(runSql(none, 'SELECT 1')).rejects.toMatchObject({ code: 'NoSuchProject' });
    await expect(runSql(plain, 'SELECT * FROM none.orders')).rejects.toMatchObject({ code: 'ODPS-0420111' });
  });

  it('are reached with /api in front and without', async () => {
    const bare = client(emulator.url);
    expect([await count(bare, 'orders'), await named(bare)]).toEqual([1, ['orders']]);
    bare.close();
  });
});

const python = await pythonWithPyodps();
describe.skipIf(python === null)('pyodps, with schemas', () => {
  let judge: Judge;
  beforeAll(async () => {
    judge = pythonJudge(python!);
    await judge.call('connect', [emulator.endpoint, 'demo', 'demo', 'demo', 'snakes']);
  });
  afterAll(() => judge.stop());

  it('makes a schema, works in it, and drops it', async () => {
    await judge.call('create_schema', ['snakes']);
    expect(await judge.call('schemas')).toEqual(['default', 'sales', 'snakes']);
    await judge.call('create_table', ['snakes.t', [['id', 'bigint']]]);
    await judge.call('write', ['snakes.t', [[['1'], ['2']]]]);
    expect(await judge.call('read', ['snakes.t'])).toEqual({ count: 2, rows: [['1'], ['2']] });
    expect(await judge.call('sql', ['SELECT COUNT(*) AS n FROM t'])).toEqual({ rows: [['2']] });
    expect(await judge.call('tables', ['', 'snakes'])).toEqual(['t']);
    expect(await named(client(emulator.endpoint, { schema: 'snakes' }))).toEqual(['t']);
    await judge.call('drop', ['snakes.t']);
    await judge.call('delete_schema', ['snakes']);
    expect(await judge.call('schemas')).toEqual(['default', 'sales']);
  });
});
