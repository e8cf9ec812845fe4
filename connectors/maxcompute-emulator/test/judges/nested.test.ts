import { fileURLToPath } from 'node:url';
import { type OdpsType, parseType } from '@sampan/maxcompute';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { classPathOf } from '../../../../tools/src/java-sdk.ts';
import { pythonWithPyodps } from '../../../../tools/src/pyodps.ts';
import { useEmulator } from '../fixture.ts';
import type { Text } from './cells.ts';
import { readTable, writeBlocks } from './crossing.ts';
import { type Judge, javaJudge, pythonJudge } from './judge.ts';

const python = await pythonWithPyodps();
const whyPython = python === null ? ' (skipped: pyodps cannot be had on this machine)' : '';
const classPath = await classPathOf(fileURLToPath(new URL('java/pom.xml', import.meta.url)), 'odps-sdk-core-0.57.1');
const whyJava = classPath === null ? ' (skipped: the official Java SDK cannot be had on this machine)' : '';

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
  'array<struct<a:map<string,array<boolean>>,b:float>>': [
    [
      [[['k', ['true', null]]], '00000080'],
      null,
      [null, 'nan'],
      [
        [
          ['', []],
          ['k', null],
        ],
        null,
      ],
    ],
    null,
    [],
  ],
  'map<int,struct<s:string,m:map<bigint,binary>>>': [
    [['1', ['x', [['9007199254740993', '00ff']]]]],
    [
      ['-1', null],
      ['0', [null, [['7', null]]]],
    ],
    [],
  ],
  'array<date>': [['0001-01-01', null, '9999-12-31'], [], null],
  'array<datetime>': [['-62135596800000000', null, '253402300799999000'], null, ['-1000']],
  'array<timestamp>': [['-9000000000000000001', null, '1772366400123456789'], ['0'], ['-1', '1000', '9']],
  'struct<a:timestamp_ntz,b:array<timestamp_ntz>>': [['1', ['-1', null, '1772366400123456789']], null, [null, null]],
  'array<varchar(3)>': [['äöü', null, ''], null, []],
  interval_day_time: ['-1', '86399999999999', null],
  interval_year_month: ['-14', null, '25'],
};
const TYPES = Object.keys(CELLS);
const NAMES = TYPES.map((_, at) => `c${at}`);
const ROWS: Text[][] = [0, 1, 2].map((row) => TYPES.map((type) => CELLS[type][row]));
/** Arrow in the tunnel has no form for intervals of months. */
const ARROW = TYPES.filter((type) => type !== 'interval_year_month');
const ARROW_ROWS = ROWS.map((row) => row.filter((_, at) => TYPES[at] !== 'interval_year_month'));
/** The Java SDK keeps the entries of a MAP in no order. */
function byKey(type: OdpsType, cell: Text): Text {
  if (cell === null || typeof cell === 'string') return cell;
  if (type.kind === 'array') return cell.map((one) => byKey(type.element, one));
  if (type.kind === 'struct') return type.fields.map((field, at) => byKey(field.type, cell[at]));
  if (type.kind !== 'map') return cell;
  const pairs = cell.map((pair): [string, Text] => [(pair as Text[])[0] as string, byKey(type.value, pair![1])]);
  return pairs.sort(([a], [b]) => (a < b ? -1 : 1));
}
const ordered = (rows: Text[][]) => rows.map((row) => row.map((cell, at) => byKey(parseType(TYPES[at]), cell)));
const columnsOf = (types: string[]) => types.map((type, at) => [`c${at}`, type]);

describe.skipIf(python === null)(`nested values between pyodps, our client and the emulator${whyPython}`, () => {
  const bench = useEmulator();
  let judge: Judge;
  beforeAll(async () => {
    judge = pythonJudge(python!);
    await judge.call('connect', [bench.emulator.endpoint, 'demo', 'demo', 'demo']);
    for (const name of ['theirs', 'ours']) await judge.call('create_table', [name, columnsOf(TYPES)]);
    for (const name of ['theirs_arrow', 'ours_arrow']) await judge.call('create_table', [name, columnsOf(ARROW)]);
  });
  afterAll(() => judge.stop());

  it('are columns of a table, as it is told', async () => {
    const told = await judge.call<{ columns: string[][] }>('describe', ['theirs']);
    // pyodps prints field names in quotes.
    expect(told.columns.map(([name, type]) => [name, type.replaceAll('`', '')])).toEqual(columnsOf(TYPES));
  });

  it('are read as pyodps has written them, to the last bit', async () => {
    await judge.call('write', ['theirs', [ROWS.slice(0, 1), ROWS.slice(1)]]);
    expect(await readTable(bench.http, 'theirs')).toEqual(ROWS);
    expect(await judge.call('read', ['theirs'])).toEqual({ count: ROWS.length, rows: ROWS });
  });

  it('are written as pyodps reads them, to the last bit', async () => {
    await writeBlocks(bench.http, 'ours', [ROWS.slice(0, 2), ROWS.slice(2)]);
    expect(await judge.call('read', ['ours'])).toEqual({ count: ROWS.length, rows: ROWS });
  });

  it('go as Arrow, both ways', async () => {
    await judge.call('write_arrow', ['theirs_arrow', [ARROW_ROWS]]);
    expect(await readTable(bench.http, 'theirs_arrow', 'identity', 'arrow')).toEqual(ARROW_ROWS);
    expect(await readTable(bench.http, 'theirs_arrow')).toEqual(ARROW_ROWS);
    await writeBlocks(bench.http, 'ours_arrow', [ARROW_ROWS], 'identity', 'arrow');
    expect(await judge.call('read_arrow', ['ours_arrow'])).toEqual({ count: ROWS.length, rows: ARROW_ROWS });
  });
});

describe.skipIf(classPath === null)(`nested values between the Java SDK, our client and the emulator${whyJava}`, () => {
  const bench = useEmulator();
  let judge: Judge;
  beforeAll(async () => {
    judge = javaJudge(classPath!);
    await judge.call('connect', [bench.emulator.endpoint, 'demo', 'demo', 'demo']);
    const columns = TYPES.map((type, at) => `${NAMES[at]} ${type}`).join(', ');
    for (const name of ['theirs', 'ours']) await judge.call('run', [`CREATE TABLE ${name} (${columns});`]);
  });
  afterAll(() => judge.stop());

  it('are read as the SDK has written them, to the last bit', async () => {
    await judge.call('write', ['theirs', [ROWS.slice(0, 1), ROWS.slice(1)]]);
    expect(ordered(await readTable(bench.http, 'theirs'))).toEqual(ordered(ROWS));
    expect(ordered(await judge.call('read', ['theirs']))).toEqual(ordered(ROWS));
  });

  it('are written as the SDK reads them, to the last bit', async () => {
    await writeBlocks(bench.http, 'ours', [ROWS]);
    expect(ordered(await judge.call('read', ['ours']))).toEqual(ordered(ROWS));
  });
});
