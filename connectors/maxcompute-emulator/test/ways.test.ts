import {
  COMPRESSIONS,
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

async function upload(table: string, compression: Compression): Promise<void> {
  await runSql(bench.http, `CREATE TABLE ${table} (id BIGINT, name STRING)`);
  const target = { table, partition: [] };
  const session = await createUpload(bench.http, target);
  for (const block of [0, 1]) {
    const writer = await writeBlock(bench.http, target, session, block, undefined, compression);
    for (let from = (block * ROWS) / 2; from < ((block + 1) * ROWS) / 2; from += BATCH)
      await writer.write([numbers(from), names(from)], BATCH);
    expect((await writer.finish()).rows).toBe(ROWS / 2);
  }
  await commitUpload(bench.http, target, session.id, [0, 1]);
}

async function download(table: string, start: number, count: number, compression: Compression): Promise<string[]> {
  const of = { table, partition: [] };
  const session = await createDownload(bench.http, of);
  const rows: string[] = [];
  for await (const batch of readRows(bench.http, of, session, start, count, { compression })) {
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

it.each(COMPRESSIONS)('records, %s: what goes up comes down', async (compression) => {
  const table = `records_${compression}`;
  await upload(table, compression);
  expect(await download(table, 0, ROWS, compression)).toEqual(expected);
  expect(await download(table, ROWS / 2 - 10, 20, compression)).toEqual(expected.slice(ROWS / 2 - 10, ROWS / 2 + 10));
});

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
