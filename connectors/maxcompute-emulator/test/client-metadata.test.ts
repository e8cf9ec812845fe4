import { createClient, MaxComputeError } from '@sampan/maxcompute';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useEmulator } from './fixture.ts';

const bench = useEmulator({ sqlDelayMs: 5 });
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

describe('tables by the client', () => {
  it('are made with odd names and comments, described, changed and dropped', async () => {
    await client.createTable('t_odd', {
      columns: [
        { name: 'id', type: 'bigint', nullable: false },
        { name: 'select', type: 'decimal(10,2)', comment: `it's "50%" \\ off\nnow` },
      ],
      partitionColumns: [{ name: 'pt', type: 'string' }],
      comment: "o'hara; -- no",
      lifecycle: 7,
    });
    const table = client.table('T_Odd');
    expect(await table.get()).toMatchObject({
      name: 't_odd',
      comment: "o'hara; -- no",
      lifecycle: 7,
      columns: [
        { name: 'id', nullable: false },
        { name: 'select', type: { kind: 'decimal', precision: 10, scale: 2 }, comment: `it's "50%" \\ off\nnow` },
      ],
      partitionColumns: [{ name: 'pt' }],
    });
    await table.alter({ comment: "it's new" });
    await table.alter({ lifecycle: 9 });
    await table.alter({ addColumns: [{ name: 'more', type: 'string', comment: 'x' }] });
    expect(await table.get()).toMatchObject({ comment: "it's new", lifecycle: 9, columns: [{}, {}, { name: 'more' }] });
    await table.alter({ rename: 't_even' });
    expect([await table.exists(), await client.table('t_even').exists()]).toEqual([false, true]);
    await client.table('t_even').drop();
    await client.table('t_even').drop();
    expect(await client.table('t_even').exists()).toBe(false);
  });

  it('have partitions that are added, listed with figures, emptied and dropped', async () => {
    await client.createTable('parts', {
      columns: [{ name: 'id', type: 'bigint' }],
      partitionColumns: [
        { name: 'pt', type: 'string' },
        { name: 'hh', type: 'string' },
      ],
    });
    const table = client.table('parts');
    const of = (pt: string, hh: string) => [
      { name: 'pt', value: pt },
      { name: 'hh', value: hh },
    ];
    for (const [pt, hh] of [
      ['100%', '00'],
      ['100%', '01'],
      ['a b+c', '00'],
    ])
      await table.addPartition(of(pt, hh));
    await table.addPartition(of('100%', '00'));
    await client.sql("INSERT INTO parts PARTITION (pt='100%', hh='01') VALUES (1), (2)");
    expect(
      (await all(table.findPartitions({ pageSize: 1 }))).map((one) => [
        one.partition.map(({ value }) => value),
        one.rows,
      ]),
    ).toEqual([
      [['100%', '00'], 0],
      [['100%', '01'], 2],
      [['a b+c', '00'], 0],
    ]);
    const back = await all(
      table.findPartitions({ pageSize: 1, reverse: true, within: [{ name: 'pt', value: '100%' }] }),
    );
    expect(back.map((one) => one.partition[1].value)).toEqual(['01', '00']);
    expect(await table.partition(of('100%', '01'))).toMatchObject({ rows: 2, createdAt: expect.any(Date) });
    expect(await table.partition(of('100%', '07'))).toBeUndefined();
    await table.truncate(of('100%', '01'));
    expect(await table.partition(of('100%', '01'))).toMatchObject({ rows: 0 });
    await table.dropPartition(of('100%', '01'));
    await table.dropPartition(of('100%', '01'));
    expect(await table.hasPartition(of('100%', '01'))).toBe(false);
    // What the service does not take for a value is refused, and not taken for another partition.
    await expect(table.addPartition(of("it's", '00'))).rejects.toBeInstanceOf(MaxComputeError);
    expect((await all(table.partitions())).length).toBe(2);
  });

  it('are described many at a time', async () => {
    await client.createTable('many_1', { columns: [{ name: 'id', type: 'bigint' }], primaryKey: ['id'] });
    await client.createTable('many_2', { columns: [{ name: 'v', type: 'string' }] });
    const found = await all(client.getTables(['many_2', 'not_there', 'MANY_1']));
    expect(found.map((one) => [one.name, one.primaryKey]).sort()).toEqual([
      ['many_1', ['id']],
      ['many_2', []],
    ]);
    expect((await all(client.findTables({ prefix: 'many_' }))).map((one) => one.name)).toEqual(['many_1', 'many_2']);
    expect(await all(client.findTables({ prefix: 'many_', owner: 'somebody' }))).toEqual([]);
    expect(await all(client.findTables({ type: 'VIRTUAL_VIEW' }))).toEqual([]);
    expect((await all(client.findTables({ prefix: 'many_', owner: 'emulator', type: 'MANAGED_TABLE' }))).length).toBe(
      2,
    );
  });
});

describe('schemas by the client', () => {
  it('are made, listed and dropped, and hold tables of their own', async () => {
    await client.createSchema('sales');
    await client.createSchema('sales');
    expect((await all(client.schemas())).map((one) => one.name)).toEqual(expect.arrayContaining(['default', 'sales']));
    expect(await client.schema('Sales')).toMatchObject({ name: 'sales' });
    expect(await client.schema('nothing')).toBeUndefined();
    const { endpoint } = bench.emulator;
    const own = createClient({ endpoint, project: 'demo', schema: 'sales', accessId: 'demo', accessKey: 'demo' });
    try {
      await own.createTable('only_here', { columns: [{ name: 'id', type: 'bigint' }] });
      const upload = await own.table('only_here').upload();
      await upload.write([{ id: 7n }]);
      await upload.commit();
      expect(await own.table('only_here').get()).toMatchObject({ name: 'only_here', schema: 'sales' });
      expect(await client.table('only_here').exists()).toBe(false);
      expect(await all(own.tables())).toEqual(['only_here']);
      expect((await all(own.getTables(['only_here']))).map((one) => one.schema)).toEqual(['sales']);
      expect(await all(own.table('only_here').preview())).toEqual([{ id: 7n }]);
      expect(await all((await own.table('only_here').download()).rows())).toEqual([{ id: 7n }]);
      expect((await own.sql('SELECT id FROM only_here')).rows).toEqual([['7']]);
      await own.table('only_here').drop();
    } finally {
      own.close();
    }
    await client.dropSchema('sales');
    await client.dropSchema('sales');
    expect(await client.schema('sales')).toBeUndefined();
  });

  it('stand in projects, which are listed', async () => {
    expect((await all(client.projects())).map((one) => one.name)).toEqual(['demo']);
    expect(await client.project()).toMatchObject({ name: 'demo', state: 'AVAILABLE', createdAt: expect.any(Date) });
    expect((await client.project()).properties['odps.sql.type.system.odps2']).toBe('true');
  });
});

describe('statements by the client', () => {
  it('are listed, by their state and time', async () => {
    const { instanceId } = await client.sql('SELECT 1');
    const slow = await client.submit('SELECT 2');
    const listed = await all(client.instances({ from: new Date(Date.now() - 3_600_000) }));
    expect(listed.map((one) => one.id)).toEqual(expect.arrayContaining([instanceId, slow.id]));
    await slow.wait();
    expect(await slow.source()).toBe('SELECT 2;');
    expect(await slow.tasks()).toMatchObject([{ status: 'SUCCESS' }]);
    expect([await slow.status(), await slow.summary()]).toEqual(['TERMINATED', { text: '', json: '{}' }]);
    expect(await all(client.instances({ status: 'Running' }))).toEqual([]);
    expect(await all(client.instances({ to: new Date(Date.now() - 3_600_000) }))).toEqual([]);
    expect(listed.find((one) => one.id === instanceId)).toMatchObject({
      status: 'TERMINATED',
      endedAt: expect.any(Date),
    });
  });

  it('take SET in front, and are not run where only their cost is asked for', async () => {
    await client.createTable('costly', { columns: [{ name: 'id', type: 'bigint' }] });
    // The emulator has no estimate, and must not run the statement for want of one.
    await expect(client.cost('INSERT INTO costly VALUES (1)')).rejects.toMatchObject({
      code: 'InvalidParameter',
      requestId: expect.any(String),
    });
    expect((await client.sql('SET odps.sql.timezone=Asia/Shanghai; SELECT COUNT(1) AS n FROM costly')).rows).toEqual([
      ['0'],
    ]);
  });
});
