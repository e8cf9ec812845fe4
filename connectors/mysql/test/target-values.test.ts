import type { Field, LogicalType } from '@sampan/connector';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MysqlServer } from '../../../tools/src/mysql-server.ts';
import {
  ask,
  batchOf,
  copy,
  field,
  flavors,
  lease,
  loadOf,
  signal,
  start,
  type Told,
  targetOf,
} from './target-support.ts';

type Cell = null | number | bigint | string | Buffer;

const micros = (text: string) =>
  BigInt(Date.parse(`${text.slice(0, 19).replace(' ', 'T')}Z`)) * 1000n +
  BigInt((text.slice(20) || '0').padEnd(6, '0'));
const days = (text: string) => Number(BigInt(Date.parse(`${text}T00:00:00Z`)) / 86_400_000n);

/** A column, the cells put into it, and what the text client must say of them. */
const COLUMNS: { native: string; type: LogicalType; cells: Cell[]; say?: string; expected: string[] }[] = [
  { native: 'TINYINT(1)', type: { kind: 'int8' }, cells: [-128, 127, 2, 0], expected: ['-128', '127', '2', '0'] },
  {
    native: 'SMALLINT',
    type: { kind: 'int16' },
    cells: [-32768, 32767, 1, -1],
    expected: ['-32768', '32767', '1', '-1'],
  },
  {
    native: 'INT',
    type: { kind: 'int32' },
    cells: [-2147483648, 2147483647, 1234567890, 99],
    expected: ['-2147483648', '2147483647', '1234567890', '99'],
  },
  {
    native: 'BIGINT',
    type: { kind: 'int64' },
    cells: [-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n, -(2n ** 32n)],
    expected: ['-9223372036854775808', '9223372036854775807', '9007199254740993', '-4294967296'],
  },
  {
    native: 'BIGINT UNSIGNED',
    type: { kind: 'uint64' },
    cells: [2n ** 64n - 1n, 2n ** 63n, 10n ** 19n, 0n],
    expected: ['18446744073709551615', '9223372036854775808', '10000000000000000000', '0'],
  },
  { native: 'BIT(1)', type: { kind: 'bool' }, cells: [1, 0, 1, 0], say: 'c+0', expected: ['1', '0', '1', '0'] },
  {
    native: 'BIT(64)',
    type: { kind: 'uint64' },
    cells: [2n ** 64n - 1n, 5n, 48n, 0n],
    say: 'c+0',
    expected: ['18446744073709551615', '5', '48', '0'],
  },
  {
    native: 'FLOAT',
    type: { kind: 'float32' },
    cells: [0.1, 3.4028234663852886e38, -1.5, 16777216],
    say: 'CAST(c AS DOUBLE)',
    expected: ['0.10000000149011612', '3.4028234663852886e38', '-1.5', '16777216'],
  },
  {
    native: 'DOUBLE',
    type: { kind: 'float64' },
    cells: [1.7976931348623157e308, 2.2250738585072014e-308, 5e-324, 0.30000000000000004],
    expected: ['1.7976931348623157e308', '2.2250738585072014e-308', '5e-324', '0.30000000000000004'],
  },
  {
    native: 'DECIMAL(65,30)',
    type: { kind: 'decimal', precision: 65, scale: 30 },
    cells: [
      '99999999999999999999999999999999999.999999999999999999999999999999',
      '-0.000000000000000000000000000001',
      '0.000000000000000000000000000000',
      '1.500000000000000000000000000000',
    ],
    expected: [
      '99999999999999999999999999999999999.999999999999999999999999999999',
      '-0.000000000000000000000000000001',
      '0.000000000000000000000000000000',
      '1.500000000000000000000000000000',
    ],
  },
  {
    native: 'DATE',
    type: { kind: 'date' },
    cells: [days('0001-01-01'), days('9999-12-31'), days('2000-02-29'), days('1969-12-31')],
    expected: ['0001-01-01', '9999-12-31', '2000-02-29', '1969-12-31'],
  },
  {
    native: 'DATETIME(6)',
    type: { kind: 'datetime', digits: 6 },
    cells: [
      micros('0001-01-01 00:00:00.000001'),
      micros('9999-12-31 23:59:59.999999'),
      micros('1969-12-31 23:59:59.999999'),
      micros('2024-03-31 02:30:00'),
    ],
    expected: [
      '0001-01-01 00:00:00.000001',
      '9999-12-31 23:59:59.999999',
      '1969-12-31 23:59:59.999999',
      '2024-03-31 02:30:00.000000',
    ],
  },
  {
    native: 'TIMESTAMP(3) NULL',
    type: { kind: 'timestamp', digits: 3 },
    cells: [
      micros('1970-01-01 00:00:01'),
      micros('2038-01-19 03:14:07.999'),
      micros('2024-03-31 02:30:00.120'),
      micros('2024-10-27 02:30:00'),
    ],
    say: "CONVERT_TZ(c, @@session.time_zone, '+00:00')",
    expected: [
      '1970-01-01 00:00:01.000',
      '2038-01-19 03:14:07.999',
      '2024-03-31 02:30:00.120',
      '2024-10-27 02:30:00.000',
    ],
  },
  {
    native: 'TIME(6)',
    type: { kind: 'time', digits: 6 },
    cells: [
      -(838n * 3600n + 59n * 60n + 59n) * 1_000_000n,
      (838n * 3600n + 59n * 60n + 59n) * 1_000_000n,
      -1n,
      90_000_000_000n,
    ],
    expected: ['-838:59:59.000000', '838:59:59.000000', '-00:00:00.000001', '25:00:00.000000'],
  },
  { native: 'YEAR', type: { kind: 'int16' }, cells: [1901, 2155, 0, 2000], expected: ['1901', '2155', '0000', '2000'] },
  {
    native: 'CHAR(10)',
    type: { kind: 'utf8', maxChars: 10 },
    cells: ['', 'a\tb\nc\\d', 'NULL', '\\N'],
    say: 'HEX(c)',
    expected: ['', '6109620A635C64', '4E554C4C', '5C4E'],
  },
  {
    native: 'VARCHAR(200)',
    type: { kind: 'utf8', maxChars: 200 },
    cells: ['你好 😀 𠮷', 'it\'\'s "q" `b` \\', '\u0001\u0002\u0003\u0001N\u0000', ' spaced '],
    say: 'HEX(c)',
    expected: ['你好 😀 𠮷', 'it\'\'s "q" `b` \\', '\u0001\u0002\u0003\u0001N\u0000', ' spaced '].map((text) =>
      Buffer.from(text).toString('hex').toUpperCase(),
    ),
  },
  {
    native: 'VARCHAR(20) CHARACTER SET latin1',
    type: { kind: 'utf8', maxChars: 20 },
    cells: ['é', 'ÿ', 'a\u0002', ''],
    say: 'HEX(c)',
    expected: ['E9', 'FF', '6102', ''],
  },
  {
    native: 'VARCHAR(20) CHARACTER SET gbk',
    type: { kind: 'utf8', maxChars: 20 },
    cells: ['中', '\\', '乗', 'a'],
    say: 'HEX(CONVERT(c USING utf8mb4))',
    expected: ['E4B8AD', '5C', 'E4B997', '61'],
  },
  {
    native: 'VARCHAR(20) CHARACTER SET utf16',
    type: { kind: 'utf8', maxChars: 20 },
    cells: ['😀', 'a', '', 'é'],
    say: 'HEX(c)',
    expected: ['D83DDE00', '0061', '', '00E9'],
  },
  {
    native: 'LONGTEXT',
    type: { kind: 'utf8' },
    cells: ['x'.repeat(100_000), '', '\n', '\r\n'],
    say: 'SHA2(c, 256)',
    expected: [
      'd69e68988157833272305aaf21f453c800346e8a3640db6578e260215542e5d4',
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      '01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b',
      '7eb70257593da06f682a3ddda54a9d260d4fc514f645237f5ca74b08f8da61a6',
    ],
  },
  {
    native: "ENUM('a','1','O''Neil')",
    type: { kind: 'utf8', maxChars: 8 },
    cells: ['a', '1', "O'Neil", 'a'],
    expected: ['a', '1', "O'Neil", 'a'],
  },
  {
    native: "SET('x','y','z')",
    type: { kind: 'utf8', maxChars: 8 },
    cells: ['x,z', '', 'y', 'x,y,z'],
    expected: ['x,z', '', 'y', 'x,y,z'],
  },
  {
    native: 'JSON',
    type: { kind: 'json' },
    cells: ['{"a": "é😀\\n\\"", "b": [1, 2.5, null]}', '"text"', 'null', '[]'],
    say: "CONCAT(JSON_LENGTH(c), HEX(COALESCE(JSON_UNQUOTE(JSON_EXTRACT(c, '$.a')), '-')))",
    expected: [`2${Buffer.from('é😀\n"').toString('hex').toUpperCase()}`, '12D', '12D', '02D'],
  },
  {
    native: 'BINARY(2)',
    type: { kind: 'binary', maxBytes: 2 },
    cells: [Buffer.from([0, 0]), Buffer.from([255, 0]), Buffer.from([1, 2]), Buffer.from([92, 78])],
    say: 'HEX(c)',
    expected: ['0000', 'FF00', '0102', '5C4E'],
  },
  {
    native: 'LONGBLOB',
    type: { kind: 'binary' },
    cells: [
      Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
      Buffer.alloc(0),
      Buffer.from([0xe2, 0x82]),
      Buffer.from([1, 78]),
    ],
    say: 'HEX(c)',
    expected: [
      Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join(''),
      '',
      'E282',
      '014E',
    ],
  },
];

const id = field('id', { kind: 'int32' }, false);

for (const { flavor, skip } of flavors) {
  for (const infile of ['1', '0']) {
    describe.skipIf(skip !== false)(
      `values on ${flavor}, local_infile=${infile}${skip === false ? '' : ` (skipped: ${skip})`}`,
      () => {
        let server: MysqlServer;
        const told: Told = { statements: [], warnings: [] };
        const sql = (statement: string) => ask(server, 't', statement);
        const target = () => targetOf(server, 't', told);
        beforeAll(async () => {
          server = await start(flavor, [`local_infile=${infile}`, 'default-time-zone=+09:00']);
          await (await server.connect()).query('CREATE DATABASE t');
        });
        afterAll(() => server?.stop());

        for (const [index, { native, type, cells, say = 'c', expected }] of COLUMNS.entries()) {
          test(`${native} holds its nastiest values`, async () => {
            sql(`CREATE TABLE v${index} (id INT PRIMARY KEY, c ${native})`);
            const rows = [...cells, null].map((cell, row): Cell[] => [row, cell]);
            await copy(target(), loadOf(`v${index}`, [id, field('c', type)]), lease(`v${index}`), rows);
            const answer = sql(`SELECT COALESCE(${say}, '(null)') FROM v${index} ORDER BY id`).split('\n');
            expect(answer.map(same(type))).toEqual([...expected, '(null)'].map(same(type)));
          });
        }

        test('the way of writing is the one that the server allows', () => {
          expect(
            told.statements.filter((statement) =>
              statement.startsWith(infile === '1' ? 'LOAD DATA' : 'INSERT INTO `sampan_stg'),
            ),
          ).not.toEqual([]);
          expect(
            told.statements.filter((statement) =>
              statement.startsWith(infile === '1' ? 'INSERT INTO `sampan_stg' : 'LOAD DATA'),
            ),
          ).toEqual([]);
        });

        test('what a column cannot hold is a dirty row with column, value and reason, and the others go in', async () => {
          const cases: [string, LogicalType, Cell, Cell][] = [
            ['TINYINT', { kind: 'int16' }, 300, 7],
            ['INT UNSIGNED', { kind: 'int64' }, -1n, 7n],
            ['DECIMAL(4,1)', { kind: 'decimal', precision: 8, scale: 2 }, '1.25', '1.50'],
            ['VARCHAR(3)', { kind: 'utf8' }, 'abcd', 'abc'],
            ['VARCHAR(3)', { kind: 'utf8' }, 'abc ', 'ab '],
            ['CHAR(3)', { kind: 'utf8' }, 'a ', 'a'],
            ['BINARY(3)', { kind: 'binary' }, Buffer.from([1]), Buffer.from([1, 2, 3])],
            ['VARCHAR(9) CHARACTER SET latin1', { kind: 'utf8' }, '你', 'x'],
            ['VARCHAR(9) CHARACTER SET utf8mb3', { kind: 'utf8' }, '😀', '你'],
            ['VARCHAR(9)', { kind: 'utf8' }, Buffer.from([0x61, 0xff]), 'ok'],
            ['JSON', { kind: 'utf8' }, '{broken', '{}'],
            ["ENUM('a','b')", { kind: 'utf8' }, '2', 'b'],
            ["SET('a','b')", { kind: 'utf8' }, '3', 'a,b'],
            ['DATE', { kind: 'date' }, days('9999-12-31') + 1, 0],
            ['DATETIME(3)', { kind: 'datetime', digits: 6 }, 1n, 1000n],
            [
              'TIMESTAMP(6) NULL',
              { kind: 'timestamp', digits: 6 },
              micros('1960-01-01 00:00:00'),
              micros('2020-01-01 00:00:00'),
            ],
            ['TIME', { kind: 'time', digits: 0 }, 839n * 3_600_000_000n, 0n],
            ['YEAR', { kind: 'int16' }, 70, 1970],
            ['DOUBLE', { kind: 'float64' }, Number.NaN, 1],
            ['FLOAT', { kind: 'float64' }, 1e300, 1.5],
            ['BIT(2)', { kind: 'int64' }, 4n, 3n],
            ['INT NOT NULL', { kind: 'int32' }, null, 1],
            ['TIMESTAMP NOT NULL', { kind: 'timestamp', digits: 0 }, null, 1_000_000n],
          ];
          const faults: string[] = [];
          for (const [index, [native, type, bad, good]] of cases.entries()) {
            sql(`CREATE TABLE d${index} (id INT PRIMARY KEY, c ${native})`);
            const fields: Field[] = [id, field('c', type)];
            const held = lease(`d${index}`);
            const load = loadOf(`d${index}`, fields);
            const { handle } = await target().begin(load, held, null, signal());
            await using writer = await target().writer(handle, { split: 0 }, held, signal());
            const dirty =
              (await writer.write(
                batchOf(
                  fields,
                  [
                    [0, good],
                    [1, good],
                    [2, bad],
                    [3, good],
                    [4, bad],
                  ],
                  { k: 1 },
                ),
              )) ?? [];
            const receipt = await writer.seal();
            await target().verify(handle, [receipt], held, signal());
            await target().commit(handle, [receipt], held, signal());
            const rows = sql(`SELECT GROUP_CONCAT(id ORDER BY id) FROM d${index}`);
            const found = dirty.map((row) => `${row.row}:${row.column}`).join(' ');
            if (rows !== '0,1,3' || found !== '2:c 4:c' || dirty[0].reason === '')
              faults.push(`${native} ${String(bad)}: rows ${rows}, dirty ${JSON.stringify(dirty)}`);
          }
          expect(faults).toEqual([]);
        });

        test('a row with a rare cell is dirty, with the text of the source', async () => {
          const fields = [id, field('c', { kind: 'date' })];
          const held = lease('rare');
          const { handle } = await target().begin(loadOf('rare', fields), held, null, signal());
          await using writer = await target().writer(handle, { split: 0 }, held, signal());
          const batch = batchOf(
            fields,
            [
              [1, null],
              [2, null],
            ],
            { k: 1 },
          );
          batch.rare.push({ row: 1, column: 1, text: '0000-00-00', reason: 'not a date' });
          expect(await writer.write(batch)).toEqual([
            { row: 1, column: 'c', value: '0000-00-00', reason: 'not a date' },
          ]);
          expect(await writer.seal()).toMatchObject({ rows: 1 });
          await target().abort(handle, held);
        });
      },
    );
  }
}

/** The two servers print large and small doubles each in a way of their own; -0 must stay apart from 0. */
const same = (type: LogicalType) => (text: string) =>
  (type.kind === 'float64' || type.kind === 'float32') && text !== '(null)' && text !== '-0'
    ? String(Number(text))
    : text;
