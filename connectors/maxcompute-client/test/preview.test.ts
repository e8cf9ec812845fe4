import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ArrowStreamEncoder, COMPRESSIONS, escapeXml, parseType, RowEncoder } from '../src/index.ts';
import { json, type Reply, service } from './service.ts';

/**
 * Arrow streams by pyarrow 26.0.1: 41 rows in two batches, buffers plain and packed; a stream without batches; one whose
 * TIMESTAMP is in microseconds.
 */
const vectors = JSON.parse(readFileSync(new URL('./arrow-stream.vectors.json', import.meta.url), 'utf8')) as {
  [name: string]: string;
};
const bytesOf = (name: string) => Buffer.from(vectors[name], 'base64');

const TYPES = {
  a: 'tinyint',
  b: 'bigint',
  c: 'decimal(20,4)',
  d: 'double',
  e: 'boolean',
  f: 'string',
  g: 'binary',
  i: 'date',
  j: 'datetime',
  k: 'timestamp',
  l: 'timestamp_ntz',
  m: 'array<int>',
  n: 'map<string,bigint>',
  o: 'struct<x:string,y:date>',
};
const table = (types: { [name: string]: string }) => {
  const columns = Object.entries(types).map(([name, type]) => ({ name, type }));
  const schema = JSON.stringify({ tableName: 't', columns, partitionKeys: [{ name: 'pt', type: 'string' }] });
  return `<Table><Name>t</Name><Schema>${escapeXml(schema)}</Schema></Table>`;
};

/** A service with a table and its preview. */
const previewing =
  (preview: Reply, types: { [name: string]: string } = TYPES): Reply =>
  (got, response) =>
    got.path.endsWith('/preview') ? preview(got, response) : json(200, table(types))(got, response);
const sent =
  (body: Buffer, at = body.length): Reply =>
  (_, response) => {
    response.writeHead(200, { 'x-odps-request-id': 'R6' });
    response.write(body.subarray(0, at));
    response.end(body.subarray(at));
  };

const row = (n: number) => ({
  a: n - 3,
  b: 2n ** 60n + BigInt(n),
  c: (n - 12.34).toFixed(4),
  d: n / 3,
  e: n % 2 === 0,
  f: `ä 中 😀${n}`,
  g: Uint8Array.of(0, 255, n),
  i: '2024-02-29',
  j: new Date('1969-12-31T23:59:59.999Z'),
  k: '1969-12-31T23:59:59.123456789Z',
  l: `2023-11-14T22:13:20.${String(123456789 + n)}`,
  m: [n, null, n === 0 ? 0 : -n],
  n: new Map([
    ['a', BigInt(n)],
    ['b', null],
  ]),
  o: { x: 's', y: '1970-01-02' },
  pt: '20260301',
});

async function all<T>(list: AsyncGenerator<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of list) found.push(one);
  return found;
}

describe('a preview', () => {
  const plain = ['plain', 'lz4', 'zstd'].filter((name) => name !== 'zstd' || COMPRESSIONS.includes('zstd'));

  it.each(plain)(
    "gives rows of every type from Arrow's own stream, however it is cut and packed (%s)",
    async (name) => {
      const body = bytesOf(name);
      for (const at of [1, 9, 700, body.length >> 1, body.length]) {
        const { client } = await service(previewing(sent(body, at)));
        const rows = await all(client.table('T').preview());
        expect(rows.length).toBe(41);
        expect(rows.slice(0, 40)).toEqual(Array.from({ length: 40 }, (_, n) => row(n)));
        expect(rows[40]).toEqual({
          ...Object.fromEntries(Object.keys(TYPES).map((key) => [key, null])),
          pt: '20260301',
        });
      }
    },
  );

  it('reads what this client writes as such a stream, of any width', async () => {
    const wide = Object.fromEntries(
      Array.from({ length: 400 }, (_, at) => [`column_${at}`, at % 2 === 0 ? 'bigint' : 'string']),
    );
    const columns = Object.entries(wide).map(([name, type]) => ({
      name,
      type: parseType(type),
      nullable: true,
      comment: '',
    }));
    const given = [0, 1].map((row) =>
      Object.fromEntries(columns.map(({ name }, at) => [name, at % 2 === 0 ? BigInt(row) : `${row}`])),
    );
    const encoder = new ArrowStreamEncoder(columns);
    const batch = encoder.encode(new RowEncoder(columns, 100).encode(given), 2);
    const body = Buffer.concat([
      encoder.start(),
      batch,
      Buffer.from(encoder.encode(new RowEncoder(columns, 100).encode(given), 2)),
      encoder.end(),
    ]);
    const { client } = await service(previewing(sent(body), wide));
    expect(await all(client.table('t').preview())).toEqual([...given, ...given]);
  });

  it('asks for what is wanted', async () => {
    const { client, got } = await service(previewing(sent(bytesOf('empty'))));
    const partition = [{ name: 'pt', value: '2026' }];
    expect(
      await all(client.table('t').preview({ rows: 5, partition, columns: ['F', 'a'], compression: 'lz4' })),
    ).toEqual([]);
    expect(got[1].path).toBe('/projects/proj/schemas/default/tables/t/preview');
    expect(Object.fromEntries(got[1].query)).toMatchObject({ limit: '5', partition: 'pt=2026', columns: 'a,f' });
    expect(got[1].headers['accept-encoding']).toBe('LZ4_FRAME');
    const bare = await service(previewing(sent(Buffer.alloc(0))), { schema: 's' });
    expect(await all(bare.client.table('t').preview())).toEqual([]);
    expect(bare.got[1].path).toBe('/projects/proj/schemas/s/tables/t/preview');
    expect(bare.got[1].query.get('limit')).toBe('-1');
  });

  it('that is broken, cut or of another shape is a typed error with its request', async () => {
    const damaged = Buffer.from(bytesOf('lz4'));
    damaged.fill(0xff, damaged.length - 3_000, damaged.length - 2_000);
    for (const [body, code] of [
      [bytesOf('plain').subarray(0, 5_000), 'TruncatedDataStream'],
      [damaged, 'MalformedDataStream'],
      [Buffer.from('<html>hello, this is a page</html>'), 'MalformedDataStream'],
    ] as const) {
      const { client } = await service(previewing(sent(body)));
      await expect(all(client.table('t').preview())).rejects.toMatchObject({ code, requestId: 'R6' });
    }
    const micros = await service(previewing(sent(bytesOf('micros')), { a: 'timestamp' }));
    await expect(all(micros.client.table('t').preview())).rejects.toMatchObject({
      code: 'UnknownType',
      requestId: 'R6',
    });
    // Read as what it is not, each of these would be another value.
    for (const other of [
      { a: 'string' },
      { a: 'int' },
      { b: 'int' },
      { c: 'decimal(20,3)' },
      { d: 'float' },
      { j: 'date' },
      { m: 'array<bigint>' },
    ]) {
      const { client } = await service(previewing(sent(bytesOf('plain')), { ...TYPES, ...other }));
      await expect(all(client.table('t').preview())).rejects.toMatchObject({ code: 'UnknownType' });
    }
    const fewer = await service(previewing(sent(bytesOf('plain')), { b: 'bigint' }));
    await expect(all(fewer.client.table('t').preview())).rejects.toMatchObject({ code: 'InvalidColumnSpec' });
  });

  it('of what is not there is told', async () => {
    const { client } = await service(json(404, ''));
    await expect(all(client.table('t').preview())).rejects.toMatchObject({ code: 'NoSuchTable', kind: 'missing' });
  });
});
