import { type Column, type ConnectorError, cellText, type LogicalType, type RareCell } from '@sampan/connector';
import { type ColumnData, commitUpload, createUpload, parseType, writeBlock } from '@sampan/maxcompute';
import { expect, it } from 'vitest';
import { dayTimeText, itemJson, yearMonthText } from '../src/item-text.ts';
import { readColumn } from '../src/read-columns.ts';
import { calm, failureOf, readOf, rowsOf, useWorld } from './fixture.ts';

const world = useWorld();

/** One block of any columns, by the client alone. */
async function put(table: string, columns: ColumnData[], rows: number): Promise<void> {
  const target = { table, partition: [] };
  const session = await createUpload(world.http, target);
  const block = await writeBlock(world.http, target, session, 0);
  await block.write(columns, rows);
  await block.finish();
  await commitUpload(world.http, target, session.id, [0]);
}

function texts(values: (string | Buffer)[]): ColumnData {
  const parts = values.map((value) => Buffer.from(value as string));
  const offsets = Int32Array.from([
    0,
    ...parts.map((_, at) => parts.slice(0, at + 1).reduce((n, p) => n + p.length, 0)),
  ]);
  return { length: values.length, offsets, data: Buffer.concat(parts) };
}

const days = (...values: number[]) => ({ length: values.length, values: Int32Array.from(values) });
const micros = (...values: bigint[]) => ({ length: values.length, values: BigInt64Array.from(values) });

it('describes every type, and reads each value of it whole', async () => {
  await world.sql(
    `CREATE TABLE every (a TINYINT, b SMALLINT, c INT, d BIGINT, e FLOAT, f DOUBLE, g BOOLEAN, h STRING, i BINARY, j DATE, k DATETIME,
      l TIMESTAMP, m TIMESTAMP_NTZ, n DECIMAL(9,2), p DECIMAL(38,18), q VARCHAR(20), r CHAR(5), s JSON)`,
  );
  await put(
    'every',
    [
      { length: 2, values: Int8Array.of(-128, 127) },
      { length: 2, values: Int16Array.of(-32768, 32767) },
      { length: 2, values: Int32Array.of(-2147483648, 2147483647) },
      micros(-(2n ** 63n) + 1n, 2n ** 63n - 1n),
      { length: 2, values: Float32Array.of(-0, Number.POSITIVE_INFINITY) },
      { length: 2, values: Float64Array.of(Number.NaN, -0) },
      { length: 2, values: Uint8Array.of(1, 0) },
      texts(['', 'naïve 🎉 "quoted", line\n']),
      texts([Buffer.from([0, 255]), '']),
      days(-719_162, 2_932_896),
      micros(-62_135_596_800_000_000n, 253_402_300_799_999_000n),
      micros(-62_135_596_800_000_000n, 253_402_300_799_999_999n),
      micros(-1n, 1_772_366_400_123_456n),
      texts(['-1234567.89', '0.5']),
      texts(['-12345678901234567890.123456789012345678', '7']),
      texts(['äöü', 'x'.repeat(20)]),
      texts(['abc', 'abcde']),
      texts(['{"a":1}', '[]']),
    ],
    2,
  );
  const session = world.open();
  const { fields } = await session.describe('every', calm());
  expect(fields.map(({ type }) => type.kind).join(' ')).toBe(
    'int8 int16 int32 int64 float32 float64 bool utf8 binary date timestamp timestamp datetime decimal decimal utf8 utf8 json',
  );
  expect(fields.every((field) => !field.generated)).toBe(true);
  const names = fields.map((field) => field.name);
  const expected = [
    ['-128', '-32768', '-2147483648', '-9223372036854775807', '-0', 'NaN', 'true', '', '00FF', '0001-01-01'],
    ['127', '32767', '2147483647', '9223372036854775807', 'Infinity', '-0', 'false', 'naïve 🎉 "quoted", line\n', ''],
  ];
  expected[0].push('0001-01-01 00:00:00.000+00:00', '0001-01-01 00:00:00.000000+00:00', '1969-12-31 23:59:59.999999');
  expected[0].push('-1234567.89', '-12345678901234567890.123456789012345678', 'äöü', 'abc', '{"a":1}');
  expected[1].push('9999-12-31', '9999-12-31 23:59:59.999+00:00', '9999-12-31 23:59:59.999999+00:00');
  expected[1].push('2026-03-01 12:00:00.123456', '0.50', '7.000000000000000000', 'x'.repeat(20), 'abcde', '[]');
  expect(await rowsOf(session, readOf('every', names))).toEqual(expected);
  // In any order, and the same through a SELECT.
  const turned = [...names].reverse();
  expect(await rowsOf(session, readOf('every', turned))).toEqual(expected.map((row) => [...row].reverse()));
  expect(await rowsOf(session, readOf('every', turned, { where: 'a IS NOT NULL' }))).toEqual(
    expected.map((row) => [...row].reverse()),
  );
  await session[Symbol.asyncDispose]();
});

it('tells what its types cannot hold as rare cells, and spoils nothing beside them', () => {
  const rare: RareCell[] = [];
  const stamps = readColumn({ kind: 'timestamp_ntz' }, 0)(
    { ...micros(1_000_000n, -1n, 5n), subMicros: Uint16Array.of(0, 999, 0) },
    3,
    rare,
  );
  const broken = readColumn({ kind: 'string' }, 1)(texts(['good', Buffer.from([0x61, 0xff]), 'ä']), 3, rare);
  // Valid as a whole, and not cell by cell: a character that two cells share.
  const shared = texts([Buffer.from([0xc3]), Buffer.from([0xa4]), 'x']);
  const halves = readColumn({ kind: 'varchar', length: 9 }, 2)(shared, 3, rare);
  const decimals = readColumn({ kind: 'decimal', precision: 5, scale: 2 }, 3)(texts(['1.005', '1.500', '-7']), 3, rare);
  const shown = (column: Column, type: LogicalType) => [0, 1, 2].map((row) => cellText(column, type, row));
  expect(shown(stamps, { kind: 'datetime', digits: 6 })).toEqual([
    '1970-01-01 00:00:01.000000',
    null,
    '1970-01-01 00:00:00.000005',
  ]);
  expect(shown(broken, { kind: 'utf8' })).toEqual(['good', null, 'ä']);
  expect(shown(halves, { kind: 'utf8' })).toEqual([null, null, 'x']);
  expect(shown(decimals, { kind: 'utf8' })).toEqual([null, '1.50', '-7.00']);
  expect(rare.map(({ row, column, text }) => [row, column, text])).toEqual([
    [1, 0, '1969-12-31 23:59:59.999999999'],
    [1, 1, '61FF'],
    [0, 2, 'C3'],
    [1, 2, 'A4'],
    [0, 3, '1.005'],
  ]);
});

it('gives nested values as JSON with every digit', () => {
  const json = (type: string, items: unknown[]) => {
    const column = readColumn(parseType(type), 0)({ length: items.length, items }, items.length, []);
    return items.map((_, row) => cellText(column, { kind: 'json' }, row));
  };
  expect(json('ARRAY<BIGINT>', [[2n ** 63n - 1n, null], []])).toEqual(['[9223372036854775807,null]', '[]']);
  expect(json('MAP<STRING,DECIMAL(38,18)>', [[['k"', '12345678901234567890.123456789012345678']]])).toEqual([
    '{"k\\"":12345678901234567890.123456789012345678}',
  ]);
  expect(
    json('STRUCT<x:DOUBLE,y:ARRAY<STRING>,z:DATE>', [
      { x: -0, y: ['ü', null], z: 1n },
      { x: Number.NaN, y: [], z: null },
    ]),
  ).toEqual(['{"x":-0,"y":["ü",null],"z":"1970-01-02"}', '{"x":"NaN","y":[],"z":null}']);
});

it('writes the rare scalars within nested values, and intervals, as text', () => {
  expect(dayTimeText({ sec: -90_061n, nano: 0 })).toBe('-1 01:01:01.000000000');
  expect(dayTimeText({ sec: 86_399n, nano: 999_999_999 })).toBe('0 23:59:59.999999999');
  expect([yearMonthText(-14n), yearMonthText(25n)]).toEqual(['-1-02', '2-01']);
  expect(itemJson({ kind: 'datetime' }, -1n)).toBe('"1969-12-31 23:59:59.999+00:00"');
  expect(itemJson({ kind: 'timestamp' }, { sec: -62_135_596_800n, nano: 1 })).toBe(
    '"0001-01-01 00:00:00.000000001+00:00"',
  );
  expect(itemJson({ kind: 'binary' }, Uint8Array.of(0, 255))).toBe('"00FF"');
  expect(
    itemJson({ kind: 'map', key: { kind: 'bigint' }, value: { kind: 'float' } }, [
      [2n ** 62n, Number.POSITIVE_INFINITY],
    ]),
  ).toBe('{"4611686018427387904":"Infinity"}');
  expect(() => itemJson({ kind: 'string' }, Uint8Array.of(0xff))).toThrow('not UTF-8');
});

it('reads the partitions that a filter names, with their keys as columns', async () => {
  await world.sql('CREATE TABLE parts (id BIGINT) PARTITIONED BY (pt STRING, hh INT)');
  for (const [pt, hh, id] of [
    ['20260228', 9, 1],
    ['20260301', 2, 2],
    ['20260301', 10, 3],
    ['20260302', 0, 4],
  ])
    await world.sql(
      `ALTER TABLE parts ADD PARTITION (pt='${pt}',hh=${hh})`,
      `INSERT INTO parts PARTITION (pt='${pt}',hh=${hh}) VALUES (${id})`,
    );
  const session = world.open();
  const { fields, partitionFields } = await session.describe('parts', calm());
  expect(fields.map((field) => [field.name, field.generated])).toEqual([
    ['id', false],
    ['pt', true],
    ['hh', true],
  ]);
  expect(partitionFields.map((field) => field.name)).toEqual(['pt', 'hh']);
  const ids = async (...partitions: string[]) =>
    (await rowsOf(session, readOf('parts', ['id'], partitions.length === 0 ? {} : { options: { partitions } })))
      .flat()
      .sort();
  expect(await ids()).toEqual(['1', '2', '3', '4']);
  expect(await ids('pt=20260301')).toEqual(['2', '3']);
  expect(await ids("pt >= '20260301' , hh>2")).toEqual(['3']);
  expect(await ids('pt<20260301', 'hh<=0')).toEqual(['1', '4']);
  expect(await ids('pt!="20260301"')).toEqual(['1', '4']);
  expect(await ids('pt=nothing')).toEqual([]);
  const all = { options: { partitions: ['hh>=2'] } };
  const wide = [
    ['10', '3', '20260301'],
    ['2', '2', '20260301'],
    ['9', '1', '20260228'],
  ];
  expect((await rowsOf(session, readOf('parts', ['hh', 'id', 'pt'], all))).sort()).toEqual(wide);
  // The same condition beside a `where`, in SQL.
  const where = { ...all, where: 'id < 3 -- and no more' };
  expect((await rowsOf(session, readOf('parts', ['hh', 'id', 'pt'], where))).sort()).toEqual(wide.slice(1));
  // Keys alone: as many rows as there are.
  expect((await rowsOf(session, readOf('parts', ['pt']))).flat().sort()).toEqual([
    '20260228',
    '20260301',
    '20260301',
    '20260302',
  ]);
});

it('more partitions than sessions can be had for are read by one SELECT', async () => {
  const days = Array.from({ length: 250 }, (_, at) => String(at).padStart(3, '0'));
  await world.sql(
    'CREATE TABLE days (id BIGINT) PARTITIONED BY (pt STRING)',
    'CREATE TABLE days_of (id BIGINT, pt STRING)',
    `INSERT INTO days_of VALUES ${days.map((day) => `(${Number(day)}L, '${day}')`).join(', ')}`,
    'INSERT INTO days PARTITION (pt) SELECT id, pt FROM days_of',
  );
  const session = world.open();
  const plan = await session.source!.plan(readOf('days', ['id', 'pt']), calm());
  expect(plan.warnings).toEqual([expect.stringContaining('250 partitions')]);
  expect(plan.splits.length).toBe(1);
  const all = (await rowsOf(session, readOf('days', ['id', 'pt']))).sort();
  expect(all).toEqual(days.map((day) => [String(Number(day)), day]).sort());
  const some = { options: { partitions: ['pt>=010'] } };
  expect((await rowsOf(session, readOf('days', ['id', 'pt'], some))).length).toBe(240);
});

const ROWS = 30_000;

it('a condition reads every row that it holds for, however many these are', async () => {
  await world.sql('CREATE TABLE many (id BIGINT, pad STRING)');
  await put(
    'many',
    [
      micros(...Array.from({ length: ROWS }, (_, at) => BigInt(at))),
      texts(Array.from({ length: ROWS }, (_, at) => 'x'.repeat(at % 50))),
    ],
    ROWS,
  );
  const session = world.open();
  const rows = await rowsOf(session, readOf('many', ['id'], { where: 'id % 2 = 1', splits: 3 }));
  expect(rows.length).toBe(ROWS / 2);
  expect(new Set(rows.flat()).size).toBe(ROWS / 2);
  expect(rows.every(([id]) => Number(id) % 2 === 1)).toBe(true);
});

it('bounds splits in bytes, by rows of the size that they have', async () => {
  const session = world.open();
  const { splits } = await session.source!.plan(readOf('many', ['id', 'pad'], { maxBytes: 100_000 }), calm());
  for (const split of splits) {
    let bytes = 0;
    for await (const batch of session.source!.read(split, null, calm())) bytes += batch.bytes;
    expect(bytes).toBeLessThan(150_000);
  }
  expect(splits.length).toBeLessThan(20);
});

it('goes on behind a row within a split, in a snapshot that does not change', async () => {
  const session = world.open();
  const { splits } = await session.source!.plan(readOf('many', ['id'], { splits: 2, fetchSize: 1_000 }), calm());
  await world.sql('INSERT INTO many VALUES (1000000L, NULL)');
  const ids: string[] = [];
  let position: unknown = null;
  for await (const batch of session.source!.read(splits[1], null, calm())) {
    for (let row = 0; row < batch.rows; row++) ids.push(cellText(batch.columns[0], { kind: 'int64' }, row)!);
    position = batch.position;
    if (ids.length > 4_000) break;
  }
  // Another process, which knows only what was stored.
  const other = world.open();
  for await (const batch of other.source!.read(splits[1], JSON.parse(JSON.stringify(position)), calm()))
    for (let row = 0; row < batch.rows; row++) ids.push(cellText(batch.columns[0], { kind: 'int64' }, row)!);
  expect(ids).toEqual(Array.from({ length: ROWS / 2 }, (_, at) => String(ROWS / 2 + at)));
});

it('a read that is cut again and again goes on at its row, and loses and doubles none', async () => {
  for (const after of [0, 1, 2, 3]) {
    world.emulator.faults.add({ kind: 'cut', operation: 'readRows', after: 0, bytes: 60_000 + after * 20_000 });
  }
  world.emulator.faults.add({ kind: 'throttle', operation: 'readRows' });
  const session = world.open();
  // Splits are planned without faults in their way: those above strike the sample first.
  const rows = await rowsOf(session, readOf('many', ['id', 'pad'], { splits: 2 }));
  expect(world.emulator.faults.list()).toEqual([]);
  expect(rows.filter(([id]) => Number(id) < ROWS).map(([id]) => Number(id))).toEqual(
    Array.from({ length: ROWS }, (_, at) => at),
  );
});

it('a column that is of another type by now is not read as if it were not', async () => {
  await world.sql('CREATE TABLE retyped (id BIGINT)', 'INSERT INTO retyped VALUES (1L)');
  const session = world.open();
  const { splits } = await session.source!.plan(readOf('retyped', ['id']), calm());
  await world.sql('DROP TABLE retyped', 'CREATE TABLE retyped (id INT)');
  const read = async () => {
    for await (const _ of session.source!.read(splits[0], null, calm())) throw new Error('a batch came');
  };
  expect(await failureOf(read())).toMatchObject({ kind: 'data', code: 'COLUMN_RETYPED' });
});

it('a snapshot that has gone is not replaced by another', async () => {
  await world.sql('CREATE TABLE gone (id BIGINT)', 'INSERT INTO gone VALUES (1L)');
  const session = world.open();
  const { splits } = await session.source!.plan(readOf('gone', ['id']), calm());
  const forged = [{ ...splits[0], read: { ...(splits[0].read as object), session: 'expired' } }];
  const read = async () => {
    for await (const _ of session.source!.read(forged[0], null, calm())) throw new Error('a batch came');
  };
  const failure: ConnectorError = await failureOf(read());
  expect(failure).toMatchObject({ kind: 'data', code: 'SNAPSHOT_GONE' });
  expect(failure.hint).toContain('Run the task again');
});

it('refuses what it cannot read, and names it', async () => {
  const session = world.open();
  const plan = (object: string, columns: string[], changes = {}) =>
    failureOf(session.source!.plan(readOf(object, columns, changes), calm()));
  expect(await plan('nothing', ['id'])).toMatchObject({ kind: 'missing', code: 'TABLE_NOT_FOUND' });
  expect(await plan('many', ['nope'])).toMatchObject({ kind: 'missing', code: 'COLUMN_NOT_FOUND' });
  expect(await plan('many', ['id'], { options: { partitions: ['pt=1'] } })).toMatchObject({ code: 'BAD_PARTITION' });
  for (const filter of ['pt', 'pt=', 'xx=1', 'hh=x', 'pt=1,,hh=2', '=', "pt='a"])
    expect(await plan('parts', ['id'], { options: { partitions: [filter] } }), filter).toMatchObject({
      kind: 'config',
      code: 'BAD_PARTITION',
    });
  expect(await plan('many', ['id'], { options: { nonsense: 1 } })).toMatchObject({
    kind: 'config',
    code: 'BAD_OPTION',
  });
  expect(await plan('many', ['id'], { where: 'id ===' })).toMatchObject({ kind: 'config', code: 'ODPS_0130161' });
});
