import {
  type ColumnData,
  commitUpload,
  createDownload,
  createUpload,
  type Item,
  readRows,
  runSql,
  writeBlock,
} from '@sampan/maxcompute';
import { expect, it } from 'vitest';
import { bits, ids, independent, texts, useEmulator } from './fixture.ts';

const bench = useEmulator();

async function upload(table: string, columns: ColumnData[], rows: number) {
  const target = { table, partition: [] };
  const session = await createUpload(bench.http, target);
  const writer = await writeBlock(bench.http, target, session, 0);
  for (let from = 0; from < rows; from += 5_000)
    await writer.write(
      columns.map((column) => part(column, from, Math.min(rows, from + 5_000))),
      Math.min(5_000, rows - from),
    );
  await writer.finish();
  await commitUpload(bench.http, target, session.id, [0]);
}

function part(column: ColumnData, from: number, to: number): ColumnData {
  if (from === 0 && to === column.length) return column;
  const items = column.items!.slice(from, to);
  return { length: to - from, validity: bits(items), items };
}

async function download(table: string): Promise<ColumnData[][]> {
  const target = { table, partition: [] };
  const session = await createDownload(bench.http, target);
  const found: ColumnData[][] = [];
  for await (const batch of readRows(bench.http, target, session, 0, session.rows)) found.push(batch.columns);
  return found;
}

const nested = (items: Item[]): ColumnData => ({ length: items.length, validity: bits(items), items });

it('keeps nested values as DuckDB alone reads them, each level of NULL and of nothing told apart', async () => {
  await runSql(
    bench.http,
    `CREATE TABLE deep (a ARRAY<ARRAY<BIGINT>>, m MAP<STRING,STRUCT<x:INT,y:ARRAY<DECIMAL(20,2)>>>,
      s STRUCT<t:TIMESTAMP,\`odd name\`:BOOLEAN>, d INTERVAL_DAY_TIME, y INTERVAL_YEAR_MONTH)`,
  );
  const columns = [
    nested([[[1n, null], [], null], [], null, [null]]),
    nested([
      [
        ['k', { x: -1n, y: ['1.50', null] }],
        ['l', null],
      ],
      [],
      null,
      [['', { x: null, y: null }]],
    ]),
    nested([
      { t: { sec: 0n, nano: 1_000 }, 'odd name': true },
      { t: null, 'odd name': null },
      null,
      { t: { sec: -1n, nano: 999_999_999 }, 'odd name': false },
    ]),
    nested([{ sec: -1n, nano: 999_999_999 }, { sec: 86_400n, nano: 0 }, null, { sec: 0n, nano: -1 }]),
    { ...ids(-14n, 25n, 0n, 0n), validity: bits([1, 1, null, 1]) },
  ];
  await upload('deep', columns, 4);
  expect(
    await independent(
      bench.folder,
      'deep',
      `to_json(a), CAST(m AS VARCHAR), epoch_us(s.t), s."odd name", s__nanos, s IS NULL, d.__seconds, d.__nanos, y.__months`,
    ),
  ).toEqual([
    [
      '[[1,null],[],null]',
      "{k={'x': -1, 'y': [1.50, NULL]}, l=NULL}",
      '1',
      true,
      null,
      false,
      '-1',
      999_999_999,
      '-14',
    ],
    ['[]', '{}', null, null, null, false, '86400', 0, '25'],
    [null, null, null, null, null, true, null, null, null],
    ['[null]', "{''={'x': NULL, 'y': NULL}}", '-1', false, [999], false, '-1', 999_999_999, '0'],
  ]);
  const [read] = await download('deep');
  expect(read.slice(0, 3).map((column) => column.items)).toEqual(columns.slice(0, 3).map((column) => column.items));
  // Nanoseconds below zero are the same interval as seconds one lower.
  expect(read[3].items).toEqual([
    { sec: -1n, nano: 999_999_999 },
    { sec: 86_400n, nano: 0 },
    null,
    { sec: -1n, nano: 999_999_999 },
  ]);
});

it('keeps 12,000 nested rows over several pages, lengths and NULLs at random', async () => {
  let state = 11;
  const roll = (sides: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 4_294_967_296) * sides);
  };
  const maybe = (make: () => Item): Item => (roll(5) === 0 ? null : make());
  const list = (make: () => Item): Item => Array.from({ length: roll(4) }, make);
  const inner = () =>
    maybe(() => ({ n: maybe(() => BigInt(roll(1_000_000))), l: maybe(() => list(() => maybe(() => `t${roll(99)}`))) }));
  const rows = 12_000;
  const items = Array.from({ length: rows }, () => maybe(() => list(inner)));
  await runSql(bench.http, 'CREATE TABLE many (v ARRAY<STRUCT<n:BIGINT,l:ARRAY<STRING>>>)');
  await upload('many', [nested(items)], rows);
  expect((await download('many')).flatMap(([column]) => column.items!.slice(0, column.length))).toEqual(items);
  const sum = items
    .flatMap((one) => (one ?? []) as { n: bigint | null }[])
    .reduce((all, one) => all + (one?.n ?? 0n), 0n);
  const rowsRead = await independent(bench.folder, 'many', 'count(*), sum(list_sum(list_transform(v, lambda e: e.n)))');
  expect(rowsRead).toEqual([[String(rows), String(sum)]]);
});

it('keeps strings that are not UTF-8, alone and inside, and never shows SQL a part of them', async () => {
  await runSql(bench.http, 'CREATE TABLE broken (id BIGINT, t STRING, l ARRAY<STRING>)');
  const bad = Buffer.from([0x61, 0xff, 0xfe]);
  await upload('broken', [ids(1n, 2n), texts([bad, 'fine ü']), nested([['x', bad, null], ['y']])], 2);
  const [[, text, list]] = await download('broken');
  expect(Buffer.from(text.data!.subarray(text.offsets![0], text.offsets![1]))).toEqual(bad);
  expect(Buffer.from(text.data!.subarray(text.offsets![1], text.offsets![2])).toString()).toBe('fine ü');
  expect(list.items).toEqual([['x', Uint8Array.from(bad), null], ['y']]);
  expect(await independent(bench.folder, 'broken', 'id, t, hex(t__bytes), hex(l__bytes[2])')).toEqual([
    ['1', 'a\uFFFD\uFFFD', '61FFFE', '61FFFE'],
    ['2', 'fine ü', null, null],
  ]);
  await expect(runSql(bench.http, 'SELECT t FROM broken')).rejects.toMatchObject({ code: 'ODPS-0130071' });
  expect((await runSql(bench.http, 'SELECT MAX(id) FROM broken')).rows).toEqual([['2']]);
});

it('refuses values and types that do not fit', async () => {
  await runSql(bench.http, 'CREATE TABLE strict (m MAP<STRING,BIGINT>, v ARRAY<VARCHAR(2)>)');
  const put = (m: Item, v: Item) => upload('strict', [nested([m]), nested([v])], 1);
  await expect(
    put(
      [
        ['k', 1n],
        ['k', 2n],
      ],
      [],
    ),
  ).rejects.toThrow(/a MAP has a key twice/);
  await expect(put([[null, 1n]], [])).rejects.toThrow(/a key of a MAP is NULL/);
  await expect(put([], ['abc'])).rejects.toThrow(/3 characters, 2 are allowed/);
  await expect(put([['k', -(2n ** 63n)]], [])).rejects.toThrow(/not a BIGINT/);
  expect(await independent(bench.folder, 'strict')).toEqual([]);
  for (const type of ['MAP<ARRAY<INT>,INT>', 'STRUCT<a:INT,A:INT>', 'STRUCT<__months:BIGINT>', 'ARRAY<NOTHING>'])
    await expect(runSql(bench.http, `CREATE TABLE bad (v ${type})`), type).rejects.toThrow(/ODPS-0130(071|161)/);
});
