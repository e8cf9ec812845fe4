import { describe, expect, it } from 'vitest';
import {
  type GivenRow,
  type OdpsColumn,
  parseType,
  RecordDecoder,
  RecordEncoder,
  RowEncoder,
  RowError,
  type RowOptions,
  rowsOf,
} from '../src/index.ts';
import { inTurn, json, type Reply, reset, service } from './service.ts';

const columnsOf = (types: { [name: string]: string }): OdpsColumn[] =>
  Object.entries(types).map(([name, type]) => ({ name, type: parseType(type), nullable: true, comment: '' }));

/** Rows to columns to the wire and back. */
function crossed(columns: OdpsColumn[], rows: GivenRow[], options: RowOptions = {}): unknown[] {
  const types = columns.map((column) => column.type);
  const wire = new RecordEncoder(types);
  const encoded = new RowEncoder(columns, 8_388_608, options).encode(rows);
  const body = Buffer.concat([wire.encode(encoded, rows.length), wire.end()]);
  const decoder = new RecordDecoder(types);
  const batches = [...decoder.push(body)];
  const last = decoder.end();
  if (last !== null) batches.push(last);
  return batches.flatMap((batch) => [...rowsOf(columns, batch, 0, options)]);
}

describe('rows', () => {
  it.each([
    ['tinyint', [-128, 127, 0]],
    ['smallint', [-32_768, 32_767]],
    ['int', [-2_147_483_648, 2_147_483_647]],
    ['bigint', [-9_223_372_036_854_775_807n, 9_223_372_036_854_775_807n, 0n]],
    ['float', [1.5, Math.fround(0.1), -0, Number.POSITIVE_INFINITY, Number.NaN]],
    ['double', [0.1, -0, Number.MIN_VALUE, Number.MAX_VALUE, Number.NaN, Number.NEGATIVE_INFINITY]],
    ['boolean', [true, false]],
    ['decimal(38,18)', ['0', '-12.34', '12345678901234567890.123456789012345678']],
    ['string', ['', 'ä 中 😀', '\0\n']],
    ['varchar(2)', ['😀😀', 'a']],
    ['char(3)', ['abc']],
    ['binary', [Uint8Array.of(0, 255, 128), Uint8Array.of()]],
    ['json', ['{"a": 1.0}', 'null', '"x"']],
    ['date', ['0001-01-01', '1969-12-31', '2024-02-29', '9999-12-31']],
    [
      'datetime',
      [
        new Date('0001-01-01T00:00:00.000Z'),
        new Date('1969-12-31T23:59:59.999Z'),
        new Date('9999-12-31T23:59:59.999Z'),
      ],
    ],
    [
      'timestamp',
      [
        '1969-12-31T23:59:59.500Z',
        '2026-03-01T12:00:00Z',
        '2500-01-01T00:00:00.000000001Z',
        '0001-01-01T00:00:00.123456Z',
      ],
    ],
    ['timestamp_ntz', ['1582-10-10T01:02:03', '9999-12-31T23:59:59.999999999']],
    ['interval_year_month', [-13, 5]],
    [
      'interval_day_time',
      [
        { sec: -5n, nano: 0 },
        { sec: 2n ** 40n, nano: 999_999_999 },
      ],
    ],
    ['array<int>', [[1, null, -3], []]],
    [
      'map<string,bigint>',
      [
        new Map([
          ['a', 1n],
          ['b', null],
        ]),
        new Map(),
      ],
    ],
    [
      'struct<a:decimal(5,2),B:date,c:array<timestamp_ntz>>',
      [
        { a: '1.5', B: '2024-02-29', c: ['2024-02-29T00:00:00.500'] },
        { a: null, B: null, c: null },
      ],
    ],
    ['array<map<int,struct<d:datetime,x:binary>>>', [[new Map([[1, { d: new Date(0), x: Uint8Array.of(1) }]])]]],
  ])('of %s come back as they went', (type, values) => {
    const columns = columnsOf({ v: type });
    const rows = [...values.map((v) => ({ v })), { v: null }];
    expect(crossed(columns, rows)).toEqual(rows);
  });

  it('may be arrays, or objects in any letter case with what is missing as NULL', () => {
    const columns = columnsOf({ id: 'bigint', Name: 'string' });
    expect(crossed(columns, [[1, 'a'], { ID: 2n }, { name: 'c', id: null }, {}])).toEqual([
      { id: 1n, name: 'a' },
      { id: 2n, name: null },
      { id: null, name: 'c' },
      { id: null, name: null },
    ]);
  });

  it('keep a column of any name to themselves', () => {
    const [row] = crossed(columnsOf({ __proto: 'int', constructor: 'int' }), [[1, 2]]) as { [name: string]: number }[];
    expect(row).toEqual({ __proto: 1, constructor: 2 });
    const columns = [{ name: '__proto__', type: parseType('int'), nullable: true, comment: '' }];
    expect(Object.entries((crossed(columns, [[7]]) as object[])[0])).toEqual([['__proto__', 7]]);
  });

  it('take other values that say the same', () => {
    const columns = columnsOf({
      big: 'bigint',
      dec: 'decimal(10,2)',
      at: 'timestamp',
      day: 'datetime',
      text: 'string',
      m: 'map<int,string>',
    });
    const [row] = crossed(columns, [
      [7, 12n, '2026-03-01 12:00:00.5+08:00', '2026-03-01T00:00:00.123-05:30', Uint8Array.of(0xff), [[1, 'x']]],
    ]);
    expect(row).toEqual({
      big: 7n,
      dec: '12',
      at: '2026-03-01T04:00:00.500Z',
      day: new Date('2026-03-01T05:30:00.123Z'),
      // Bytes that are no text stay what they are.
      text: Uint8Array.of(0xff),
      m: new Map([[1, 'x']]),
    });
  });

  it('hold JSON as values where that is wanted', () => {
    const rows = [{ v: { a: [1, null] } }, { v: 'text' }, { v: 5 }];
    expect(crossed(columnsOf({ v: 'json' }), rows, { json: 'value' })).toEqual(rows);
  });

  it('make decimals plain', () => {
    const given = ['+007.50', '.5', '5.', '-0.00', '0010'];
    expect(
      crossed(
        columnsOf({ v: 'decimal(5,2)' }),
        given.map((v) => [v]),
      ),
    ).toEqual(['7.5', '0.5', '5', '0', '10'].map((v) => ({ v })));
  });
});

describe('a value that a column does not hold', () => {
  it.each([
    ['tinyint', 128, 'ValueOutOfRange'],
    ['int', 1.5, 'ValueOutOfRange'],
    ['int', '1', 'WrongValue'],
    ['bigint', -(2n ** 63n), 'ValueOutOfRange'],
    ['bigint', 2 ** 53, 'ValueOutOfRange'],
    ['float', 1e39, 'ValueOutOfRange'],
    ['double', '1', 'WrongValue'],
    ['boolean', 1, 'WrongValue'],
    ['decimal(5,2)', '1000', 'ValueOutOfRange'],
    ['decimal(5,2)', '0.001', 'ValueOutOfRange'],
    ['decimal(5,2)', '1e2', 'WrongValue'],
    ['decimal(5,2)', 0.5, 'WrongValue'],
    ['decimal(5,2)', '', 'WrongValue'],
    ['string', 5, 'WrongValue'],
    ['string', '\ud800', 'ValueOutOfRange'],
    ['string', 'x'.repeat(8_388_609), 'ValueOutOfRange'],
    ['varchar(2)', 'abc', 'ValueOutOfRange'],
    ['binary', 'text', 'WrongValue'],
    ['json', '{', 'WrongValue'],
    ['json', { a: 1 }, 'WrongValue'],
    ['date', new Date(), 'WrongValue'],
    ['date', '2026-02-30', 'ValueOutOfRange'],
    ['date', '0000-01-01', 'ValueOutOfRange'],
    ['date', '10000-01-01', 'ValueOutOfRange'],
    ['datetime', new Date('never'), 'ValueOutOfRange'],
    ['datetime', '2026-03-01T00:00:00', 'WrongValue'],
    ['datetime', '2026-03-01T00:00:00.0001Z', 'ValueOutOfRange'],
    ['datetime', '2026-03-01T24:00:00Z', 'ValueOutOfRange'],
    ['timestamp', 5, 'WrongValue'],
    ['timestamp_ntz', '2026-03-01T00:00:00Z', 'WrongValue'],
    ['timestamp_ntz', new Date(), 'WrongValue'],
    ['timestamp', '0001-01-01T00:00:00+01:00', 'ValueOutOfRange'],
    ['interval_day_time', { sec: 1 }, 'WrongValue'],
    ['array<int>', 'x', 'WrongValue'],
    ['map<int,int>', [[null, 1]], 'ValueOutOfRange'],
    ['map<string,int>', { a: 1 }, 'WrongValue'],
    ['struct<a:int>', { b: 1 }, 'WrongValue'],
  ])('%s is told with row and column', (type, value, code) => {
    const encoder = new RowEncoder(columnsOf({ v: type }), 8_388_608);
    encoder.encode([[null], [null]]);
    const failed = (() => {
      try {
        return encoder.encode([[null], [value]]);
      } catch (error) {
        return error;
      }
    })();
    expect(failed).toBeInstanceOf(RowError);
    expect(failed).toMatchObject({
      code,
      kind: 'data',
      row: 3,
      column: 'v',
      message: expect.stringMatching(/^Row 3, column "v"/),
    });
  });

  it('inside of others is told with its path', () => {
    const encoder = new RowEncoder(columnsOf({ v: 'array<struct<a:map<int,tinyint>>>' }), 100);
    expect(() => encoder.encode([[[{ a: new Map() }, { a: new Map([[1, 500]]) }]]])).toThrow(
      expect.objectContaining({ message: expect.stringContaining('at [1].a(value 0):') }),
    );
  });

  it('or a row that is none, or NULL where there is none', () => {
    const columns = columnsOf({ a: 'int', b: 'int' });
    columns[1].nullable = false;
    const encoder = new RowEncoder(columns, 100);
    expect(() => encoder.encode([[1]])).toThrow(expect.objectContaining({ code: 'UnknownColumn', row: 0 }));
    expect(() => encoder.encode([{ a: 1, c: 2 }])).toThrow(
      expect.objectContaining({ code: 'UnknownColumn', column: 'c' }),
    );
    expect(() => encoder.encode([{ a: 1 }])).toThrow(expect.objectContaining({ code: 'NullNotAllowed', column: 'b' }));
  });

  it('is not told itself, for it may be a secret', () => {
    const encoder = new RowEncoder(columnsOf({ v: 'varchar(2)' }), 100);
    expect(() => encoder.encode([['hidden-word']])).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hidden') }),
    );
  });
});

describe('an upload of rows', () => {
  const session = {
    UploadID: 'u',
    Status: 'normal',
    Schema: {
      columns: [
        { name: 'id', type: 'bigint' },
        { name: 'v', type: 'string' },
      ],
    },
  };
  const types = [parseType('bigint'), parseType('string')];

  /** A service that keeps blocks as the reference says: the last success of a block counts. */
  function keeping(puts: Reply) {
    const blocks = new Map<number, bigint[]>();
    let committed = false;
    const reply: Reply = async (got, response) => {
      const list = [...blocks.keys()].map((BlockID) => ({ BlockID }));
      if (got.method !== 'PUT') {
        if (got.method === 'POST' && got.query.has('uploadid')) committed = true;
        return json(200, { ...session, Status: committed ? 'closed' : 'normal', UploadedBlockList: list })(
          got,
          response,
        );
      }
      const body = await got.body().catch(() => Buffer.alloc(0));
      const answered = await puts({ ...got, body: async () => body }, response);
      if (response.statusCode !== 200 || response.destroyed || !response.writableEnded) return answered;
      const decoder = new RecordDecoder(types);
      const batches = [...decoder.push(body), decoder.end()].filter((batch) => batch !== null);
      blocks.set(
        Number(got.query.get('blockid')),
        batches.flatMap(({ columns, rows }) => [...(columns[0].values as BigInt64Array).subarray(0, rows)]),
      );
    };
    return { blocks, reply, isCommitted: () => committed };
  }
  const many = (count: number, bytes = 1) =>
    (function* () {
      for (let id = 0; id < count; id++) yield { id, v: 'x'.repeat(bytes) };
    })();

  it('sends blocks, and those that broke again under their number', async () => {
    const busy = json(429, { Code: 'SlotExceeded', Message: 'full', HoldClientMillis: 10 });
    const { blocks, reply, isCommitted } = keeping(inTurn(busy, reset, json(503, ''), json(200, '')));
    const { client } = await service(reply);
    const upload = await client.table('t').upload();
    await upload.write(many(3_000));
    await upload.write([[7n, null]]);
    expect(isCommitted()).toBe(false);
    await upload.commit();
    expect(isCommitted()).toBe(true);
    expect([...blocks.keys()]).toEqual([0, 1]);
    expect([...blocks.values()].flat().length).toBe(3_001);
    expect(new Set([...blocks.values()].flat()).size).toBe(3_000);
  });

  it('holds no more than a block in memory', async () => {
    const { blocks, reply } = keeping(json(200, ''));
    const { client } = await service(reply);
    const upload = await client.table('t').upload();
    await upload.write(many(100, 1024 * 1024));
    await upload.commit();
    expect(blocks.size).toBeGreaterThan(2);
    expect([...blocks.values()].flat().sort((a, b) => Number(a - b))).toEqual(
      Array.from({ length: 100 }, (_, id) => BigInt(id)),
    );
  });

  it('that meets a wrong value publishes nothing', async () => {
    const { reply, isCommitted } = keeping(json(200, ''));
    const { client } = await service(reply);
    const upload = await client.table('t').upload();
    const rows = async function* () {
      yield* many(5);
      yield { id: 'five' };
    };
    await expect(upload.write(rows())).rejects.toMatchObject({ code: 'WrongValue', row: 5, column: 'id' });
    expect(isCommitted()).toBe(false);
  });

  it('waits for all rows at the commit, and writes calls one after another', async () => {
    const { blocks, reply, isCommitted } = keeping(json(200, ''));
    const { client } = await service(reply);
    const upload = await client.table('t').upload();
    const calls = [upload.write([[1n, 'a']]), upload.write([[2n, 'b']])];
    await upload.commit();
    await Promise.all(calls);
    expect([[...blocks.values()].flat(), isCommitted()]).toEqual([[1n, 2n], true]);
  });

  it('that failed once is never committed', async () => {
    const { reply, isCommitted } = keeping(json(200, ''));
    const { client } = await service(reply);
    const upload = await client.table('t').upload();
    await upload.write([[1n, 'a']]);
    await expect(upload.write([['x', 'b']])).rejects.toMatchObject({ code: 'WrongValue' });
    await expect(upload.write([[3n, 'c']])).rejects.toMatchObject({ code: 'SessionBroken' });
    await expect(upload.commit()).rejects.toMatchObject({ code: 'SessionBroken', kind: 'data' });
    expect(isCommitted()).toBe(false);
  });

  it('of no rows sends a block without any, whatever a commit of nothing may do', async () => {
    const { blocks, reply, isCommitted } = keeping(json(200, ''));
    const { client } = await service(reply);
    const upload = await client.table('t').upload({ overwrite: true });
    await upload.write([]);
    await upload.commit();
    expect([[...blocks], isCommitted()]).toEqual([[[0, []]], true]);
  });

  it('is not mixed with blocks', async () => {
    const { reply, isCommitted } = keeping(json(200, ''));
    const { client } = await service(reply);
    const upload = await client.table('t').upload();
    const block = await upload.block(0);
    await block.finish();
    await expect(upload.write([[1n, 'a']])).rejects.toMatchObject({ kind: 'bug' });
    await expect(upload.commit()).rejects.toMatchObject({ kind: 'bug' });
    expect(isCommitted()).toBe(false);
    await upload.commit([0]);
    expect(isCommitted()).toBe(true);
  });

  it('is not for blocks that are refused', async () => {
    const { reply } = keeping(json(400, { Code: 'InvalidArgument', Message: 'no' }, { 'x-odps-request-id': 'R9' }));
    const { client, got } = await service(reply);
    const upload = await client.table('t').upload();
    await expect(upload.write(many(5))).rejects.toMatchObject({ code: 'InvalidArgument', requestId: 'R9' });
    expect(got.filter((one) => one.method === 'PUT').length).toBe(1);
  });
});
