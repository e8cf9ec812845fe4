import {
  type BodyFormat,
  COMPRESSIONS,
  type ColumnData,
  type Compression,
  commitUpload,
  createDownload,
  createUpload,
  encodingOf,
  readRows,
  runSql,
  writeBlock,
} from '@sampan/maxcompute';
import { expect, it } from 'vitest';
import { ids, raw, texts, useEmulator } from './fixture.ts';

/** The ways that rows can take: each there and back again, over HTTP, in several batches and blocks. */
const bench = useEmulator();
const ROWS = 30_000;
const BATCH = 5_000;

const names = (from: number) =>
  texts(
    Array.from({ length: BATCH }, (_, n) => ((from + n) % 7 === 0 ? null : `row ${from + n} 🚢 ${'x'.repeat(n % 50)}`)),
  );
const numbers = (from: number) => ids(...Array.from({ length: BATCH }, (_, n) => 2n ** 60n + BigInt(from + n)));

async function upload(table: string, compression: Compression, format: BodyFormat = 'records'): Promise<void> {
  await runSql(bench.http, `CREATE TABLE ${table} (id BIGINT, name STRING)`);
  const target = { table, partition: [] };
  const session = await createUpload(bench.http, target);
  for (const block of [0, 1]) {
    const writer = await writeBlock(bench.http, target, session, block, undefined, compression, format);
    for (let from = (block * ROWS) / 2; from < ((block + 1) * ROWS) / 2; from += BATCH)
      await writer.write([numbers(from), names(from)], BATCH);
    expect((await writer.finish()).rows).toBe(ROWS / 2);
  }
  await commitUpload(bench.http, target, session.id, [0, 1]);
}

async function download(
  table: string,
  start: number,
  count: number,
  compression: Compression,
  format: BodyFormat,
): Promise<string[]> {
  const of = { table, partition: [] };
  const session = await createDownload(bench.http, of);
  const rows: string[] = [];
  for await (const batch of readRows(bench.http, of, session, start, count, { compression, format })) {
    const [id, name] = batch.columns;
    for (let row = 0; row < batch.rows; row++) {
      const there = name.validity === undefined || (name.validity[row >> 3] & (1 << (row & 7))) !== 0;
      const text = Buffer.from(name.data!.subarray(name.offsets![row], name.offsets![row + 1])).toString();
      rows.push(`${id.values![row]} ${there ? text : null}`);
    }
  }
  return rows;
}

const expected = Array.from({ length: ROWS }, (_, n) =>
  n % 7 === 0
    ? `${2n ** 60n + BigInt(n)} null`
    : `${2n ** 60n + BigInt(n)} row ${n} 🚢 ${'x'.repeat((n % BATCH) % 50)}`,
);

const OTHER = { records: 'arrow', arrow: 'records' } as const;

it.each(
  (['records', 'arrow'] as const).flatMap((format) =>
    COMPRESSIONS.map((compression) => [format, compression] as const),
  ),
)('%s, %s: what goes up comes down', async (format, compression) => {
  const table = `${format}_${compression}`;
  await upload(table, compression, format);
  expect(await download(table, 0, ROWS, compression, format)).toEqual(expected);
  const middle = expected.slice(ROWS / 2 - 10, ROWS / 2 + 10);
  expect(await download(table, ROWS / 2 - 10, 20, compression, format)).toEqual(middle);
  expect(await download(table, ROWS / 2 - 10, 20, compression, OTHER[format])).toEqual(middle);
  expect(await download(table, 0, 0, compression, format)).toEqual([]);
});

it('sends every type as Arrow that it sends as records, and says which values cannot go', async () => {
  await runSql(
    bench.http,
    `CREATE TABLE every (a TINYINT, b SMALLINT, c INT, d BIGINT, e FLOAT, f DOUBLE, g BOOLEAN, h STRING, i BINARY, j DATE,
     k DATETIME, l TIMESTAMP, m TIMESTAMP_NTZ, n DECIMAL(9,2), o DECIMAL(38,18), p VARCHAR(20), q CHAR(5), r JSON)`,
  );
  const of = { table: 'every', partition: [] };
  const session = await createUpload(bench.http, of);
  const two = <T extends ColumnData['values']>(values: T): ColumnData => ({
    length: 3,
    values,
    validity: Uint8Array.of(5),
  });
  const columns: ColumnData[] = [
    two(Int8Array.of(-128, 0, 127)),
    two(Int16Array.of(-32_768, 0, 32_767)),
    two(Int32Array.of(-(2 ** 31), 0, 2 ** 31 - 1)),
    two(BigInt64Array.of(1n - 2n ** 63n, 0n, 2n ** 63n - 1n)),
    two(Float32Array.of(-0, 0, Number.NaN)),
    two(Float64Array.of(-0, 0, Number.POSITIVE_INFINITY)),
    two(Uint8Array.of(1, 0, 0)),
    texts(['', null, '\u{1f6a2} \u0000']),
    texts([Buffer.from([0, 255]), null, Buffer.alloc(0)]),
    two(Int32Array.of(-719_162, 0, 2_932_896)),
    two(BigInt64Array.of(-62_135_596_800_000_000n, 0n, 253_402_300_799_999_000n)),
    { ...two(BigInt64Array.of(-1n, 0n, 9_223_372_036_854_774n)), subMicros: Uint16Array.of(1, 0, 999) },
    two(BigInt64Array.of(-9_223_372_036_854_775n, 0n, 1n)),
    texts(['-9999999.99', null, '0.01']),
    texts(['-99999999999999999999.999999999999999999', null, '0.000000000000000001']),
    texts(['x'.repeat(20), null, '']),
    texts(['abcde', null, 'a']),
    texts(['{"a":1}', null, '[]']),
  ];
  const writer = await writeBlock(bench.http, of, session, 0, undefined, 'identity', 'arrow');
  await writer.write(columns, 3);
  await writer.finish();
  await commitUpload(bench.http, of, session.id, [0]);
  const read = async (format: BodyFormat) => {
    const reading = await createDownload(bench.http, of);
    const cells: unknown[][] = [];
    for await (const batch of readRows(bench.http, of, reading, 0, reading.rows, { format }))
      cells.push(...batch.columns.map((column) => shown(column, batch.rows)));
    return cells;
  };
  const given = columns.map((column) => shown(column, 3));
  expect(await read('records')).toEqual(given);
  expect(await read('arrow')).toEqual(given);

  await runSql(bench.http, 'CREATE TABLE beyond (t TIMESTAMP)');
  await runSql(bench.http, "INSERT INTO beyond VALUES (TIMESTAMP '2262-04-12 00:00:00')");
  const far = { table: 'beyond', partition: [] };
  const beyond = await createDownload(bench.http, far);
  await expect(readRows(bench.http, far, beyond, 0, 1, { format: 'arrow' }).next()).rejects.toThrow(/TIMESTAMP/);
  expect((await readRows(bench.http, far, beyond, 0, 1).next()).value).toMatchObject({ rows: 1 });
});

function shown(column: ColumnData, rows: number): unknown[] {
  return Array.from({ length: rows }, (_, row) => {
    if (column.validity !== undefined && (column.validity[row >> 3] & (1 << (row & 7))) === 0) return null;
    if (column.offsets === undefined) return [column.values![row], column.subMicros?.[row] ?? 0];
    return Buffer.from(column.data!.subarray(column.offsets[row], column.offsets[row + 1])).toString('latin1');
  });
}

it('packs an answer as it was asked to, and plainly where it cannot', async () => {
  await upload('asked', 'identity');
  const session = await createDownload(bench.http, { table: 'asked', partition: [] });
  const query = { downloadid: session.id, data: '', rowrange: '(0,1)' };
  const asked = async (encoding: string) => {
    const answer = await raw(bench.http, bench.emulator.endpoint, 'GET', '/projects/demo/tables/asked', query, '', {
      'accept-encoding': encoding,
    });
    expect(answer.status).toBe(200);
    return answer.headers['content-encoding'];
  };
  for (const one of COMPRESSIONS)
    expect(await asked(encodingOf(one, 'records'))).toBe(one === 'identity' ? undefined : encodingOf(one, 'records'));
  for (const one of ['gzip, deflate', 'br', '*']) expect(await asked(one)).toBeUndefined();
});

it('refuses bodies that are packed in an unknown way, or not as they say', async () => {
  await runSql(bench.http, 'CREATE TABLE garbled (id BIGINT, name STRING)');
  const session = await createUpload(bench.http, { table: 'garbled', partition: [] });
  const put = (encoding: string) =>
    raw(
      bench.http,
      bench.emulator.endpoint,
      'PUT',
      '/projects/demo/tables/garbled',
      { uploadid: session.id, blockid: '0' },
      Buffer.from('this is not packed at all, whatever it says'),
      { 'content-encoding': encoding },
    );
  expect(JSON.parse((await put('br')).body).Code).toBe('InvalidCompression');
  for (const one of COMPRESSIONS) {
    const answer = await put(encodingOf(one, 'records'));
    expect(answer.status, one).toBe(400);
    expect(JSON.parse(answer.body).Code, one).toMatch(/^(MalformedDataStream|IncompleteBody)$/);
  }
});
