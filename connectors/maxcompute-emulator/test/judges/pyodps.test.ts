import { COMPRESSIONS, type Compression, getTable, parseType, runSql } from '@sampan/maxcompute';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pythonWithPyodps } from '../../../../tools/src/pyodps.ts';
import { rowsOf, useEmulator } from '../fixture.ts';
import type { Text } from './cells.ts';
import { NAMES, ROWS, readTable, TYPES, writeBlocks } from './crossing.ts';
import { type Judge, JudgeError, pythonJudge } from './judge.ts';

const python = await pythonWithPyodps();
const why = python === null ? ' (skipped: pyodps cannot be had on this machine)' : '';

/** What each is called by pyodps; Zstandard only where this version of Node.js has it. */
const ALL_PACKINGS: [Compression, string][] = [
  ['deflate', 'ODPS_ZLIB'],
  ['lz4', 'ODPS_LZ4'],
  ['snappy', 'ODPS_SNAPPY'],
  ['zstd', 'ODPS_ZSTD'],
];
const PACKINGS = ALL_PACKINGS.filter(([name]) => COMPRESSIONS.includes(name));
const ARROW_PACKINGS: [Compression, string][] = [
  ['lz4', 'ODPS_ARROW_LZ4'],
  ...PACKINGS.filter(([name]) => name === 'zstd'),
];

describe.skipIf(python === null)(`pyodps at work with the emulator${why}`, () => {
  const bench = useEmulator();
  let judge: Judge;
  beforeAll(async () => {
    judge = pythonJudge(python!);
    await judge.call('connect', [bench.emulator.endpoint, 'demo', 'demo', 'demo']);
  });
  afterAll(() => judge.stop());

  const create = (name: string) => judge.call('create_table', [name, TYPES.map((type, at) => [NAMES[at], type])]);

  const write = (table: string, blocks: Text[][][], compression?: Compression) =>
    writeBlocks(bench.http, table, blocks, compression);
  const read = (table: string, compression?: Compression) => readTable(bench.http, table, compression);

  /** The error that a call ends in. */
  async function refusal(name: string, ...args: unknown[]): Promise<JudgeError> {
    const error: unknown = await judge.call(name, args).then(
      () => null,
      (one) => one,
    );
    if (error instanceof JudgeError) return error;
    throw new Error(`${name} was not refused: ${String(error)}`);
  }

  it('creates tables of every type, and finds them as they are', async () => {
    await judge.call(
      'create_table',
      [
        'described',
        [
          ['id', 'bigint'],
          ['name', 'varchar(20)'],
        ],
        [
          ['pt', 'string'],
          ['hh', 'bigint'],
        ],
      ],
      { comment: "it's 评论", lifecycle: 7 },
    );
    expect(await judge.call('describe', ['described'])).toEqual({
      columns: [
        ['id', 'bigint'],
        ['name', 'varchar(20)'],
      ],
      partitions: [
        ['pt', 'string'],
        ['hh', 'bigint'],
      ],
      comment: "it's 评论",
      lifecycle: 7,
    });
    await create('every');
    const { columns } = await judge.call<{ columns: [string, string][] }>('describe', ['every']);
    expect(columns.map(([, type]) => type.toUpperCase())).toEqual(TYPES);
    const ours = await getTable(bench.http, 'every');
    expect(ours?.columns.map((column) => column.type)).toEqual(TYPES.map(parseType));
    expect(await judge.call('tables', ['desc'])).toEqual(['described']);
    expect(await judge.call('exists', ['described'])).toBe(true);
    expect(await judge.call('exists', ['nothing'])).toBe(false);
  });

  it('writes several blocks of every type: read by our client to the last bit, and by itself', async () => {
    await create('theirs');
    await judge.call('write', ['theirs', [ROWS.slice(0, 5), ROWS.slice(5, 6), ROWS.slice(6)]]);
    expect(await read('theirs')).toEqual(ROWS);
    expect(await judge.call('read', ['theirs'])).toEqual({ count: ROWS.length, rows: ROWS });
  });

  it('reads what our client has written, to the last bit', async () => {
    await create('ours');
    await write('ours', [ROWS.slice(0, 4), ROWS.slice(4)]);
    expect(await judge.call('read', ['ours'])).toEqual({ count: ROWS.length, rows: ROWS });
    expect(await read('ours')).toEqual(ROWS);
  });

  it('reads ranges and chosen columns in any order', async () => {
    const columns = ['c13', 'c3', 'c7'];
    const places = columns.map((name) => NAMES.indexOf(name));
    const { rows } = await judge.call<{ rows: Text[][] }>('read', ['ours'], { start: 3, count: 5, columns });
    expect(rows).toEqual(ROWS.slice(3, 8).map((row) => places.map((place) => row[place])));
  });

  it('previews the first rows', async () => {
    await create('previewed');
    await write('previewed', [ROWS]);
    expect(await judge.call('preview', ['previewed', 100])).toEqual(ROWS);
    expect(await judge.call('preview', ['previewed', 2], { columns: ['c3', 'c7'] })).toEqual(
      ROWS.slice(0, 2).map((row) => [row[NAMES.indexOf('c3')], row[NAMES.indexOf('c7')]]),
    );
  });

  it('carries JSON both ways', async () => {
    const documents: Text[][] = [['{"a":[1,true,null,"ü 🎉"],"b":{"c":1.5}}'], ['"text"'], [null], ['[]'], ['-12']];
    const plain = (rows: Text[][]) =>
      rows.map(([one]) => (one === null ? null : JSON.stringify(JSON.parse(one as string))));
    for (const name of ['json_theirs', 'json_ours']) await judge.call('create_table', [name, [['doc', 'json']]]);
    await judge.call('write', ['json_theirs', [documents]]);
    await writeBlocks(bench.http, 'json_ours', [documents]);
    for (const name of ['json_theirs', 'json_ours']) {
      expect(plain(await read(name))).toEqual(plain(documents));
      expect(plain((await judge.call<{ rows: Text[][] }>('read', [name])).rows)).toEqual(plain(documents));
    }
  });

  it.each(PACKINGS)('packs records by %s, both ways, and our client the same', async (compression, compress) => {
    const [theirs, ours] = [`theirs_${compression}`, `ours_${compression}`];
    for (const name of [theirs, ours]) await create(name);
    await judge.call('write', [theirs, [ROWS]], { compress });
    await write(ours, [ROWS], compression);
    for (const name of [theirs, ours]) {
      expect(await read(name, compression)).toEqual(ROWS);
      expect(await judge.call('read', [name], { compress })).toMatchObject({ rows: ROWS });
    }
  });

  it.each<[Compression, string | null]>([['identity', null], ...ARROW_PACKINGS])(
    'writes and reads Arrow packed by %s in several blocks, and our client the same',
    async (compression, compress) => {
      const [theirs, ours] = [`arrow_theirs_${compression}`, `arrow_ours_${compression}`];
      // pyodps 0.13.2 takes a scale of 0 for none given, which is 18 to it: such decimals do not fit its own Arrow type.
      const places = TYPES.flatMap((type, at) => (/^DECIMAL\(\d+,0\)$/.test(type) ? [] : [at]));
      const rows = ROWS.map((row) => places.map((at) => row[at]));
      const blocks = [rows.slice(0, 5), rows.slice(5)];
      const columns = places.map((at) => [NAMES[at], TYPES[at]]);
      for (const name of [theirs, ours]) await judge.call('create_table', [name, columns]);
      await judge.call('write_arrow', [theirs, blocks], { compress });
      await writeBlocks(bench.http, ours, blocks, compression, 'arrow');
      for (const name of [theirs, ours]) {
        expect(await readTable(bench.http, name, compression, 'arrow')).toEqual(rows);
        expect(await read(name)).toEqual(rows);
        expect(await judge.call('read_arrow', [name], { compress })).toEqual({ count: rows.length, rows });
      }
    },
  );

  it('writes and reads partitions, and replaces one', async () => {
    await judge.call('create_table', [
      'parts',
      [['id', 'bigint']],
      [
        ['pt', 'string'],
        ['hh', 'string'],
      ],
    ]);
    await judge.call('add_partition', ['parts', "pt='a',hh='1'"]);
    await judge.call('add_partition', ['parts', "pt='a',hh='2'"]);
    expect(await judge.call('partitions', ['parts'])).toEqual(["pt='a',hh='1'", "pt='a',hh='2'"]);
    await judge.call('write', ['parts', [[['1'], ['2']]]], { partition: "pt='a',hh='1'" });
    await judge.call('write', ['parts', [[['3']]]], { partition: "pt='a',hh='2'" });
    await judge.call('write', ['parts', [[['4']]]], { partition: "pt='a',hh='1'", overwrite: true });
    expect(await judge.call('read', ['parts'], { partition: "pt='a',hh='1'" })).toEqual({ count: 1, rows: [['4']] });
    expect(await rowsOf(bench.http, "SELECT id, hh FROM parts WHERE pt = 'a' ORDER BY id LIMIT 9")).toEqual([
      ['3', '2'],
      ['4', '1'],
    ]);
    await judge.call('drop_partition', ['parts', "pt='a',hh='2'"]);
    expect(await judge.call('partitions', ['parts'])).toEqual(["pt='a',hh='1'"]);
  });

  it('writes a block twice and the last one counts; refuses to commit blocks that are not there', async () => {
    await judge.call('create_table', ['twice', [['id', 'bigint']]]);
    await judge.call('put_twice', ['twice', [['1'], ['2']], [['3']]]);
    expect(await read('twice')).toEqual([['3']]);
    for (const [written, named] of [
      [[0, 1], [0]],
      [[0], [0, 1]],
    ])
      expect((await refusal('commit_blocks', 'twice', written, named)).message).toMatch(/block/i);
    expect(await read('twice')).toEqual([['3']]);
  });

  it('runs SQL', async () => {
    await judge.call('run', ['CREATE TABLE sums (k STRING, v BIGINT)']);
    await judge.call('run', [
      "INSERT INTO sums VALUES ('a', 1L), ('b', 2L), ('a', NULL), (NULL, 9223372036854775807L)",
    ]);
    const found = await judge.call<{ rows: Text[][] }>('sql', [
      'SELECT k, COUNT(1) AS n, SUM(v) AS s FROM sums GROUP BY k ORDER BY k LIMIT 10',
    ]);
    expect(found.rows).toEqual([
      [null, '1', '9223372036854775807'],
      ['a', '2', '1'],
      ['b', '1', '2'],
    ]);
    await judge.call('drop', ['sums']);
    expect(await judge.call('exists', ['sums'])).toBe(false);
  });

  it('meets the errors that it knows', async () => {
    expect(await refusal('run', 'SELECT * FROM nowhere')).toMatchObject({ error: 'NoSuchTable' });
    expect(await refusal('run', 'SELEC 1')).toMatchObject({ error: 'ParseError' });
    expect(await refusal('write', 'nowhere', [[['1']]])).toMatchObject({ error: 'NoSuchTable' });
    expect(await refusal('read', 'nowhere')).toMatchObject({ error: 'NoSuchTable' });
    expect(await refusal('read', 'parts', "pt='zz',hh='1'")).toMatchObject({ error: 'NoSuchPartition' });
    expect((await refusal('reload_upload', 'twice', '2026nothing')).code).toBe('NoSuchUpload');
    const stranger = pythonJudge(python!);
    try {
      await stranger.call('connect', [bench.emulator.endpoint, 'demo', 'demo', 'wrong']);
      await expect(stranger.call('describe', ['twice'])).rejects.toMatchObject({ code: 'ODPS-0410042' });
      await stranger.call('connect', [bench.emulator.endpoint, 'other', 'demo', 'demo']);
      await expect(stranger.call('describe', ['twice'])).rejects.toThrow(/project/i);
    } finally {
      stranger.stop();
    }
  });

  it('a client of ours reads the figures of its SQL', async () => {
    await runSql(bench.http, 'CREATE TABLE counted (id BIGINT)');
    await judge.call('write', ['counted', [Array.from({ length: 20_000 }, (_, at) => [String(at)])]]);
    expect(await rowsOf(bench.http, 'SELECT COUNT(1), SUM(id), MAX(id) FROM counted')).toEqual([
      ['20000', '199990000', '19999'],
    ]);
  });
});
