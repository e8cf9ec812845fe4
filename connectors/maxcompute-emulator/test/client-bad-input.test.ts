import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ClientOptions, createClient, MaxComputeError, type Upload, writeBlock } from '@sampan/maxcompute';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { raw, useEmulator } from './fixture.ts';

/** What users get wrong, as the client tells it: a typed error with a hint and a request id, and nothing published. */
const bench = useEmulator();

function clientOf(changes: Partial<ClientOptions> = {}) {
  const key = { accessId: 'demo', accessKey: 'demo' };
  const made = createClient({
    endpoint: bench.emulator.endpoint,
    project: 'demo',
    ...key,
    ...changes,
  } as ClientOptions);
  onTestFinished(() => made.close());
  return made;
}

beforeAll(async () => {
  const made = createClient({
    endpoint: bench.emulator.endpoint,
    project: 'demo',
    accessId: 'demo',
    accessKey: 'demo',
  });
  await made.createTable('kept', {
    columns: [
      { name: 'id', type: 'bigint' },
      { name: 'v', type: 'string' },
    ],
  });
  await made.createTable('parts', {
    columns: [{ name: 'id', type: 'bigint' }],
    partitionColumns: [{ name: 'pt', type: 'string' }],
  });
  const upload = await made.table('kept').upload();
  await upload.write([{ id: 1n, v: 'kept' }]);
  await upload.commit();
  made.close();
});

/** Fails as told, and leaves the one row that was there. */
async function told(work: Promise<unknown>, wanted: { code: string | RegExp; kind: string }): Promise<void> {
  const error = (await work.then(
    () => null,
    (one: unknown) => one,
  )) as MaxComputeError;
  expect(error).toBeInstanceOf(MaxComputeError);
  expect(error).toMatchObject({ code: expect.stringMatching(wanted.code), kind: wanted.kind });
  expect(error.hint).toEqual(expect.stringMatching(/\w/));
  expect(error.requestId).toEqual(expect.stringMatching(/^\w{16,}$/));
  expect(error.message).not.toContain('wrong-key');
  expect(
    await first(
      clientOf()
        .table('kept')
        .download()
        .then((one) => one.rowCount),
    ),
  ).toBe(1);
}

const first = <T>(one: T | Promise<T>) => one;
const all = async (list: AsyncIterable<unknown>) => {
  for await (const _ of list);
};

describe('what is wrong is told, with a hint and a request id, and nothing is published', () => {
  it.each([
    ['a wrong key', { accessKey: 'wrong-key' }, 'ODPS-0410042', 'auth'],
    ['a wrong id', { accessId: 'nobody' }, 'ODPS-0410051', 'auth'],
    ['a wrong project', { project: 'nowhere' }, 'NoSuchProject', 'missing'],
    [
      'no credentials',
      { credentials: { anonymous: true }, accessId: undefined, accessKey: undefined },
      'Unauthorized',
      'auth',
    ],
  ])('%s', async (_, changes, code, kind) => {
    const made = clientOf(changes as Partial<ClientOptions>);
    await told(made.project(), { code, kind });
    await told(made.sql('SELECT 1'), { code, kind });
    await told(made.table('kept').upload({ overwrite: true }), { code, kind });
  });

  it('a table, a partition, a column that is not there', async () => {
    const made = clientOf();
    const missing = { kind: 'missing' };
    await told(made.table('none').upload(), { code: 'NoSuchTable', ...missing });
    await told(made.table('none').download(), { code: 'NoSuchTable', ...missing });
    await told(made.sql('SELECT * FROM none'), { code: 'ODPS-0130131', ...missing });
    await told(made.table('parts').upload({ partition: [{ name: 'pt', value: 'x' }] }), {
      code: 'NoSuchPartition',
      ...missing,
    });
    await told(made.table('parts').download({ partition: [{ name: 'pt', value: 'x' }] }), {
      code: 'NoSuchPartition',
      ...missing,
    });
    await told(made.sql('SELECT nothing FROM kept'), { code: 'ODPS-0130071', kind: 'config' });
    const upload = await made.table('kept').upload({ overwrite: true });
    await expect(upload.write([{ id: 2n, other: 1 }])).rejects.toMatchObject({ code: 'UnknownColumn', kind: 'data' });
    const download = await made.table('kept').download();
    await expect(all(download.rows({ columns: ['other'] }))).rejects.toMatchObject({
      code: 'InvalidColumnSpec',
      hint: 'There are id, v.',
    });
  });

  it('a partition that is none', async () => {
    const made = clientOf();
    const config = { kind: 'config' };
    await told(made.table('parts').upload(), { code: 'MissingPartitionSpec', ...config });
    await told(made.table('parts').upload({ partition: [{ name: 'other', value: 'x' }] }), {
      code: 'InvalidPartitionSpec',
      ...config,
    });
    await told(made.table('kept').upload({ partition: [{ name: 'pt', value: 'x' }] }), {
      code: 'InvalidPartitionSpec',
      ...config,
    });
  });

  it('a session that has expired', async () => {
    const upload = await clientOf().table('kept').upload({ overwrite: true });
    await upload.write([{ id: 2n, v: 'late' }]);
    bench.emulator.faults.add({ kind: 'expire' });
    await told(upload.commit(), { code: 'NoSuchUpload', kind: 'missing' });
    await told(upload.write([{ id: 3n, v: 'later' }]), { code: 'NoSuchUpload', kind: 'missing' });
  });

  it('a stream that is garbage, or half of one, or not what it says', async () => {
    const made = clientOf();
    const upload = await made.table('kept').upload({ overwrite: true });
    const put = (body: Buffer, headers = {}) =>
      raw(
        bench.http,
        bench.emulator.url,
        'PUT',
        '/projects/demo/tables/kept',
        { uploadid: upload.session.id, blockid: '0' },
        body,
        headers,
      );
    for (const [body, headers] of [
      [Buffer.from('garbage')],
      [Buffer.from('f0ffff7f', 'hex')],
      [Buffer.from('f0ffff7f00f8ffff7f00', 'hex'), { 'content-encoding': 'deflate' }],
    ] as const) {
      const answer = await put(body, headers);
      expect([answer.status, JSON.parse(answer.body).RequestId]).toEqual([400, expect.stringMatching(/^\w{16,}$/)]);
    }
    await told(upload.commit([0]), { code: 'BlocksNotMatch', kind: 'data' });
  });

  it('a cell of more than eight megabytes, by either way', async () => {
    const upload = await clientOf().table('kept').upload({ overwrite: true });
    const large = 'x'.repeat(8 * 1024 * 1024 + 1);
    await expect(upload.write([{ id: 2n, v: large }])).rejects.toMatchObject({
      code: 'ValueOutOfRange',
      row: 0,
      column: 'v',
    });
    await told(columnsTo(upload, Buffer.from(large), 2n), {
      code: /^(MalformedDataStream|InvalidArgument|CorruptedDataStream)$/,
      kind: 'data',
    });
  });

  it('a value out of its range, by either way', async () => {
    const upload = await clientOf().table('kept').upload({ overwrite: true });
    await expect(upload.write([{ id: -(2n ** 63n) }])).rejects.toMatchObject({
      code: 'ValueOutOfRange',
      hint: expect.any(String),
    });
    await told(columnsTo(upload, Buffer.from('v'), -(2n ** 63n)), { code: 'InvalidData', kind: 'config' });
  });

  /** One row as columns, which the client does not judge. */
  async function columnsTo(upload: Upload, v: Buffer, id: bigint): Promise<void> {
    const block = await writeBlock(bench.http, { table: 'kept', partition: [] }, upload.session, 0);
    await block.write(
      [
        { length: 1, values: BigInt64Array.of(id) },
        { length: 1, offsets: Int32Array.of(0, v.length), data: v },
      ],
      1,
    );
    await block.finish();
  }

  it('a quota that is used up, after patience', async () => {
    const made = clientOf();
    bench.emulator.faults.add({ kind: 'throttle', operation: 'createUpload', times: 2, millis: 5 });
    await made.table('kept').upload();
    bench.emulator.faults.add({ kind: 'throttle', operation: 'createUpload', times: 100, millis: 5 });
    await told(made.table('kept').upload(), { code: 'SlotExceeded', kind: 'busy' });
    bench.emulator.faults.clear();
  });
});

describe('an endpoint that is something else', () => {
  async function page(status: number, body: string) {
    const server = createServer((_, response) => response.writeHead(status, { 'content-type': 'text/html' }).end(body));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return clientOf({ endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api` });
  }

  it.each([
    [200, '<html>Welcome</html>'],
    [200, ''],
    [200, '{"hello":"world"}'],
    [403, '<html>Forbidden</html>'],
    [302, ''],
  ])('is told, and never taken for the service (%i %s)', async (status, body) => {
    const made = await page(status, body);
    for (const work of [
      made.project(),
      made.table('t').get(),
      made.sql('SELECT 1'),
      made.table('t').upload(),
      made.table('t').download(),
      made.table('t').upsert(),
    ]) {
      const error = (await work.then(
        (value) => value,
        (one: unknown) => one,
      )) as MaxComputeError;
      expect(error).toBeInstanceOf(MaxComputeError);
      expect(error.hint).toEqual(expect.stringMatching(/\w/));
    }
  });
});
