import {
  abortUpsert,
  bucketsOf,
  COMPRESSIONS,
  type ColumnData,
  commitUpsert,
  createClient,
  createStream,
  createUpload,
  createUpsert,
  parseType,
  RecordEncoder,
  reloadUpsert,
  runSql,
  sendPack,
  UpsertPacker,
} from '@sampan/maxcompute';
import { beforeAll, describe, expect, it } from 'vitest';
import { count, ids, independent, raw, rowsOf, texts, useEmulator } from './fixture.ts';

const bench = useEmulator({ commitDelayMs: 150 });
const sql = (text: string) => runSql(bench.http, text);
const DELTA = 'TBLPROPERTIES ("transactional"="true", "write.bucket.num"="5")';
const table = (name: string) =>
  createClient({ endpoint: bench.emulator.endpoint, project: 'demo', accessId: 'demo', accessKey: 'demo' }).table(name);
const create = (name: string, more = '') =>
  sql(`CREATE TABLE ${name} (id BIGINT NOT NULL, name STRING, PRIMARY KEY (id))${more} ${DELTA}`);
const rows = (name: string) =>
  rowsOf(bench.http, `SELECT id, name FROM ${name} ORDER BY id LIMIT 10000`).then((all) =>
    all.map(([id, name]) => `${id} ${name}`),
  );
const given = (...pairs: [number, string | null][]): [ColumnData[], number] => [
  [ids(...pairs.map(([id]) => BigInt(id))), texts(pairs.map(([, name]) => name))],
  pairs.length,
];

describe('an upsert session', () => {
  it('shows nothing until it is committed, then all: new rows, changed rows, deleted rows', async () => {
    await create('people');
    const first = await table('people').upsert();
    expect(first.session).toMatchObject({ status: 'NORMAL', keys: [0], hasher: 'default' });
    expect(first.session.buckets).toHaveLength(5);
    await first.write(...given([1, 'Ada'], [2, 'Bob'], [3, null], [-4, 'Dan']));
    await first.flush();
    expect(await count(bench.http, 'people')).toBe(0);
    await first.commit();
    expect(await rows('people')).toEqual(['-4 Dan', '1 Ada', '2 Bob', '3 null']);
    const second = await table('people').upsert({ slots: 3, lifecycle: 1, compression: 'lz4' });
    expect(new Set(second.session.buckets.map((one) => one.slot)).size).toBe(3);
    await second.write(...given([2, 'Bea'], [5, 'Eve']));
    await second.delete(...given([1, null], [99, null]));
    await second.commit();
    expect(await rows('people')).toEqual(['-4 Dan', '2 Bea', '3 null', '5 Eve']);
    // The files that the manifest names are the table: without keys that were replaced.
    expect((await independent(bench.folder, 'people', 'id')).flat().sort()).toEqual(['-4', '2', '3', '5']);
    const download = await table('people').download();
    expect(download.rowCount).toBe(4);
    expect((await second.reload()).status).toBe('COMMITTED');
  });

  it('takes what a key was told last: within a call, a pack, a session', async () => {
    await create('last');
    const upsert = await table('last').upsert();
    await upsert.write(...given([1, 'a'], [1, 'b'], [2, 'a'], [3, 'a']));
    await upsert.flush();
    await upsert.write(...given([1, 'c']));
    await upsert.delete(...given([1, null], [2, null], [3, null]));
    await upsert.flush();
    await upsert.write(...given([2, 'back']));
    await upsert.commit();
    expect(await rows('last')).toEqual(['2 back']);
  });

  it('holds to a model, whatever is written and deleted in whatever sessions', async () => {
    await create('model');
    const model = new Map<number, string>();
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((seed / 2_147_483_648) * below);
    };
    for (let session = 0; session < 6; session++) {
      const upsert = await table('model').upsert({ compression: COMPRESSIONS[session % COMPRESSIONS.length] });
      for (let call = 0; call < 5; call++) {
        const pairs = Array.from({ length: 40 }, (): [number, string] => [random(60) - 30, `v${random(1_000)}`]);
        if (random(3) === 0) {
          await upsert.delete(...given(...pairs));
          for (const [id] of pairs) model.delete(id);
        } else {
          await upsert.write(...given(...pairs));
          for (const [id, name] of pairs) model.set(id, name);
        }
        if (random(2) === 0) await upsert.flush();
      }
      await upsert.commit();
      const wanted = [...model].sort(([a], [b]) => a - b).map(([id, name]) => `${id} ${name}`);
      expect(await rows('model')).toEqual(wanted);
    }
  });

  it('knows composite keys of every type, down to the nanosecond', async () => {
    const types = [
      'TINYINT',
      'STRING',
      'DECIMAL(38,18)',
      'DATE',
      'DATETIME',
      'TIMESTAMP',
      'BOOLEAN',
      'DOUBLE',
      'BINARY',
    ];
    const names = types.map((_, at) => `k${at}`);
    await sql(
      `CREATE TABLE keys (${types.map((type, at) => `k${at} ${type} NOT NULL`).join(', ')}, v STRING, PRIMARY KEY (${names.join(', ')})) ${DELTA}`,
    );
    const key = (nanos: number, value: string): ColumnData[] => [
      { length: 1, values: Int8Array.of(-3) },
      texts(['中文']),
      texts(['-0.000000000000000001']),
      { length: 1, values: Int32Array.of(-5) },
      { length: 1, values: BigInt64Array.of(-1_000n) },
      { length: 1, values: BigInt64Array.of(1_700_000_000_000_001n), subMicros: Uint16Array.of(nanos) },
      { length: 1, values: Uint8Array.of(1) },
      { length: 1, values: Float64Array.of(-2.25) },
      texts([Buffer.from([0, 255])]),
      texts([value]),
    ];
    const write = async (...all: ColumnData[][]) => {
      const upsert = await table('keys').upsert();
      for (const one of all) await upsert.write(one, 1);
      await upsert.commit();
    };
    await write(key(1, 'a'), key(2, 'b'), key(0, 'c'));
    await write(key(2, 'd'), key(0, 'e'), key(0, 'f'));
    const found = await independent(bench.folder, 'keys', 'k5__nanos, v');
    expect(found.map(([nanos, v]) => `${nanos ?? 0} ${v}`).sort()).toEqual(['0 f', '1 a', '2 d']);
  });

  it('keeps texts that are not UTF-8; none can be a key', async () => {
    await create('bytes');
    const strange = Buffer.from([0xff, 1]);
    const upsert = await table('bytes').upsert();
    await upsert.write([ids(1n, 2n), texts([strange, 'plain'])], 2);
    await upsert.commit();
    const more = await table('bytes').upsert();
    await more.write([ids(2n, 3n), texts([strange, strange])], 2);
    await more.commit();
    const found: string[] = [];
    const download = await table('bytes').download();
    for await (const { rows, columns } of download.read(0, download.rowCount))
      for (let row = 0; row < rows; row++) {
        const { data, offsets } = columns[1];
        found.push(Buffer.from(data!.subarray(offsets![row], offsets![row + 1])).toString('hex'));
      }
    expect(found).toEqual(['ff01', 'ff01', 'ff01']);
    await sql(`CREATE TABLE by_text (k STRING NOT NULL PRIMARY KEY) ${DELTA}`);
    const keys = await table('by_text').upsert();
    await keys.write([texts([strange])], 1);
    await expect(keys.flush()).rejects.toMatchObject({ message: /part of the key/ });
  });

  it('writes into a table of a schema, which SQL changes as well', async () => {
    const own = { project: 'demo', accessId: 'demo', accessKey: 'demo', schema: 'side' };
    const client = createClient({ endpoint: bench.emulator.endpoint, ...own });
    await sql('CREATE SCHEMA side');
    await client.sql(`CREATE TABLE side.people (id BIGINT NOT NULL, name STRING, PRIMARY KEY (id)) ${DELTA}`);
    const upsert = await client.table('people').upsert();
    await upsert.write(...given([1, 'a'], [2, 'b']));
    await upsert.commit();
    await sql("UPDATE demo.side.people SET name = 'c' WHERE people.id = 2");
    await sql(
      'MERGE INTO demo.side.people t USING demo.side.people s ON t.id = s.id AND s.id = 1 WHEN MATCHED THEN DELETE',
    );
    expect(await rows('demo.side.people')).toEqual(['2 c']);
    client.close();
  });

  it('writes into one partition, and leaves the others', async () => {
    await create('parted', ' PARTITIONED BY (pt STRING)');
    for (const pt of ['a', 'b']) await sql(`ALTER TABLE parted ADD PARTITION (pt='${pt}')`);
    const of = (value: string) => ({ partition: [{ name: 'pt', value }] });
    for (const pt of ['a', 'b']) {
      const upsert = await table('parted').upsert(of(pt));
      await upsert.write(...given([1, pt], [2, pt]));
      await upsert.commit();
    }
    const again = await table('parted').upsert(of('b'));
    await again.write(...given([2, 'new']));
    await again.commit();
    expect(await rowsOf(bench.http, "SELECT id, name, pt FROM parted WHERE pt > '' ORDER BY pt, id LIMIT 9")).toEqual([
      ['1', 'a', 'a'],
      ['2', 'a', 'a'],
      ['1', 'b', 'b'],
      ['2', 'new', 'b'],
    ]);
    await expect(table('parted').upsert(of('zz'))).rejects.toMatchObject({ code: 'NoSuchPartition' });
    await expect(table('parted').upsert()).rejects.toMatchObject({ code: 'MissingPartitionSpec' });
  });

  it('keeps rows that were written before a column was added, as NULL', async () => {
    await create('wider');
    const narrow = await table('wider').upsert();
    await narrow.write(...given([1, 'a'], [2, 'b']));
    await sql('ALTER TABLE wider ADD COLUMNS (note STRING)');
    await narrow.commit();
    const wide = await table('wider').upsert();
    await wide.write([...given([2, 'c'], [3, 'd'])[0], texts(['x', 'y'])], 2);
    await wide.commit();
    expect(await rowsOf(bench.http, 'SELECT * FROM wider ORDER BY id LIMIT 9')).toEqual([
      ['1', 'a', null],
      ['2', 'c', 'x'],
      ['3', 'd', 'y'],
    ]);
  });
});

describe('the end of an upsert session', () => {
  const open = async (name: string) => {
    await create(name);
    const upsert = await table(name).upsert();
    await upsert.write(...given([1, 'a']));
    await upsert.flush();
    return upsert;
  };
  const of = (name: string) => ({ table: name, partition: [] });

  it('is committing for a while, and then committed: once, whoever asks', async () => {
    const { session } = await open('once');
    const commit = (signal?: AbortSignal) => commitUpsert(bench.http, of('once'), session.id, signal);
    await Promise.all([commit(), commit()]);
    await sql("INSERT INTO once VALUES (1L, 'later')");
    await commit();
    expect(await rows('once')).toEqual(['1 later']);
    const packer = new UpsertPacker(session);
    packer.add('upsert', ...given([2, 'late']));
    await expect(sendPack(bench.http, of('once'), session, packer.flush()[0])).rejects.toMatchObject({
      code: 'StatusConflict',
    });
    await expect(abortUpsert(bench.http, of('once'), session.id)).rejects.toMatchObject({ code: 'StatusConflict' });
  });

  for (const kind of ['lostAnswer', 'lostRequest'] as const)
    it(`is found out where the answer to the commit is lost (${kind})`, async () => {
      const upsert = await open(`found_${kind.toLowerCase()}`);
      bench.emulator.faults.add({ kind, operation: 'commitUpload', path: 'upserts' });
      await upsert.commit();
      expect(await rows(`found_${kind.toLowerCase()}`)).toEqual(['1 a']);
    });

  it('is an abort: nobody can commit it any more, and it has left nothing', async () => {
    const upsert = await open('aborted');
    await upsert.abort();
    await upsert.abort();
    await expect(upsert.commit()).rejects.toMatchObject({ code: 'SessionLost', message: /ABORTED/ });
    await expect(upsert.write(...given([2, 'b'])).then(() => upsert.flush())).rejects.toMatchObject({
      code: 'StatusConflict',
    });
    expect(await count(bench.http, 'aborted')).toBe(0);
  });

  it('is its expiry', async () => {
    const upsert = await open('expired');
    bench.emulator.faults.add({ kind: 'expire', operation: 'reloadUpload', path: 'upserts' });
    await expect(upsert.commit()).rejects.toMatchObject({ code: 'SessionLost' });
    await expect(reloadUpsert(bench.http, of('expired'), upsert.session.id)).rejects.toMatchObject({
      code: 'UpsertSessionNotFound',
      kind: 'missing',
    });
  });

  it('is critical where its partition has gone', async () => {
    await create('gone', ' PARTITIONED BY (pt STRING)');
    await sql("ALTER TABLE gone ADD PARTITION (pt='a')");
    const upsert = await table('gone').upsert({ partition: [{ name: 'pt', value: 'a' }] });
    await upsert.write(...given([1, 'a']));
    await upsert.flush();
    await sql("ALTER TABLE gone DROP PARTITION (pt='a')");
    await expect(upsert.commit()).rejects.toMatchObject({ code: 'SessionLost', message: /CRITICAL/ });
  });
});

describe('packs', () => {
  const of = { table: 'strict', partition: [] };
  beforeAll(() =>
    sql(
      'CREATE TABLE strict (id BIGINT NOT NULL PRIMARY KEY, name STRING NOT NULL) TBLPROPERTIES ("transactional"="true")',
    ),
  );

  it('go to the server that the slot is at, are sent again where they fail, and count once', async () => {
    await create('moved');
    const upsert = await table('moved').upsert();
    for (const bucket of upsert.session.buckets) bucket.server = 'elsewhere:80';
    bench.emulator.faults.add({ kind: 'throttle', operation: 'writeBlock', path: 'moved', times: 6, millis: 5 });
    await upsert.write(...given([1, 'a'], [2, 'b'], [3, 'c']));
    await upsert.flush();
    for (const kind of ['unavailable', 'reset', 'lostAnswer', 'lostRequest'] as const)
      bench.emulator.faults.add({ kind, operation: 'writeBlock', path: 'moved' });
    await upsert.write(...given([3, 'd'], [4, 'e']));
    await upsert.commit();
    expect(await rows('moved')).toEqual(['1 a', '2 b', '3 d', '4 e']);
  });

  it('are refused whole where they are broken, miscounted or in a wrong bucket', async () => {
    const session = await createUpsert(bench.http, of);
    const packer = new UpsertPacker(session);
    packer.add('upsert', ...given([1, 'a']));
    const [pack] = packer.flush();
    const put = async (changes: { [name: string]: string }, body = pack.body) => {
      const slot = session.buckets[Number(changes.bucketid ?? pack.bucket)]?.slot ?? '0';
      const query = { upsertid: session.id, bucketid: String(pack.bucket), slotid: slot, ...changes };
      const headers = { 'odps-tunnel-routed-server': session.buckets[0].server };
      const path = '/projects/demo/tables/strict/upserts';
      const { status, body: answer } = await raw(
        bench.http,
        bench.emulator.endpoint,
        'PUT',
        path,
        query,
        body,
        headers,
      );
      return status === 200 ? 'taken' : JSON.parse(answer).Code;
    };
    expect(await put({ record_count: '2' })).toBe('InvalidArgument');
    expect(await put({ bucketid: String((pack.bucket + 1) % session.buckets.length) })).toBe('InvalidArgument');
    expect(await put({ bucketid: '16' })).toBe('InvalidArgument');
    expect(await put({ slotid: '7' })).toBe('InvalidArgument');
    expect(await put({}, pack.body.subarray(0, -3))).toBe('IncompleteBody');
    const damaged = Buffer.from(pack.body);
    damaged[2] ^= 1;
    expect(await put({}, damaged)).toMatch(/DataStream/);
    await commitUpsert(bench.http, of, session.id);
    expect(await count(bench.http, 'strict')).toBe(0);
  });

  it('hold no NULL where there must be none, and a deletion needs the key only', async () => {
    const upsert = await table('strict').upsert();
    const noKey = [{ ...ids(0n), validity: Uint8Array.of(0) }, texts(['a'])];
    await expect(upsert.write(noKey, 1)).rejects.toMatchObject({ code: 'NullKey' });
    await upsert.write(...given([5, null]));
    await expect(upsert.flush()).rejects.toMatchObject({ code: 'InvalidData' });
    await expect(upsert.commit()).rejects.toMatchObject({ code: 'SessionBroken' });
    const other = await table('strict').upsert();
    await other.write(...given([6, 'f']));
    await other.delete(...given([6, null]));
    await other.commit();
    expect(await count(bench.http, 'strict')).toBe(0);
  });

  it('name an operation', async () => {
    const session = await createUpsert(bench.http, of);
    const types = ['bigint', 'string', 'bigint', 'bigint', 'tinyint', 'array<bigint>', 'array<bigint>'].map(parseType);
    const encoder = new RecordEncoder(types);
    const none = { length: 1, validity: Uint8Array.of(0) };
    const meta = [
      { ...none, values: new BigInt64Array(1) },
      { ...none, values: new BigInt64Array(1) },
      { length: 1, values: Int8Array.of(1) },
      { ...none, items: [null] },
      { length: 1, items: [[]] },
    ];
    const record = encoder.encode([...given([1, 'a'])[0], ...meta], 1);
    const body = Buffer.concat([record, encoder.end()]);
    const [bucket] = bucketsOf([{ type: types[0], column: ids(1n) }], 1, session.buckets.length, 'default');
    await expect(sendPack(bench.http, of, session, { bucket, rows: 1, body })).rejects.toMatchObject({
      code: 'InvalidData',
    });
  });
});

it('is for Delta tables alone, and these take no uploads', async () => {
  await sql('CREATE TABLE plain (id BIGINT, name STRING)');
  await expect(createUpsert(bench.http, { table: 'plain', partition: [] })).rejects.toMatchObject({
    code: 'InvalidArgument',
    message: /no Delta table/,
  });
  await create('delta');
  const of = { table: 'delta', partition: [] };
  await expect(createUpload(bench.http, of)).rejects.toMatchObject({ message: /upsert sessions/ });
  await expect(createStream(bench.http, of)).rejects.toMatchObject({ message: /upsert sessions/ });
});
