import { fileURLToPath } from 'node:url';
import { runSql } from '@sampan/maxcompute';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { classPathOf } from '../../../../tools/src/java-sdk.ts';
import { useEmulator } from '../fixture.ts';
import type { Text } from './cells.ts';
import { NAMES, ROWS, readTable, TYPES, writeBlocks } from './crossing.ts';
import { type Judge, javaJudge } from './judge.ts';

const classPath = await classPathOf(fileURLToPath(new URL('java/pom.xml', import.meta.url)), 'odps-sdk-core-0.57.1');
const why = classPath === null ? ' (skipped: the official Java SDK cannot be had on this machine)' : '';

describe.skipIf(classPath === null)(`the official Java SDK at work with the emulator${why}`, () => {
  const bench = useEmulator();
  let judge: Judge;
  beforeAll(async () => {
    judge = javaJudge(classPath!);
    await judge.call('connect', [bench.emulator.endpoint, 'demo', 'demo', 'demo']);
  });
  afterAll(() => judge.stop());

  const columns = TYPES.map((type, at) => `${NAMES[at]} ${type}`).join(', ');
  const create = (name: string) => judge.call('run', [`CREATE TABLE ${name} (${columns});`]);

  it('creates a table of every type, and finds it as it is', async () => {
    await create('every');
    expect(await judge.call('describe', ['every'])).toEqual(TYPES.map((type, at) => [NAMES[at], type]));
    expect(await judge.call('exists', ['every'])).toBe(true);
    expect(await judge.call('exists', ['nothing'])).toBe(false);
  });

  it('writes several blocks of every type: read by our client to the last bit, and by itself', async () => {
    await create('theirs');
    await judge.call('write', ['theirs', [ROWS.slice(0, 5), ROWS.slice(5, 6), ROWS.slice(6)]]);
    expect(await readTable(bench.http, 'theirs')).toEqual(ROWS);
    expect(await judge.call('read', ['theirs'])).toEqual(ROWS);
  });

  it('reads what our client has written, to the last bit', async () => {
    await create('ours');
    await writeBlocks(bench.http, 'ours', [ROWS.slice(0, 4), ROWS.slice(4)]);
    expect(await judge.call('read', ['ours'])).toEqual(ROWS);
  });

  it('packs with zlib, both ways', async () => {
    await create('packed');
    await judge.call('write', ['packed', [ROWS], null, 'ODPS_ZLIB']);
    expect(await readTable(bench.http, 'packed', 'deflate')).toEqual(ROWS);
    expect(await judge.call('read', ['packed', null, 'ODPS_ZLIB'])).toEqual(ROWS);
  });

  it('writes partitions, and replaces one', async () => {
    await judge.call('run', ['CREATE TABLE parts (id BIGINT) PARTITIONED BY (pt STRING);']);
    for (const pt of ['a', 'b']) {
      await judge.call('run', [`ALTER TABLE parts ADD PARTITION (pt='${pt}');`]);
      await judge.call('write', ['parts', [[['1'], ['2']]], `pt=${pt}`]);
    }
    await judge.call('write', ['parts', [[['3']]], 'pt=a', null, 'overwrite']);
    expect(await judge.call('read', ['parts', 'pt=a'])).toEqual([['3']]);
    expect(await judge.call('read', ['parts', 'pt=b'])).toEqual([['1'], ['2']]);
  });

  it('runs SQL', async () => {
    await runSql(bench.http, 'CREATE TABLE sums (k STRING, v BIGINT)');
    await judge.call('run', ["INSERT INTO sums VALUES ('a', 1L), ('b', 2L), ('a', 4L);"]);
    const rows = await judge.call<Text[][]>('sql', ['SELECT k, SUM(v) AS s FROM sums GROUP BY k ORDER BY k LIMIT 9;']);
    expect(rows).toEqual([
      ['a', '5'],
      ['b', '2'],
    ]);
  });

  it('meets the errors that it knows', async () => {
    const refusal = (name: string, ...args: unknown[]) => expect(judge.call(name, args)).rejects;
    await refusal('run', 'SELECT * FROM nowhere;').toThrow(/ODPS-0130131/);
    await refusal('write', 'nowhere', [[['1']]]).toMatchObject({ error: 'TunnelException', code: 'NoSuchTable' });
    await refusal('read', 'nowhere').toMatchObject({ error: 'TunnelException', code: 'NoSuchTable' });
    await refusal('read', 'parts', 'pt=zz').toMatchObject({ error: 'TunnelException', code: 'NoSuchPartition' });
    await judge.call('connect', [bench.emulator.endpoint, 'demo', 'demo', 'wrong']);
    await refusal('describe', 'every').toThrow(/ODPS-0410042/);
  });
});
