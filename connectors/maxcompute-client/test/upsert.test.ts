import { describe, expect, it } from 'vitest';
import { type ColumnData, commitUpsert, parseType, RecordDecoder, type Upsert } from '../src/index.ts';
import { type Got, inTurn, json, type Reply, reset, service } from './service.ts';

const COLUMNS = [
  { name: 'id', type: 'bigint', nullable: false },
  { name: 'name', type: 'string' },
];
const SLOTS = [
  { slot_id: '0', buckets: [0, 2], worker_addr: '10.0.0.1:80' },
  { slot_id: '1', buckets: [1], worker_addr: '10.0.0.2:80' },
];
const session = (status: string, changes: object = {}) => ({
  id: 'S1',
  schema: { columns: COLUMNS },
  hash_key: ['id'],
  hasher: 'default',
  slots: SLOTS,
  status,
  ...changes,
});
const state = (status: string, changes: object = {}): Reply => json(200, session(status, changes));
const gone: Reply = json(404, { Code: 'UpsertSessionNotFound', Message: 'There is no such session.' });
const OF = { table: 't', partition: [] };

function rows(...ids: bigint[]): [ColumnData[], number] {
  const names = ids.map((id) => `row ${id}`);
  const offsets = new Int32Array(ids.length + 1);
  names.forEach((name, row) => {
    offsets[row + 1] = offsets[row] + name.length;
  });
  const values = BigInt64Array.from(ids);
  return [
    [
      { length: ids.length, values },
      { length: ids.length, offsets, data: Buffer.from(names.join('')) },
    ],
    ids.length,
  ];
}

const TYPES = ['bigint', 'string', 'bigint', 'bigint', 'tinyint', 'array<bigint>', 'array<bigint>'].map(parseType);

/** The ids in a pack, and their operations. */
async function taken(got: Got): Promise<[bigint, number][]> {
  const decoder = new RecordDecoder(TYPES);
  const batches = [...decoder.push(await got.body())];
  const last = decoder.end();
  if (last !== null) batches.push(last);
  return batches.flatMap(({ rows: count, columns }) =>
    Array.from({ length: count }, (_, row): [bigint, number] => [
      columns[0].values![row] as bigint,
      Number(columns[4].values![row]),
    ]),
  );
}

const isPut = (got: Got) => got.method === 'PUT';

describe('an upsert session', () => {
  it('is opened as the tunnel wants it', async () => {
    const { client, got } = await service(state('normal'), { schema: 'sales', quota: 'q' });
    const partition = [{ name: 'pt', value: 'a b' }];
    const upsert = await client.table('t').upsert({ partition, slots: 4, lifecycle: 2 });
    expect(got[0]).toMatchObject({ method: 'POST', path: '/projects/proj/schemas/sales/tables/t/upserts' });
    expect(Object.fromEntries(got[0].query)).toEqual({
      slotnum: '4',
      lifecycle: '2',
      partition: 'pt=a b',
      quotaName: 'q',
      curr_project: 'proj',
    });
    expect(upsert.session).toMatchObject({ id: 'S1', status: 'NORMAL', keys: [0], hasher: 'default' });
    expect(upsert.session.buckets.map((one) => `${one.slot}@${one.server}`)).toEqual([
      '0@10.0.0.1:80',
      '1@10.0.0.2:80',
      '0@10.0.0.1:80',
    ]);
  });

  it('sends each row to the server of its bucket, in the order of the calls', async () => {
    const packs: { bucket: string; ids: [bigint, number][] }[] = [];
    const { client } = await service(async (one, response) => {
      if (!isPut(one)) return state('normal')(one, response);
      const [slot] = SLOTS.filter(({ buckets }) => buckets.includes(Number(one.query.get('bucketid'))));
      expect(one.query.get('slotid')).toBe(slot.slot_id);
      expect(one.headers['odps-tunnel-routed-server']).toBe(slot.worker_addr);
      expect(one.headers['content-length']).toBeDefined();
      const ids = await taken(one);
      expect(one.query.get('record_count')).toBe(String(ids.length));
      packs.push({ bucket: one.query.get('bucketid')!, ids });
      response.end();
    });
    const upsert = await client.table('t').upsert();
    await upsert.write(...rows(...Array.from({ length: 30 }, (_, at) => BigInt(at))));
    await upsert.delete(...rows(7n));
    await upsert.flush();
    expect(packs.length).toBe(3);
    const all = packs.flatMap((pack) => pack.ids);
    expect(all.length).toBe(31);
    expect(all.filter(([id]) => id === 7n)).toEqual([
      [7n, 85],
      [7n, 68],
    ]);
  });

  it('follows a slot that has moved, waits where it is throttled, and sends a pack again', async () => {
    let puts = 0;
    const servers: string[] = [];
    const moved = [{ slot_id: '0', buckets: [0, 1, 2], worker_addr: 'new:80' }];
    const { client } = await service(async (one, response) => {
      if (!isPut(one)) return state('normal', { slots: puts === 0 ? SLOTS : moved })(one, response);
      servers.push(String(one.headers['odps-tunnel-routed-server']));
      const reply = [
        json(308, { Code: 'SlotReassigned', Message: 'elsewhere' }),
        json(429, { Code: 'SlotExceeded', Message: 'full', HoldClientMillis: 5 }),
        reset,
        json(200, ''),
      ][Math.min(puts++, 3)];
      return reply(one, response);
    });
    const upsert = await client.table('t').upsert();
    await upsert.write(...rows(1n));
    await upsert.flush();
    expect(puts).toBe(4);
    expect(servers.slice(1)).toEqual(['new:80', 'new:80', 'new:80']);
  });

  it('is broken by a pack that cannot be sent: nothing more is taken, and nothing is committed', async () => {
    const { client, got } = await service((one, response) =>
      (isPut(one) ? json(400, { Code: 'InvalidData', Message: 'no' }) : state('normal'))(one, response),
    );
    const upsert: Upsert = await client.table('t').upsert();
    await upsert.write(...rows(1n));
    await expect(upsert.flush()).rejects.toMatchObject({ code: 'InvalidData' });
    for (const more of [upsert.flush(), upsert.commit(), upsert.write(...rows(2n)).then(() => upsert.flush())])
      await expect(more).rejects.toMatchObject({ code: 'SessionBroken', kind: 'data' });
    expect(got.filter((one) => one.method === 'POST').length).toBe(1);
  });

  for (const [what, changes] of Object.entries({
    'a bucket that no slot takes': { slots: [{ slot_id: '0', buckets: [0, 2], worker_addr: 'x' }] },
    'no slot at all': { slots: [] },
    'a key that is no column': { hash_key: ['zz'] },
    'no key': { hash_key: [] },
    'a hash of another kind': { hasher: 'md5' },
    'no id': { id: undefined },
  }))
    it(`is none with ${what}: rows would go where nobody looks for them`, async () => {
      const { client } = await service(state('normal', changes));
      await expect(client.table('t').upsert()).rejects.toMatchObject({ code: 'UnreadableAnswer', kind: 'config' });
    });
});

describe('the commit of an upsert session', () => {
  const outcome = async (...replies: Reply[]) => {
    const { http, got } = await service(inTurn(...replies));
    return {
      work: commitUpsert(http, OF, 'S1'),
      posts: () => got.filter((one) => one.method === 'POST').length,
    };
  };
  const asked = state('normal');

  it('is asked for until it is done', async () => {
    const { work, posts } = await outcome(
      asked,
      state('committing'),
      state('committing'),
      state('committing'),
      state('committed'),
    );
    await work;
    expect(posts()).toBe(2);
  });

  it('is done where the service has begun it and forgets the session, as the official clients take it', async () => {
    const { work } = await outcome(asked, state('committing'), gone);
    await work;
  });

  it('is not sent where it is done', async () => {
    const { work, posts } = await outcome(state('committed'));
    await work;
    expect(posts()).toBe(0);
  });

  it('is looked for where its answer is lost, and sent again only where it has not happened', async () => {
    const done = await outcome(asked, reset, state('committed'));
    await done.work;
    expect(done.posts()).toBe(1);
    const again = await outcome(asked, reset, asked, state('committed'));
    await again.work;
    expect(again.posts()).toBe(2);
  });

  it('is not known where its answer is lost and the session goes away', async () => {
    const { work } = await outcome(asked, reset, gone);
    await expect(work).rejects.toMatchObject({ code: 'CommitUnknown', kind: 'missing' });
  });

  it('is none where the session was lost before it', async () => {
    for (const [reply, how] of [
      [gone, 'GONE'],
      [state('aborted'), 'ABORTED'],
      [state('expired'), 'EXPIRED'],
      [state('critical'), 'CRITICAL'],
    ] as const) {
      const { work } = await outcome(reply);
      await expect(work).rejects.toMatchObject({
        code: 'SessionLost',
        kind: 'data',
        message: expect.stringContaining(how),
      });
    }
    const { work } = await outcome(asked, state('critical'));
    await expect(work).rejects.toMatchObject({ code: 'SessionLost' });
  });
});
