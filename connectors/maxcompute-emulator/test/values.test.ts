import {
  type ColumnData,
  commitUpload,
  createDownload,
  createUpload,
  readRows,
  runSql,
  writeBlock,
} from '@sampan/maxcompute';
import { expect, it } from 'vitest';
import { bits, ids, independent, raw, rowsOf, texts, useEmulator } from './fixture.ts';

const bench = useEmulator();

async function upload(table: string, columns: ColumnData[], rows: number) {
  const target = { table, partition: [] };
  const session = await createUpload(bench.http, target);
  const writer = await writeBlock(bench.http, target, session, 0);
  await writer.write(columns, rows);
  await writer.finish();
  await commitUpload(bench.http, target, session.id, [0]);
}

const DAY = 86_400_000_000n;

it('keeps every value of every type, as DuckDB alone reads them and as a download gives them back', async () => {
  await runSql(
    bench.http,
    `CREATE TABLE every (a TINYINT, b SMALLINT, c INT, d BIGINT, e FLOAT, f DOUBLE, g BOOLEAN, h STRING, i BINARY, j DATE, k DATETIME,
      l TIMESTAMP, m TIMESTAMP_NTZ, n DECIMAL(9,2), o DECIMAL(18,0), p DECIMAL(38,18), q VARCHAR(20), r CHAR(5), s JSON)`,
  );
  const columns: ColumnData[] = [
    { length: 3, validity: bits([1, null, 1]), values: Int8Array.from([-128, 0, 127]) },
    { length: 3, validity: bits([1, null, 1]), values: Int16Array.from([-32768, 0, 32767]) },
    { length: 3, validity: bits([1, null, 1]), values: Int32Array.from([-2147483648, 0, 2147483647]) },
    { ...ids(-(2n ** 63n) + 1n, 0n, 2n ** 63n - 1n), validity: bits([1, null, 1]) },
    { length: 3, validity: bits([1, null, 1]), values: Float32Array.from([-1.5, 0, 3.4028234663852886e38]) },
    { length: 3, validity: bits([1, null, 1]), values: Float64Array.from([5e-324, 0, -1.7976931348623157e308]) },
    { length: 3, validity: bits([1, null, 1]), values: Uint8Array.from([1, 0, 0]) },
    texts(['', null, 'naïve 🎉 "quoted", line\n']),
    texts([Buffer.from([0, 255]), null, Buffer.alloc(0)]),
    { length: 3, validity: bits([1, null, 1]), values: Int32Array.from([-719_162, 0, 2_932_896]) },
    { ...ids(-719_162n * DAY, 0n, 2_932_897n * DAY - 1_000n), validity: bits([1, null, 1]) },
    { ...ids(-719_162n * DAY, 0n, 2_932_897n * DAY - 1n), validity: bits([1, null, 1]) },
    { ...ids(-1n, 0n, 1_772_366_400_123_456n), validity: bits([1, null, 1]) },
    texts(['-1234567.89', null, '0.5']),
    texts(['999999999999999999', null, '-999999999999999999']),
    texts(['-12345678901234567890.123456789012345678', null, '99999999999999999999.999999999999999999']),
    texts(['äöü', null, 'x'.repeat(20)]),
    texts(['abc', null, 'abcde']),
    texts(['{"a":1}', null, '[]']),
  ];
  await upload('every', columns, 3);
  const [first, nulls, last] = await independent(bench.folder, 'every', '* EXCLUDE (i), hex(i)');
  expect(nulls.every((value) => value === null)).toBe(true);
  expect(first).toEqual([
    -128,
    -32768,
    -2147483648,
    '-9223372036854775807',
    -1.5,
    5e-324,
    true,
    '',
    '0001-01-01',
    '0001-01-01 00:00:00+00',
    '0001-01-01 00:00:00+00',
    '1969-12-31 23:59:59.999999',
    '-1234567.89',
    '999999999999999999',
    '-12345678901234567890.123456789012345678',
    'äöü',
    'abc',
    '{"a":1}',
    '00FF',
  ]);
  expect(last).toEqual([
    127,
    32767,
    2147483647,
    '9223372036854775807',
    3.4028234663852886e38,
    -1.7976931348623157e308,
    false,
    'naïve 🎉 "quoted", line\n',
    '9999-12-31',
    '9999-12-31 23:59:59.999+00',
    '9999-12-31 23:59:59.999999+00',
    '2026-03-01 12:00:00.123456',
    '0.50',
    '-999999999999999999',
    '99999999999999999999.999999999999999999',
    'x'.repeat(20),
    'abcde',
    '[]',
    '',
  ]);
  const types = await independent(
    bench.folder,
    'every',
    Array.from('abcdefghijklmnopqrs', (name) => `typeof(${name})`).join(', '),
  );
  expect(types[0]).toEqual([
    'TINYINT',
    'SMALLINT',
    'INTEGER',
    'BIGINT',
    'FLOAT',
    'DOUBLE',
    'BOOLEAN',
    'VARCHAR',
    'BLOB',
    'DATE',
    'TIMESTAMP WITH TIME ZONE',
    'TIMESTAMP WITH TIME ZONE',
    'TIMESTAMP',
    'DECIMAL(9,2)',
    'DECIMAL(18,0)',
    'DECIMAL(38,18)',
    'VARCHAR',
    'VARCHAR',
    'VARCHAR',
  ]);
  const target = { table: 'every', partition: [] };
  const session = await createDownload(bench.http, target);
  for await (const batch of readRows(bench.http, target, session, 0, 3)) {
    batch.columns.forEach((column, index) => {
      for (const row of [0, 2])
        expect(cell(column, row), `column ${index}, row ${row}`).toEqual(
          cell(columns[index], row, index === 13 && row === 2 ? '0.50' : undefined),
        );
      expect(column.validity?.[0]).toBe(0b11111101 & (column.validity?.[0] ?? 0));
    });
  }
  expect(await rowsOf(bench.http, 'SELECT d, j, k, l, m, n, p, h, g FROM every LIMIT 1')).toEqual([
    [
      '-9223372036854775807',
      '0001-01-01',
      '0001-01-01 00:00:00',
      '0001-01-01 00:00:00',
      '1969-12-31 23:59:59.999999',
      '-1234567.89',
      '-12345678901234567890.123456789012345678',
      '',
      'true',
    ],
  ]);
});

function cell(column: ColumnData, row: number, instead?: string): unknown {
  if (column.offsets === undefined) return column.values?.[row];
  return (
    instead ??
    Buffer.from(column.data as Uint8Array)
      .subarray(column.offsets[row], column.offsets[row + 1])
      .toString('latin1')
  );
}

it('loses no digit below the microsecond, and refuses to show fewer in SQL', async () => {
  await runSql(bench.http, 'CREATE TABLE fine (id BIGINT, t TIMESTAMP)');
  await upload('fine', [ids(1n, 2n, 3n), { ...ids(5n, 6n, 7n), subMicros: Uint16Array.from([1, 0, 999]) }], 3);
  await runSql(bench.http, "INSERT INTO fine VALUES (4, TIMESTAMP '2026-03-01 00:00:00.000001')");
  expect(await independent(bench.folder, 'fine', 'id, epoch_us(t), t__nanos')).toEqual([
    ['1', '5', 1],
    ['2', '6', null],
    ['3', '7', 999],
    ['4', '1772323200000001', null],
  ]);
  const target = { table: 'fine', partition: [] };
  const nanos: number[] = [];
  for await (const { columns, rows } of readRows(bench.http, target, await createDownload(bench.http, target), 0, 4))
    nanos.push(...Array.from({ length: rows }, (_, row) => columns[1].subMicros?.[row] ?? 0));
  expect(nanos).toEqual([1, 0, 999, 0]);
  expect(await rowsOf(bench.http, 'SELECT COUNT(*), MAX(id) FROM fine')).toEqual([['4', '4']]);
  await expect(runSql(bench.http, 'SELECT t FROM fine')).rejects.toMatchObject({ code: 'ODPS-0130071' });
});

it('serves downloads by range and by column, over blocks and row groups, whole or not at all', async () => {
  await runSql(bench.http, 'CREATE TABLE long (id BIGINT, name STRING)');
  const rows = 150_000;
  const all = BigInt64Array.from({ length: rows }, (_, row) => BigInt(row));
  for (const half of [all.subarray(0, 130_000), all.subarray(130_000)]) {
    await upload(
      'long',
      [
        { length: half.length, values: half.slice() },
        texts(Array.from(half, (id) => (id % 3n === 0n ? null : `n${id}`))),
      ],
      half.length,
    );
  }
  expect(
    await independent(bench.folder, 'long', 'count(*), sum(id), count(name), min(name), max(length(name))'),
  ).toEqual([['150000', '11249925000', '100000', 'n1', '7']]);
  const target = { table: 'long', partition: [] };
  const session = await createDownload(bench.http, target);
  expect(session.rows).toBe(rows);
  await runSql(bench.http, 'TRUNCATE TABLE long');
  const read: bigint[] = [];
  for await (const batch of readRows(bench.http, target, session, 129_998, 5))
    read.push(...(batch.columns[0].values as BigInt64Array).subarray(0, batch.rows));
  expect(read).toEqual([129_998n, 129_999n, 130_000n, 130_001n, 130_002n]);
  const get = (query: { [name: string]: string }) =>
    raw(bench.http, bench.emulator.url, 'GET', '/projects/demo/tables/long', {
      downloadid: session.id,
      data: '',
      ...query,
    });
  expect(JSON.parse((await get({ rowrange: '(0,1)', columns: 'nope' })).body).Code).toBe('InvalidColumnSpec');
  expect(JSON.parse((await get({ rowrange: '(150001,1)' })).body).Code).toBe('InvalidRowRange');
  expect((await get({ rowrange: '(1,1)', columns: 'name' })).body).toContain('n1');
});

/** Numbers that are the same in every run. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 4_294_967_296) * sides);
  };
}

it('keeps 20,000 rows of any values and NULLs, as DuckDB alone reads them', async () => {
  const roll = dice(7);
  const rows = 20_000;
  const digits = (most: number) => Array.from({ length: 1 + roll(most) }, () => roll(10)).join('');
  const decimal = (precision: number, scale: number) =>
    `${roll(2) === 0 ? '-' : ''}${digits(precision - scale)}${roll(3) === 0 ? '' : `.${digits(scale)}`}`;
  const some = <T>(make: () => T) => Array.from({ length: rows }, () => (roll(4) === 0 ? null : make()));
  const decimals = [
    some(() => decimal(38, 18)),
    some(() => decimal(18, 4)),
    some(() => decimal(9, 2)),
    some(() => decimal(19, 1)),
  ];
  const strings = some(() => ['', 'é', '🎉', 'plain', 'x'.repeat(roll(200))][roll(5)]);
  const flags = some(() => roll(2));
  const bigs = some(() => BigInt.asIntN(64, (BigInt(roll(2 ** 31)) << 33n) ^ BigInt(roll(2 ** 31))));
  const doubles = some(() => (roll(2_000_000) - 1_000_000) / 7);
  await runSql(
    bench.http,
    'CREATE TABLE dice (a DECIMAL(38,18), b DECIMAL(18,4), c DECIMAL(9,2), d DECIMAL(19,1), e STRING, f BOOLEAN, g BIGINT, h DOUBLE)',
  );
  await upload(
    'dice',
    [
      ...decimals.map(texts),
      texts(strings),
      { length: rows, validity: bits(flags), values: Uint8Array.from(flags, (one) => one ?? 0) },
      { length: rows, validity: bits(bigs), values: BigInt64Array.from(bigs, (one) => one ?? 0n) },
      { length: rows, validity: bits(doubles), values: Float64Array.from(doubles, (one) => one ?? 0) },
    ],
    rows,
  );
  const read = await independent(
    bench.folder,
    'dice',
    'a::VARCHAR, b::VARCHAR, c::VARCHAR, d::VARCHAR, e, f, g::VARCHAR, h',
  );
  const plain = (text: string | null, scale: number) => {
    if (text === null) return null;
    const [, sign, whole, fraction = ''] = /^(-?)0*(\d+)(?:\.(\d*))?$/.exec(text) as RegExpExecArray;
    const value = `${whole}.${fraction.padEnd(scale, '0')}`;
    return `${/[1-9]/.test(value) ? sign : ''}${value}`;
  };
  const wanted = Array.from({ length: rows }, (_, row) => [
    ...[18, 4, 2, 1].map((scale, index) => plain(decimals[index][row], scale)),
    strings[row],
    flags[row] === null ? null : flags[row] === 1,
    bigs[row] === null ? null : String(bigs[row]),
    doubles[row],
  ]);
  expect(read).toEqual(wanted);
});
