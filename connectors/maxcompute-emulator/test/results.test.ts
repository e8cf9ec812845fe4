import {
  type BodyFormat,
  commitUpload,
  createDownload,
  createUpload,
  type DecodedBatch,
  readRows,
  runSql,
  submitSql,
  typeText,
  waitForInstance,
  writeBlock,
} from '@sampan/maxcompute';
import { describe, expect, it } from 'vitest';
import { ids, put, raw, texts, useEmulator } from './fixture.ts';

const bench = useEmulator();
const FORMATS: BodyFormat[] = ['records', 'arrow'];

async function select(sql: string): Promise<string> {
  const id = await submitSql(bench.http, sql);
  await waitForInstance(bench.http, id);
  return id;
}

async function collect(batches: AsyncIterable<DecodedBatch>): Promise<unknown[][]> {
  const rows: unknown[][] = [];
  for await (const { columns, rows: count } of batches)
    for (let row = 0; row < count; row++)
      rows.push(
        columns.map((column) => {
          if (column.validity !== undefined && (column.validity[row >> 3] & (1 << (row & 7))) === 0) return null;
          if (column.values !== undefined) return column.values[row];
          return Buffer.from(column.data!.subarray(column.offsets![row], column.offsets![row + 1])).toString();
        }),
      );
  return rows;
}

/** A table `(id BIGINT, name STRING)` of many rows, in one block. */
async function table(name: string, rows: number): Promise<void> {
  await runSql(bench.http, `CREATE TABLE ${name} (id BIGINT, name STRING)`);
  const target = { table: name, partition: [] };
  const session = await createUpload(bench.http, target);
  const writer = await writeBlock(bench.http, target, session, 0);
  const all = Array.from({ length: rows }, (_, n) => n);
  await writer.write([ids(...all.map(BigInt)), texts(all.map((n) => `row ${n}`))], rows);
  await writer.finish();
  await commitUpload(bench.http, target, session.id, [0]);
}

describe('the instance tunnel', () => {
  it.each(FORMATS)('gives all rows of a SELECT, typed and in order, as %s', async (format) => {
    const name = `many_${format}`;
    await table(name, 25_000);
    const instance = await select(
      `SELECT id, id * 2 AS twice, name, SUM(id) OVER (PARTITION BY id) AS total FROM ${name} ORDER BY id DESC LIMIT 24000`,
    );
    // What is written afterwards is not in the result.
    await runSql(bench.http, `INSERT OVERWRITE TABLE ${name} VALUES (1, 'new')`);
    const session = await createDownload(bench.http, { instance });
    expect(session.rows).toBe(24_000);
    expect(session.columns.map((column) => [column.name, typeText(column.type)])).toEqual([
      ['id', 'BIGINT'],
      ['twice', 'BIGINT'],
      ['name', 'STRING'],
      ['total', 'BIGINT'],
    ]);
    const rows = await collect(readRows(bench.http, { instance }, session, 0, session.rows, { format }));
    expect(rows).toEqual(
      Array.from({ length: 24_000 }, (_, n) => 24_999 - n).map((id) => [
        BigInt(id),
        BigInt(2 * id),
        `row ${id}`,
        BigInt(id),
      ]),
    );
    const some = readRows(bench.http, { instance }, session, 23_990, 10, { format, columns: ['name', 'id'] });
    expect(await collect(some)).toEqual(rows.slice(-10).map(([id, , text]) => [text, id]));
  });

  it('keeps types, NULLs and microseconds', async () => {
    const instance = await select(
      `SELECT CAST(-99999999999999999999.5BD AS DECIMAL(38,18)) AS d, CAST(NULL AS STRING) AS n, DATE '0001-01-01' AS day,
       TIMESTAMP '2026-03-01 12:00:00.123456' AS t, CAST(1.5 AS DOUBLE) AS x, TRUE AS b, 7 AS i`,
    );
    for (const format of FORMATS) {
      const session = await createDownload(bench.http, { instance });
      expect(await collect(readRows(bench.http, { instance }, session, 0, 1, { format }))).toEqual([
        ['-99999999999999999999.500000000000000000', null, -719_162, 1_772_366_400_123_456n, 1.5, 1, 7],
      ]);
    }
  });

  it('cuts at 10,000 rows where the limit is asked for', async () => {
    await table('limited', 10_001);
    const instance = await select('SELECT id FROM limited');
    const query = { downloads: '', instance_tunnel_limit_enabled: '' };
    const answer = await raw(
      bench.http,
      bench.emulator.endpoint,
      'POST',
      `/projects/demo/instances/${instance}`,
      query,
    );
    expect(JSON.parse(answer.body).RecordCount).toBe(10_000);
  });

  it('says why there are no rows', async () => {
    const opened = (instance: string) => createDownload(bench.http, { instance });
    const ddl = await select('CREATE TABLE not_a_query (id BIGINT)');
    await expect(opened(ddl)).rejects.toMatchObject({ code: 'InstanceTypeNotSupported' });
    await expect(opened(await select('SELECT nope FROM not_a_query'))).rejects.toMatchObject({ code: 'TaskFailed' });
    await expect(opened('20990101000000000gnone')).rejects.toMatchObject({ code: 'NoSuchObject' });
  });
});

describe('a download that is cut', () => {
  it.each(FORMATS)('goes on behind the last whole batch (%s)', async (format) => {
    const name = `cut_${format}`;
    await table(name, 40_000);
    const of = { table: name, partition: [] };
    const session = await createDownload(bench.http, of);
    const read = (resumes: number) =>
      collect(readRows(bench.http, of, session, 100, 39_000, { format, resumes, columns: ['id'] }));
    const expected = Array.from({ length: 39_000 }, (_, n) => [BigInt(n + 100)]);
    for (const bytes of [0, 3, 70_000, 90_000])
      bench.emulator.faults.add({ kind: 'cut', operation: 'readRows', path: name, bytes });
    expect(await read(4)).toEqual(expected);
    bench.emulator.faults.add({ kind: 'cut', operation: 'readRows', path: name, bytes: 50_000 });
    await expect(read(0)).rejects.toMatchObject({ kind: 'busy' });
    // Nothing of an overwrite in between gets into what is read.
    bench.emulator.faults.add({ kind: 'cut', operation: 'readRows', path: name, bytes: 80_000 });
    const upload = await createUpload(bench.http, { ...of, overwrite: true });
    await put(bench.http, name, upload.id, 0, [5n]);
    await commitUpload(bench.http, of, upload.id, [0]);
    expect(await read(1)).toEqual(expected);
  });
});
