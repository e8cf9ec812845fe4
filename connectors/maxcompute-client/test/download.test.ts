import { readFileSync } from 'node:fs';
import { createDeflate, deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type DecodedBatch, type GivenRow, parseType, RecordEncoder, RowEncoder } from '../src/index.ts';
import { type Got, inTurn, json, type Reply, service } from './service.ts';

const encoder = () => new RecordEncoder([parseType('bigint')]);

function stream(...values: bigint[]): Buffer {
  const records = encoder();
  const column = { length: values.length, values: BigInt64Array.from(values) };
  return Buffer.concat([records.encode([column], values.length), records.end()]);
}

const session = (changes: object = {}) =>
  json(200, {
    DownloadID: 'D1',
    Status: 'normal',
    RecordCount: 3,
    Schema: {
      columns: [
        { name: 'id', type: 'bigint' },
        { name: 'name', type: 'string' },
      ],
    },
    ...changes,
  });

const bytes =
  (body: Buffer, headers: { [name: string]: string } = {}): Reply =>
  (_, response) =>
    response.writeHead(200, headers).end(body);

const isData = (got: Got) => got.query.has('data');

async function reading(reply: Reply, compression?: 'deflate') {
  const { client, got } = await service((one, response) => (isData(one) ? reply : session())(one, response));
  const download = await client.table('t').download({ partition: [{ name: 'pt', value: 'x' }] });
  const batches: DecodedBatch[] = [];
  const read = (async () => {
    for await (const batch of download.read(10, 3, { columns: ['ID'], compression })) batches.push(batch);
    return batches.flatMap((batch) => [...(batch.columns[0].values as BigInt64Array).subarray(0, batch.rows)]);
  })();
  return { read, got };
}

describe('a download', () => {
  it('asks for a range and columns, and gives them', async () => {
    const { read, got } = await reading(bytes(stream(1n, 2n, 3n)));
    expect(await read).toEqual([1n, 2n, 3n]);
    expect([...got[1].query]).toEqual([
      ['downloadid', 'D1'],
      ['data', ''],
      ['rowrange', '(10,3)'],
      ['columns', 'id'],
      ['partition', 'pt=x'],
      ['curr_project', 'proj'],
    ]);
    expect(got[1].headers['accept-encoding']).toBe('identity');
  });

  it('ends answers by their size, and asks for the rest', async () => {
    const { client, got } = await service(
      inTurn(session({ SupportReadByRawSize: true }), bytes(stream(1n, 2n)), bytes(stream(3n))),
    );
    const download = await client.table('t').download({ shard: 2 });
    const ids: unknown[] = [];
    for await (const { id } of download.rows({ columns: ['id'], rawBytes: 100 })) ids.push(id);
    expect(ids).toEqual([1n, 2n, 3n]);
    expect(got.slice(1).map((one) => [one.query.get('rowrange'), one.query.get('raw_size')])).toEqual([
      ['(0,3)', '100'],
      ['(2,1)', '100'],
    ]);
    expect(got.map((one) => one.query.get('shard'))).toEqual(['2', '2', '2']);
  });

  it('by size is refused where the service does not do so, and never taken for an end', async () => {
    const plain = await service(session());
    const refused = (await plain.client.table('t').download()).rows({ rawBytes: 100 });
    await expect(refused.next()).rejects.toMatchObject({ code: 'BadOption' });
    const { client } = await service(
      inTurn(session({ SupportReadByRawSize: true }), bytes(stream(), { 'x-odps-request-id': 'R4' })),
    );
    const none = (await client.table('t').download()).read(0, 3, { columns: ['id'], rawBytes: 100 });
    await expect(none.next()).rejects.toMatchObject({ code: 'TruncatedDataStream', requestId: 'R4' });
  });

  it('tells with each error in which answer it was found', async () => {
    const id = { 'x-odps-request-id': 'R5' };
    for (const body of [stream(1n, 2n), stream(1n, 2n, 3n).subarray(0, 9), Buffer.from([0x80, 0x80])]) {
      const { read } = await reading(bytes(body, id));
      await expect(read).rejects.toMatchObject({ name: 'MaxComputeError', requestId: 'R5' });
    }
    const cut: Reply = (_, response) => {
      response.writeHead(200, { ...id, 'content-length': '100' });
      response.write(stream(1n), () => response.destroy());
    };
    await expect((await reading(cut)).read).rejects.toMatchObject({ code: 'ConnectionFailed', requestId: 'R5' });
    const page = await service(json(200, '<html>', id));
    await expect(page.client.table('t').download()).rejects.toMatchObject({
      code: 'UnreadableAnswer',
      requestId: 'R5',
    });
    await expect(page.client.table('t').upload()).rejects.toMatchObject({ code: 'UnreadableAnswer', requestId: 'R5' });
    await expect(page.client.table('t').upsert()).rejects.toMatchObject({ code: 'UnreadableAnswer', requestId: 'R5' });
    await expect(page.client.table('t').stream()).rejects.toMatchObject({ code: 'UnreadableAnswer', requestId: 'R5' });
  });

  it('refuses dates that the service takes by another calendar, both ways', async () => {
    const types = { d: 'date', t: 'timestamp_ntz', n: 'array<datetime>' };
    const columns = Object.entries(types).map(([name, type]) => ({
      name,
      type: parseType(type),
      nullable: true,
      comment: '',
    }));
    const schema = Object.entries(types).map(([name, type]) => ({ name, type }));
    const rows = (...given: GivenRow[]) => {
      const records = new RecordEncoder(columns.map(({ type }) => type));
      const bytes = records.encode(new RowEncoder(columns, 100).encode(given), given.length);
      return Buffer.concat([bytes, records.end()]);
    };
    const young = { d: '1900-01-01', t: '1900-01-01T00:00:00', n: [new Date('1900-01-01T00:00:00Z'), null] };
    const old = [
      { ...young, d: '1899-12-31' },
      { ...young, t: '1899-12-31T23:59:59.9' },
      { ...young, n: [new Date(-2_208_988_800_001)] },
    ];
    const sending = async (row: GivenRow, changes: boolean) => {
      const headers: { [name: string]: string } = changes ? { 'odps-tunnel-date-transform': 'true' } : {};
      const body = { DownloadID: 'D1', UploadID: 'U1', Status: 'normal', RecordCount: 1, Schema: { columns: schema } };
      return (
        await service((one, response) => (isData(one) ? bytes(rows(row)) : json(200, body, headers))(one, response))
      ).client.table('t');
    };
    const read = async (row: GivenRow, changes: boolean) => {
      const found: unknown[] = [];
      for await (const one of (await (await sending(row, changes)).download()).rows()) found.push(one);
      return found;
    };
    expect(await read(young, true)).toEqual([young]);
    for (const row of old) {
      expect((await read(row, false)).length).toBe(1);
      await expect(read(row, true)).rejects.toMatchObject({ code: 'OldDate', kind: 'data' });
      const upload = await (await sending(row, true)).upload();
      await expect(upload.write([row])).rejects.toMatchObject({
        code: 'OldDate',
        message: expect.stringContaining('before 1900'),
      });
    }
  });

  it('waits until its session is ready', async () => {
    const { client, got } = await service(
      inTurn(session({ Status: 'INITIATING', RecordCount: 0 }), session({ Status: 'INITIATING' }), session()),
    );
    expect((await client.table('t').download()).rowCount).toBe(3);
    expect(got.map((one) => one.method)).toEqual(['POST', 'GET', 'GET']);
  });

  it('inflates what comes deflated, asked for or not', async () => {
    const packed = bytes(deflateSync(stream(1n, 2n, 3n)), { 'content-encoding': 'deflate' });
    expect(await (await reading(packed, 'deflate')).read).toEqual([1n, 2n, 3n]);
    expect(await (await reading(packed)).read).toEqual([1n, 2n, 3n]);
    expect(await (await reading(bytes(stream(1n, 2n, 3n)), 'deflate')).read).toEqual([1n, 2n, 3n]);
  });

  it('reads the deflated stream of another client', async () => {
    const vectors = JSON.parse(readFileSync(new URL('./tunnel.vectors.json', import.meta.url), 'utf8'));
    const { hex } = vectors.compression.streams.find(
      (one: { contentEncoding: string }) => one.contentEncoding === 'deflate',
    );
    const vector = vectors.recordVectors.find((one: { id: string }) => one.id === vectors.compression.ofVector);
    const { client } = await service((one, response) =>
      (isData(one)
        ? bytes(Buffer.from(hex, 'hex'), { 'content-encoding': 'deflate' })
        : session({ Schema: { columns: vector.columns } }))(one, response),
    );
    const download = await client.table('t').download();
    let rows = 0;
    for await (const batch of download.read(0, vector.recordCount)) rows += batch.rows;
    expect(rows).toBe(vector.recordCount);
  });

  it.each([
    [
      'a connection that breaks',
      (_: Got, response: Parameters<Reply>[1]) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write(stream(1n, 2n, 3n).subarray(0, 9), () => response.destroy());
      },
      'ConnectionFailed',
    ],
    ['no trailer', bytes(stream(1n, 2n, 3n).subarray(0, 9)), 'TruncatedDataStream'],
    ['fewer rows, well closed', bytes(stream(1n, 2n)), 'TruncatedDataStream'],
    ['an empty body', bytes(Buffer.alloc(0)), 'TruncatedDataStream'],
    [
      'half of what was deflated',
      bytes(deflateSync(stream(1n, 2n, 3n)).subarray(0, 12), { 'content-encoding': 'deflate' }),
      'TruncatedDataStream',
    ],
    ['what is not deflated', bytes(stream(1n), { 'content-encoding': 'deflate' }), 'MalformedDataStream'],
    ['an unknown packing', bytes(stream(1n), { 'content-encoding': 'br' }), 'UnknownEncoding'],
    ['a table that changed', json(409, { Code: 'TableModified', Message: 'x' }), 'TableModified'],
  ] as [string, Reply, string][])(
    'does not take %s for an end',
    async (_, reply, code) => {
      const { read } = await reading(reply);
      await expect(read).rejects.toMatchObject({ name: 'MaxComputeError', code });
    },
    15_000,
  );

  it('begins again where the service refuses for now', async () => {
    const busy = json(429, { Code: 'SlotExceeded', Message: 'x', HoldClientMillis: 1 });
    expect(await (await reading(inTurn(busy, json(503, ''), bytes(stream(1n, 2n, 3n))))).read).toEqual([1n, 2n, 3n]);
  });

  it.each(['identity', 'deflate'] as const)(
    'lets go of its connection when its reader leaves (%s)',
    async (compression) => {
      let closed: () => void;
      const gone = new Promise<void>((resolve) => {
        closed = resolve;
      });
      const records = encoder();
      const many = records.encode([{ length: 8_192, values: new BigInt64Array(8_192) }], 8_192);
      const { client } = await service((one, response) => {
        if (!isData(one)) return session()(one, response);
        response.once('close', () => closed());
        response.writeHead(200, compression === 'deflate' ? { 'content-encoding': compression } : {});
        // Left open: only the reader can end it.
        if (compression === 'identity') return response.write(many);
        const packing = createDeflate();
        packing.pipe(response, { end: false });
        packing.write(many);
        packing.flush();
      });
      const download = await client.table('t').download();
      for await (const _ of download.read(0, 9_000, { columns: ['id'], compression })) break;
      await gone;
    },
    10_000,
  );

  it('knows the columns that there are', async () => {
    const { client } = await service(session());
    const download = await client.table('t').download();
    await expect(download.read(0, 1, { columns: ['nope'] }).next()).rejects.toMatchObject({
      code: 'InvalidColumnSpec',
      hint: expect.stringContaining('id, name'),
    });
  });
});
