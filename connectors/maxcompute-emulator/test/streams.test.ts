import { abortStream, createStream, reloadStream, runSql, type StreamSession, writePack } from '@sampan/maxcompute';
import { describe, expect, it } from 'vitest';
import { count, ids, independent, raw, rowsOf, texts, useEmulator } from './fixture.ts';

const bench = useEmulator();

async function pack(
  table: string,
  session: StreamSession,
  values: bigint[],
  partition: { name: string; value: string }[] = [],
) {
  const writer = await writePack(bench.http, { table, partition }, session, 0, undefined, 'lz4');
  await writer.write([ids(...values), texts(values.map((value) => `row ${value}`))], values.length);
  await writer.finish();
}

describe('stream uploads', () => {
  it('show each pack at once, and nothing of one that broke off', async () => {
    await runSql(bench.http, 'CREATE TABLE flow (id BIGINT, name STRING)');
    const of = { table: 'flow', partition: [] };
    const session = await createStream(bench.http, of);
    expect(session).toMatchObject({ status: 'NORMAL', slots: [{ id: '0', server: expect.stringContaining(':') }] });
    expect(session.columns.map((column) => column.name)).toEqual(['id', 'name']);
    await pack('flow', session, [1n, 2n]);
    expect(await count(bench.http, 'flow')).toBe(2);
    bench.emulator.faults.add({ kind: 'cut', path: '/streams', after: 0, bytes: 5 });
    await expect(pack('flow', session, [7n])).rejects.toMatchObject({ kind: 'busy' });
    await pack('flow', session, [3n]);
    expect(await independent(bench.folder, 'flow', 'id')).toEqual([['1'], ['2'], ['3']]);
    expect((await reloadStream(bench.http, of, session.id)).id).toBe(session.id);
    await abortStream(bench.http, of, session.id);
    await expect(pack('flow', session, [9n])).rejects.toMatchObject({ code: 'StreamSessionNotFound' });
    expect(await count(bench.http, 'flow')).toBe(3);
  });

  it('know partitions', async () => {
    await runSql(bench.http, 'CREATE TABLE parted (id BIGINT, name STRING) PARTITIONED BY (pt STRING)');
    const of = { table: 'parted', partition: [{ name: 'pt', value: 'a' }] };
    await expect(createStream(bench.http, of)).rejects.toMatchObject({ code: 'NoSuchPartition' });
    const session = await createStream(bench.http, { ...of, createPartition: true });
    await pack('parted', session, [4n], of.partition);
    expect(await rowsOf(bench.http, "SELECT id, name FROM parted WHERE pt = 'a'")).toEqual([['4', 'row 4']]);
  });

  it('refuse what is broken or miscounted, and leave nothing', async () => {
    await runSql(bench.http, 'CREATE TABLE strict (id BIGINT, name STRING)');
    const { id } = await createStream(bench.http, { table: 'strict', partition: [] });
    const put = (query: { [name: string]: string }, body: Buffer) =>
      raw(
        bench.http,
        bench.emulator.endpoint,
        'PUT',
        '/projects/demo/tables/strict/streams',
        { uploadid: id, slotid: '0', ...query },
        body,
      );
    const empty = Buffer.from('f0ffff7f00f8ffff7f00', 'hex');
    expect(JSON.parse((await put({}, Buffer.from('nonsense'))).body).Code).toMatch(
      /MalformedDataStream|IncompleteBody/,
    );
    expect(JSON.parse((await put({ record_count: '5' }, empty)).body).Code).toBe('InvalidArgument');
    expect((await put({ record_count: '0' }, empty)).status).toBe(200);
    expect(await count(bench.http, 'strict')).toBe(0);
  });
});
