import { Http } from '@sampan/maxcompute';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pythonWithPyodps } from '../../../../tools/src/pyodps.ts';
import { startReplay } from '../../../../tools/src/start-replay.ts';
import type { Text } from './cells.ts';
import { readTable, writeBlocks } from './crossing.ts';
import { type Judge, pythonJudge } from './judge.ts';

const python = await pythonWithPyodps();
const why = python === null ? ' (skipped: pyodps cannot be had on this machine)' : '';

/** Types that are rows of values themselves, and intervals: as text in the way of `judge.py`. */
const CELLS: { [type: string]: Text[] } = {
  'array<bigint>': [['9223372036854775807', null, '-9223372036854775807'], [], null],
  'array<string>': [['', 'ü 🎉', null], null, ['x'.repeat(3_000)]],
  'array<boolean>': [null, ['true', 'false', null], []],
  'array<double>': [['0000000000000080', 'nan', '000000000000f0ff'], [null], null],
  'array<array<int>>': [[['1'], [], null], null, [['-2147483648', '2147483647']]],
  'map<string,bigint>': [
    [
      ['a', '1'],
      ['', null],
    ],
    [],
    null,
  ],
  'map<bigint,string>': [null, [['-1', 'minus one']], [['9007199254740993', '']]],
  'map<string,decimal(38,18)>': [[['k', '-99999999999999999999.999999999999999999']], null, []],
  'struct<x:double,y:array<string>,z:bigint>': [['0100000000000000', ['a', null], '7'], [null, null, null], null],
  interval_day_time: ['-1', '86399999999999', null],
  interval_year_month: ['-14', null, '25'],
};
const COLUMNS = Object.keys(CELLS).map((type, at) => ({ name: `c${at}`, type }));
const ROWS: Text[][] = [0, 1, 2].map((row) => COLUMNS.map(({ type }) => CELLS[type][row]));

describe.skipIf(python === null)(
  `nested values between pyodps and our client, over a tunnel that judges nothing${why}`,
  () => {
    let judge: Judge;
    beforeAll(() => {
      judge = pythonJudge(python!);
    });
    afterAll(() => judge.stop());

    const between = async (work: (http: Http) => Promise<void>) => {
      const replay = await startReplay(COLUMNS, ROWS.length);
      const http = new Http({ endpoint: `${replay.url}/api`, project: 'p', accessId: 'a', accessKey: 'k' });
      try {
        await judge.call('connect', [`${replay.url}/api`, 'p', 'a', 'k']);
        await work(http);
      } finally {
        http.close();
        replay.stop();
      }
    };

    it('reads what pyodps has written, to the last bit', () =>
      between(async (http) => {
        await judge.call('write', ['t', [ROWS]]);
        expect(await readTable(http, 't')).toEqual(ROWS);
      }));

    it('writes what pyodps reads, to the last bit', () =>
      between(async (http) => {
        await writeBlocks(http, 't', [ROWS]);
        expect(await judge.call('read', ['t'])).toEqual({ count: ROWS.length, rows: ROWS });
      }));
  },
);
