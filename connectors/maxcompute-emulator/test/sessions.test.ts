import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import {
  commitUpload,
  createUpload,
  hasPartition,
  listPartitions,
  parseType,
  RecordEncoder,
  reloadUpload,
  runSql,
  writeBlock,
} from '@sampan/maxcompute';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEmulator, tableFiles } from '../src/index.ts';
import { client, count, ids, independent, put, raw, rowsOf, texts, useEmulator } from './fixture.ts';

const bench = useEmulator();
const target = { table: 'up', partition: [] };
const sql = (statement: string) => runSql(bench.http, statement);

const stream = (...values: bigint[]) => {
  const encoder = new RecordEncoder([parseType('bigint'), parseType('string')]);
  return Buffer.concat([
    encoder.encode([ids(...values), texts(values.map((value) => `row ${value}`))], values.length),
    encoder.end(),
  ]);
};
const putRaw = (id: string, blockid: string, body: Buffer, headers = {}) =>
  raw(bench.http, bench.emulator.url, 'PUT', '/projects/demo/tables/up', { uploadid: id, blockid }, body, headers);
const blocksOf = async (id: string) => (await reloadUpload(bench.http, target, id)).blocks;

beforeAll(async () => {
  await sql('CREATE TABLE up (id BIGINT, name STRING)');
});

describe('an upload session', () => {
  it('shows nothing before the commit and everything after it; the last write of a block wins', async () => {
    const { id } = await createUpload(bench.http, target);
    await put(bench.http, 'up', id, 0, [1n, 2n]);
    await put(bench.http, 'up', id, 1, [99n]);
    await put(bench.http, 'up', id, 1, [3n]);
    expect(await count(bench.http, 'up')).toBe(0);
    expect(await blocksOf(id)).toEqual([
      { id: 0, rows: 2 },
      { id: 1, rows: 1 },
    ]);
    await expect(commitUpload(bench.http, target, id, [0])).rejects.toMatchObject({ code: 'BlocksNotMatch' });
    await commitUpload(bench.http, target, id, [0, 1]);
    for (let again = 0; again < 2; again++) {
      const answer = await raw(bench.http, bench.emulator.url, 'POST', '/projects/demo/tables/up', { uploadid: id });
      expect([answer.status, JSON.parse(answer.body).Status]).toEqual([200, 'closed']);
    }
    expect(await rowsOf(bench.http, 'SELECT id, name FROM up ORDER BY id LIMIT 10')).toEqual([
      ['1', 'row 1'],
      ['2', 'row 2'],
      ['3', 'row 3'],
    ]);
    expect(await putRaw(id, '2', stream(4n))).toMatchObject({
      status: 409,
      body: expect.stringContaining('"StatusConflict"'),
    });
  });

  it('replaces the content with overwrite, in one step', async () => {
    const { id } = await createUpload(bench.http, { ...target, overwrite: true });
    await put(bench.http, 'up', id, 7, [10n]);
    expect(await count(bench.http, 'up')).toBe(3);
    await commitUpload(bench.http, target, id, [7]);
    expect(await independent(bench.folder, 'up')).toEqual([['10', 'row 10']]);
    const empty = await createUpload(bench.http, { ...target, overwrite: true });
    await commitUpload(bench.http, target, empty.id, []);
    expect(await count(bench.http, 'up')).toBe(0);
  });

  it('commits beside others, one after another, none lost', async () => {
    await sql('TRUNCATE TABLE up');
    const sessions = await Promise.all(Array.from({ length: 6 }, () => createUpload(bench.http, target)));
    await Promise.all(sessions.map(({ id }, index) => put(bench.http, 'up', id, 0, [BigInt(index)])));
    await Promise.all(sessions.map(({ id }) => commitUpload(bench.http, target, id, [0])));
    expect(await rowsOf(bench.http, 'SELECT COUNT(1), SUM(id) FROM up')).toEqual([['6', '15']]);
  });

  it('keeps the schema it was opened with when columns are added', async () => {
    await sql('CREATE TABLE grown (id BIGINT, name STRING)');
    const before = await createUpload(bench.http, { table: 'grown', partition: [] });
    await sql("ALTER TABLE grown ADD COLUMNS (more INT COMMENT 'added')");
    await put(bench.http, 'grown', before.id, 0, [1n]);
    await commitUpload(bench.http, { table: 'grown', partition: [] }, before.id, [0]);
    await sql("INSERT INTO grown VALUES (2, 'b', 5)");
    expect(await rowsOf(bench.http, 'SELECT * FROM grown ORDER BY id LIMIT 9')).toEqual([
      ['1', 'row 1', null],
      ['2', 'b', '5'],
    ]);
    expect(await independent(bench.folder, 'grown', 'id, more')).toEqual([
      ['1', null],
      ['2', 5],
    ]);
  });

  it('does not come back for a new table of the same name', async () => {
    await sql('CREATE TABLE again (id BIGINT, name STRING)');
    const { id } = await createUpload(bench.http, { table: 'again', partition: [] });
    await sql('DROP TABLE again');
    await sql('CREATE TABLE again (id BIGINT, name STRING)');
    await expect(reloadUpload(bench.http, { table: 'again', partition: [] }, id)).rejects.toMatchObject({
      code: 'NoSuchUpload',
    });
  });

  it('whose table is dropped under a block says so', async () => {
    await sql('CREATE TABLE brief (id BIGINT, name STRING)');
    const brief = { table: 'brief', partition: [] };
    const writer = await writeBlock(bench.http, brief, await createUpload(bench.http, brief), 0);
    await writer.write([ids(1n), texts(['x'])], 1);
    await sql('DROP TABLE brief');
    await expect(writer.finish()).rejects.toMatchObject({ status: 404 });
  });

  it('is gone after a day', async () => {
    const { id } = await createUpload(bench.http, target);
    const file = join(bench.folder, 'demo', 'uploads', `${id}.json`);
    const session = JSON.parse(await readFile(file, 'utf8'));
    await writeFile(
      file,
      JSON.stringify({ ...session, createdAt: new Date(Date.now() - 25 * 3_600_000).toISOString() }),
    );
    await expect(reloadUpload(bench.http, target, id)).rejects.toMatchObject({ code: 'NoSuchUpload', status: 404 });
  });
});

describe('a block', () => {
  it('that is broken is refused with its reason, and not kept', async () => {
    const { id } = await createUpload(bench.http, target);
    const good = stream(1n, 2n, 3n);
    const flipped = Buffer.from(good);
    flipped[good.indexOf('row 2')] ^= 1;
    for (const [body, code] of [
      [flipped, 'MalformedDataStream'],
      [Buffer.concat([good, Buffer.from([0])]), 'MalformedDataStream'],
      [good.subarray(0, good.length - 6), 'IncompleteBody'],
      [Buffer.alloc(0), 'IncompleteBody'],
      [Buffer.from('not a stream at all'), 'MalformedDataStream'],
    ] as const) {
      const answer = await putRaw(id, '0', body);
      expect([answer.status, JSON.parse(answer.body).Code]).toEqual([400, code]);
    }
    // Far more than a socket buffers: the answer must come through all the same.
    const large = Buffer.concat([Buffer.from([0xff]), Buffer.alloc(20_000_000)]);
    expect((await putRaw(id, '0', large)).status).toBe(400);
    for (const blockid of ['-1', '20000', 'x', ''])
      expect((await putRaw(id, blockid, good)).body).toContain('InvalidBlockID');
    expect(await blocksOf(id)).toEqual([]);
    expect(await putRaw(id, '19999', good)).toMatchObject({ status: 200 });
    const used = new Set(
      (
        await Promise.all(
          (
            await readdir(join(bench.folder, 'demo', 'uploads'))
          ).map((name) => readFile(join(bench.folder, 'demo', 'uploads', name), 'utf8')),
        )
      ).flatMap((text) => text.match(/[0-9a-f]{24}\.parquet/g) ?? []),
    );
    const committed = tableFiles(bench.folder, 'demo', 'up').flatMap((one) => one.files.map((file) => file.slice(-32)));
    const left = (await readdir(join(bench.folder, 'demo', 'tables', 'up', 'blocks'))).filter(
      (name) => !used.has(name) && !committed.includes(name),
    );
    expect(left).toEqual([]);
  });

  it('that is cut off leaves nothing', async () => {
    const session = await createUpload(bench.http, target);
    const writer = await writeBlock(bench.http, target, session, 0);
    await writer.write([ids(5n), texts(['x'])], 1);
    writer.abort();
    expect(await blocksOf(session.id)).toEqual([]);
  });

  it('may be compressed by zlib', async () => {
    const { id } = await createUpload(bench.http, target);
    const zlib = { 'content-encoding': 'deflate' };
    expect((await putRaw(id, '0', deflateSync(stream(1n, 2n)), zlib)).status).toBe(200);
    expect(await putRaw(id, '1', Buffer.from('no zlib'), zlib)).toMatchObject({
      status: 400,
      body: expect.stringContaining('MalformedDataStream'),
    });
    expect(await putRaw(id, '1', stream(1n), { 'content-encoding': 'br' })).toMatchObject({
      status: 400,
      body: expect.stringContaining('InvalidCompression'),
    });
    expect(await blocksOf(id)).toEqual([{ id: 0, rows: 2 }]);
  });

  it('of the compiled pyodps, which sign-extends its checksums, is taken', async () => {
    await sql('CREATE TABLE tiny (ti TINYINT)');
    const { id } = await createUpload(bench.http, { table: 'tiny', partition: [] });
    const body = Buffer.from('08ff0180c0ff7fe1fda8aaffffffffff01f0ffff7f02f8ffff7fdbc6f98604', 'hex');
    expect(
      (
        await raw(
          bench.http,
          bench.emulator.url,
          'PUT',
          '/projects/demo/tables/tiny',
          { uploadid: id, blockid: '0' },
          body,
        )
      ).status,
    ).toBe(200);
    await commitUpload(bench.http, { table: 'tiny', partition: [] }, id, [0]);
    expect(await independent(bench.folder, 'tiny')).toEqual([[-128]]);
  });

  it('holds only what its table may hold', async () => {
    await sql('CREATE TABLE strict (id BIGINT NOT NULL, v VARCHAR(3), p DECIMAL(5,2), t TIMESTAMP)');
    const strict = { table: 'strict', partition: [] };
    const session = await createUpload(bench.http, strict);
    const write = async (id: bigint | null, v: string | Buffer, p: string, t = 0n) => {
      const writer = await writeBlock(bench.http, strict, session, 0);
      const nullable = { ...ids(id ?? 0n), ...(id === null ? { validity: new Uint8Array(1) } : {}) };
      await writer.write([nullable, texts([v]), texts([p]), ids(t)], 1);
      await writer.finish();
    };
    await write(1n, 'äöü', '-999.99');
    await write(-(2n ** 63n) + 1n, 'abc', '1E+2');
    const invalid = { code: 'InvalidData', status: 400 };
    await expect(write(-(2n ** 63n), 'abc', '1')).rejects.toMatchObject(invalid);
    await expect(write(null, 'abc', '1')).rejects.toMatchObject(invalid);
    await expect(write(1n, 'abcd', '1')).rejects.toMatchObject(invalid);
    for (const bad of ['1000', '0.001', '', 'x', '1.2.3', '1e999'])
      await expect(write(1n, 'a', bad), bad).rejects.toMatchObject(invalid);
    await expect(write(1n, 'a', '1', 253_402_300_800_000_000n)).rejects.toMatchObject(invalid);
    await expect(write(1n, Buffer.from([0xff]), '1')).rejects.toMatchObject(invalid);
    const encoder = new RecordEncoder([parseType('bigint'), parseType('string')]);
    const huge = Buffer.concat([encoder.encode([ids(1n), texts(['x'.repeat(8 * 1024 * 1024 + 1)])], 1), encoder.end()]);
    const { id } = await createUpload(bench.http, target);
    expect((await putRaw(id, '0', huge)).status).toBe(400);
  });
});

describe('partitions', () => {
  const partition = [{ name: 'pt', value: '20260301' }];

  it('are kept apart, and one that is not there is refused', async () => {
    await sql('CREATE TABLE parted (id BIGINT, name STRING) PARTITIONED BY (pt STRING)');
    await expect(createUpload(bench.http, { table: 'parted', partition })).rejects.toMatchObject({
      code: 'NoSuchPartition',
      status: 404,
    });
    await expect(createUpload(bench.http, { table: 'parted', partition: [] })).rejects.toMatchObject({
      code: 'MissingPartitionSpec',
    });
    await expect(createUpload(bench.http, { table: 'up', partition })).rejects.toMatchObject({
      code: 'InvalidPartitionSpec',
    });
    expect(await hasPartition(bench.http, 'parted', partition)).toBe(false);
    await sql("ALTER TABLE parted ADD IF NOT EXISTS PARTITION (pt='20260301') PARTITION (pt='20260302')");
    expect(await hasPartition(bench.http, 'parted', partition)).toBe(true);
    const session = await createUpload(bench.http, { table: 'parted', partition });
    await put(bench.http, 'parted', session.id, 0, [1n], partition);
    await commitUpload(bench.http, { table: 'parted', partition }, session.id, [0]);
    await sql("INSERT OVERWRITE TABLE parted PARTITION (pt='20260302') VALUES (2, 'b')");
    expect(await rowsOf(bench.http, "SELECT id, pt FROM parted WHERE pt = '20260301'")).toEqual([['1', '20260301']]);
    const listed: string[] = [];
    for await (const [one] of listPartitions(bench.http, 'parted')) listed.push(one.value);
    expect(listed).toEqual(['20260301', '20260302']);
    expect(tableFiles(bench.folder, 'demo', 'parted').map((one) => [one.partition, one.files.length])).toEqual([
      ['pt=20260301', 1],
      ['pt=20260302', 1],
    ]);
  });

  it('are made by a session that asks for it', async () => {
    const answer = await raw(bench.http, bench.emulator.url, 'POST', '/projects/demo/tables/parted', {
      uploads: '',
      partition: 'pt=new',
      create_partition: 'true',
    });
    expect(answer.status).toBe(201);
    expect(await hasPartition(bench.http, 'parted', [{ name: 'pt', value: 'new' }])).toBe(true);
  });

  it('that were dropped take no commit', async () => {
    const session = await createUpload(bench.http, { table: 'parted', partition });
    await put(bench.http, 'parted', session.id, 0, [9n], partition);
    await sql("ALTER TABLE parted DROP PARTITION (pt='20260301')");
    await expect(commitUpload(bench.http, { table: 'parted', partition }, session.id, [0])).rejects.toMatchObject({
      code: 'NoSuchPartition',
    });
  });
});

it('keeps sessions over a restart, and finds out what a crash left half done', async () => {
  await sql('TRUNCATE TABLE up');
  const open = await createUpload(bench.http, target);
  const done = await createUpload(bench.http, target);
  await put(bench.http, 'up', open.id, 0, [77n]);
  await put(bench.http, 'up', done.id, 0, [78n]);
  const file = join(bench.folder, 'demo', 'uploads', `${done.id}.json`);
  const uncommitted = await readFile(file);
  await commitUpload(bench.http, target, done.id, [0]);
  await bench.emulator.close();
  // As a crash leaves it between the commit and the session's note of it.
  await writeFile(file, uncommitted);
  const blocks = join(bench.folder, 'demo', 'tables', 'up', 'blocks');
  await writeFile(join(blocks, '000000000000000000000000.parquet'), 'half a block');
  await writeFile(join(blocks, '..', 'manifest.json.0badcafe.tmp'), '{"half":');
  bench.emulator = await startEmulator({ data: bench.folder });
  bench.http.close();
  bench.http = client(bench.emulator.endpoint);
  expect(await readdir(blocks)).not.toContain('000000000000000000000000.parquet');
  expect((await readdir(join(blocks, '..'))).sort()).toEqual(['blocks', 'manifest.json']);
  expect((await reloadUpload(bench.http, target, done.id)).status).toBe('CLOSED');
  expect(
    (await raw(bench.http, bench.emulator.url, 'POST', '/projects/demo/tables/up', { uploadid: done.id })).status,
  ).toBe(200);
  expect(await count(bench.http, 'up')).toBe(1);
  await commitUpload(bench.http, target, open.id, [0]);
  expect(await rowsOf(bench.http, 'SELECT id FROM up ORDER BY id LIMIT 9')).toEqual([['77'], ['78']]);
});
