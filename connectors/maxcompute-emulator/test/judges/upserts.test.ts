import { fileURLToPath } from 'node:url';
import { createClient, runSql } from '@sampan/maxcompute';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { classPathOf } from '../../../../tools/src/java-sdk.ts';
import { pythonWithPyodps } from '../../../../tools/src/pyodps.ts';
import { rowsOf, useEmulator } from '../fixture.ts';
import { columnOf, type Text } from './cells.ts';
import { readTable } from './crossing.ts';
import { type Judge, javaJudge, pythonJudge } from './judge.ts';

const python = await pythonWithPyodps();
const classPath = await classPathOf(fileURLToPath(new URL('java/pom.xml', import.meta.url)), 'odps-sdk-core-0.57.1');

const JUDGES = [
  {
    name: 'pyodps',
    why: python === null ? ' (skipped: pyodps cannot be had on this machine)' : '',
    start: () => pythonJudge(python!),
    packing: 'ODPS_LZ4',
    // pyodps takes the halves of a decimal of more than 18 digits for C longs, and fails.
    lacks: ['DECIMAL(38,18)'],
  },
  {
    name: 'the official Java SDK',
    why: classPath === null ? ' (skipped: the official Java SDK cannot be had on this machine)' : '',
    start: () => javaJudge(classPath!),
    packing: 'ODPS_ZLIB',
    lacks: [],
  },
];

const DELTA = 'TBLPROPERTIES ("transactional"="true")';
/** Keys whose hashes the judge and we must agree on: the emulator refuses a row in another bucket than its key's. */
const KEYS: { [type: string]: string[] } = {
  BIGINT: ['0', '1', '-1', '9223372036854775807', '-9223372036854775807', '1234567890123456789'],
  INT: ['2147483647', '-2147483648', '7'],
  SMALLINT: ['-32768', '5'],
  TINYINT: ['127', '-128'],
  STRING: ['', 'a', '中文', '😀', 'a longer key that is used to reach overflow of the 32 bit sum'],
  'VARCHAR(20)': ['é', 'xyz'],
  DATE: ['1970-01-01', '2024-02-29', '1900-01-01'],
  'DECIMAL(18,4)': ['0.0000', '12345678901234.5678', '-1.5000'],
  'DECIMAL(38,18)': ['-0.000000000000000001', '99999999999999999999.500000000000000000', '1.000000000000000000'],
};

for (const { name, why, start, packing, lacks } of JUDGES)
  describe.skipIf(why !== '')(`upserts by ${name} into the emulator${why}`, () => {
    const bench = useEmulator({ commitDelayMs: 300 });
    let judge: Judge;
    beforeAll(async () => {
      judge = start();
      await judge.call('connect', [bench.emulator.endpoint, 'demo', 'demo', 'demo']);
    });
    afterAll(() => judge.stop());

    const sql = (text: string) => runSql(bench.http, text);
    const create = (table: string, more = '') =>
      sql(`CREATE TABLE ${table} (id BIGINT NOT NULL, name STRING, PRIMARY KEY (id))${more} ${DELTA}`);
    const all = (table: string) => rowsOf(bench.http, `SELECT id, name FROM ${table} ORDER BY id LIMIT 1000`);

    it('replace and delete by key; the last of a key counts', async () => {
      await create('judged');
      const rows = Array.from({ length: 300 }, (_, at) => ['upsert', String(at), `row ${at}`]);
      await judge.call('upsert', ['judged', rows]);
      expect((await all('judged')).length).toBe(300);
      const changes = [
        ['upsert', '5', 'once'],
        ['upsert', '5', 'twice'],
        ['delete', '6', null],
        ['flush'],
        ['upsert', '7', null],
        ['delete', '5', null],
        ['upsert', '5', 'thrice'],
        ['upsert', '300', 'new'],
      ];
      await judge.call('upsert', ['judged', changes, null, packing]);
      const now = new Map((await all('judged')).map(([id, text]) => [id, text]));
      expect([now.size, now.get('5'), now.has('6'), now.get('7'), now.get('300')]).toEqual([
        300,
        'thrice',
        false,
        null,
        'new',
      ]);
    });

    it('write into partitions, and leave nothing where they are aborted', async () => {
      await create('judged_parts', ' PARTITIONED BY (pt STRING)');
      await sql("ALTER TABLE judged_parts ADD PARTITION (pt='a')");
      await judge.call('upsert', ['judged_parts', [['upsert', '1', 'x']], 'pt=a']);
      await judge.call('upsert', ['judged_parts', [['upsert', '1', 'y']], 'pt=a', null, true]);
      expect(await rowsOf(bench.http, "SELECT id, name, pt FROM judged_parts WHERE pt = 'a'")).toEqual([
        ['1', 'x', 'a'],
      ]);
    });

    it('route keys of every type to the buckets that we route them to', async () => {
      const types = Object.keys(KEYS).filter((type) => !(lacks as string[]).includes(type));
      const names = types.map((_, at) => `k${at}`);
      const keys = Array.from({ length: 30 }, (_, row) => types.map((type) => KEYS[type][row % KEYS[type].length]));
      await sql(
        `CREATE TABLE keyed (${types.map((type, at) => `k${at} ${type} NOT NULL`).join(', ')}, v STRING, PRIMARY KEY (${names.join(', ')})) ${DELTA}`,
      );
      await judge.call('upsert', ['keyed', keys.map((key) => ['upsert', ...key, 'theirs'])]);
      const client = createClient({ ...bench.http.options, accessId: 'demo', accessKey: 'demo' });
      const upsert = await client.table('keyed').upsert();
      const again = keys.slice(1).map((key): Text[] => [...key, 'ours']);
      const columns = upsert.session.columns.map(({ type }, at) =>
        columnOf(
          type,
          again.map((row) => row[at]),
        ),
      );
      await upsert.write(columns, again.length);
      await upsert.commit();
      client.close();
      const found = (await readTable(bench.http, 'keyed')).map((row) => row.join('|')).sort();
      expect(found).toEqual([[...keys[0], 'theirs'], ...again].map((row) => row.join('|')).sort());
    });

    if (name === 'pyodps')
      it('are what a plain writer does to a Delta table', async () => {
        await create('easy');
        await judge.call('write_table', [
          'easy',
          [
            ['1', 'a'],
            ['2', 'b'],
          ],
        ]);
        await judge.call('write_table', [
          'easy',
          [
            ['2', 'c'],
            ['3', null],
          ],
        ]);
        expect(await all('easy')).toEqual([
          ['1', 'a'],
          ['2', 'c'],
          ['3', null],
        ]);
      });

    it('are refused on an ordinary table', async () => {
      await sql('CREATE TABLE ordinary (id BIGINT, name STRING)');
      await expect(judge.call('upsert', ['ordinary', [['upsert', '1', 'a']]])).rejects.toThrow(/InvalidArgument/);
    });
  });
