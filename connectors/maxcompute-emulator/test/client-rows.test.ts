import { createClient } from '@sampan/maxcompute';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { independent, useEmulator } from './fixture.ts';

const bench = useEmulator();
let client: ReturnType<typeof createClient>;
beforeAll(() => {
  client = createClient({ endpoint: bench.emulator.endpoint, project: 'demo', accessId: 'demo', accessKey: 'demo' });
});
afterAll(() => client.close());

const all = async <T>(list: AsyncGenerator<T>): Promise<T[]> => {
  const found: T[] = [];
  for await (const one of list) found.push(one);
  return found;
};

describe('rows by the client, the easy way', () => {
  it('come back as they went, of every type', async () => {
    const types = {
      a: 'tinyint',
      b: 'bigint',
      c: 'decimal(20,4)',
      d: 'double',
      e: 'boolean',
      f: 'string',
      g: 'binary',
      h: 'json',
      i: 'date',
      j: 'datetime',
      k: 'timestamp',
      l: 'timestamp_ntz',
      m: 'varchar(3)',
    };
    await client.createTable('easy', { columns: Object.entries(types).map(([name, type]) => ({ name, type })) });
    const rows = [
      {
        a: -7,
        b: 2n ** 62n,
        c: '-12.3400',
        d: -0,
        e: true,
        f: 'ä 中 😀',
        g: Uint8Array.of(0, 255),
        h: '{"a":1}',
        i: '2024-02-29',
        j: new Date('1969-12-31T23:59:59.999Z'),
        k: '1969-12-31T23:59:59.123456789Z',
        l: '2026-03-01T12:00:00',
        m: '😀😀😀',
      },
      Object.fromEntries(Object.keys(types).map((name) => [name, null])),
    ];
    const upload = await client.table('easy').upload();
    await upload.write(rows);
    expect(await independent(bench.folder, 'easy')).toEqual([]);
    await upload.commit();
    const download = await client.table('easy').download();
    expect(download.rowCount).toBe(2);
    // The emulator tells all digits of a decimal's scale.
    expect(await all(download.rows())).toEqual(rows);
    expect(await all(download.rows({ columns: ['F', 'a'], format: 'arrow', compression: 'lz4' }))).toEqual(
      rows.map(({ f, a }) => ({ f, a })),
    );
  });

  it('come first from a preview, of every type', async () => {
    const table = client.table('easy');
    const rows = await all((await table.download()).rows());
    expect(await all(table.preview())).toEqual(rows);
    expect(await all(table.preview({ rows: 1, columns: ['k', 'A'] }))).toEqual([{ a: -7, k: rows[0].k }]);
    await client.createTable('shown', {
      columns: [
        { name: 'id', type: 'bigint' },
        { name: 'n', type: 'array<struct<t:timestamp,m:map<string,bigint>>>' },
      ],
      partitionColumns: [{ name: 'pt', type: 'string' }],
    });
    const partition = [{ name: 'pt', value: 'b' }];
    const upload = await client.table('shown').upload({ partition, createPartition: true });
    const nested = [{ t: '1969-12-31T23:59:59.000000001Z', m: new Map([['x', 1n]]) }, null];
    await upload.write([{ id: 1n, n: nested }, { id: 2n }]);
    await upload.commit();
    const shown = [
      { id: 1n, n: nested },
      { id: 2n, n: null },
    ];
    expect(await all(client.table('shown').preview({ partition }))).toEqual(shown);
    expect(await all(client.table('shown').preview())).toEqual(shown);
    await expect(all(client.table('shown').preview({ partition: [{ name: 'pt', value: 'c' }] }))).rejects.toMatchObject(
      { code: 'NoSuchPartition', requestId: expect.any(String) },
    );
    await expect(all(client.table('shown').preview({ columns: ['no'] }))).rejects.toMatchObject({
      code: 'InvalidColumnSpec',
    });
  });

  it('come from a SELECT, typed', async () => {
    const { instanceId } = await client.sql("SELECT CAST(1 AS BIGINT) AS n, 'x' AS s, CAST('2024-02-29' AS DATE) AS d");
    expect(await all((await client.result(instanceId)).rows())).toEqual([{ n: 1n, s: 'x', d: '2024-02-29' }]);
  });

  it('go once, whatever breaks on the way', async () => {
    await client.createTable('breaks', {
      columns: [
        { name: 'id', type: 'bigint' },
        { name: 'v', type: 'string' },
      ],
    });
    const upload = await client.table('breaks').upload();
    bench.emulator.faults.add({ kind: 'throttle', operation: 'writeBlock', times: 2 });
    bench.emulator.faults.add({ kind: 'cut', operation: 'writeBlock', bytes: 20_000 });
    bench.emulator.faults.add({ kind: 'lostAnswer', operation: 'writeBlock' });
    const rows = Array.from({ length: 5_000 }, (_, id) => ({ id: BigInt(id), v: `row ${id}` }));
    await upload.write(rows);
    bench.emulator.faults.add({ kind: 'lostAnswer', operation: 'commitUpload' });
    await upload.commit();
    const download = await client.table('breaks').download();
    bench.emulator.faults.add({ kind: 'cut', operation: 'readRows', bytes: 40_000 });
    const read = await all(download.rows());
    expect(read).toEqual(rows);
  });

  it('that are wrong are told, and nothing of them is to be seen', async () => {
    const upload = await client.table('breaks').upload({ overwrite: true });
    await expect(upload.write([{ id: 1n }, { id: 'x' }])).rejects.toMatchObject({
      code: 'WrongValue',
      row: 1,
      column: 'id',
    });
    expect((await client.table('breaks').download()).rowCount).toBe(5_000);
  });
});
