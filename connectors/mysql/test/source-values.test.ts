import { type Batch, cellText, type Field, type Source } from '@sampan/connector';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MysqlServer } from '../../../tools/src/mysql-server.ts';
import { config } from '../src/config.ts';
import { createSource } from '../src/source.ts';
import { ask, dial, flavors, lease, loadOf, signal, start, targetOf } from './target-support.ts';

for (const { flavor, skip } of flavors) {
  describe.skipIf(skip !== false)(
    `values that are read on ${flavor}${skip === false ? '' : ` (skipped: ${skip})`}`,
    () => {
      let server: MysqlServer;
      let sql: Connection;
      let source: Source;
      beforeAll(async () => {
        server = await start(flavor, ['default-time-zone=+09:00']);
        sql = await server.connect();
        await sql.query("CREATE DATABASE src CHARACTER SET utf8mb4; USE src; SET sql_mode = 'ALLOW_INVALID_DATES'");
        const { host, port, user, password } = server;
        const context = { dial, log: () => {}, statement: () => {} };
        source = createSource(config.parse({ host, port, user, password, database: 'src' }), context);
      });
      afterAll(async () => {
        await sql?.end();
        await server?.stop();
      });
      const read = async (object: string, columns: string[]): Promise<{ fields: Field[]; batches: Batch[] }> => {
        const how = { where: null, splitKey: null, splits: 1, maxBytes: null, fetchSize: null, options: {} };
        const { fields, splits } = await source.plan({ object, columns, ...how }, signal());
        const batches: Batch[] = [];
        for await (const batch of source.read(splits[0], null, signal())) batches.push(batch);
        return { fields, batches };
      };
      const rows = (batches: Batch[]) =>
        batches.flatMap((batch) =>
          Array.from({ length: batch.rows }, (_, row) =>
            batch.columns.map((column, at) => cellText(column, batch.fields[at].type, row)),
          ),
        );

      it('dates that are none are told with their text, and the rows around them are whole', async () => {
        await sql.query('CREATE TABLE zero (id INT PRIMARY KEY, d DATE, t DATETIME(6), s TIMESTAMP NULL)');
        await sql.query(`INSERT INTO zero VALUES (1, '2020-01-10', '2020-01-10 12:00:00.000001', '2020-01-10 03:00:00'),
          (2, '0000-00-00', '0000-00-00 00:00:00', '0000-00-00 00:00:00'), (3, '2020-00-10', '0000-00-00 12:00:00', NULL),
          (4, '2020-02-31', '2020-02-31 01:02:03.5', NULL), (5, '2020-01-00', NULL, NULL)`);
        const { batches } = await read('zero', ['id', 'd', 't', 's']);
        const [batch] = batches;
        expect(rows(batches)).toEqual([
          ['1', '2020-01-10', '2020-01-10 12:00:00.000001', '2020-01-09 18:00:00+00:00'],
          ['2', null, null, null],
          ['3', null, null, null],
          ['4', null, null, null],
          ['5', null, null, null],
        ]);
        expect(batch.rare.map(({ row, column, text }) => `${row} ${column} ${text}`).sort()).toEqual([
          '1 1 0000-00-00',
          '1 2 0000-00-00 00:00:00',
          '1 3 0000-00-00 00:00:00',
          '2 1 2020-00-10',
          '2 2 0000-00-00 12:00:00',
          '3 1 2020-02-31',
          '3 2 2020-02-31 01:02:03.500000',
          '4 1 2020-01-00',
        ]);
        for (const { reason } of batch.rare) expect(reason).toMatch(/not a date/);
      });

      it('server, session, process and target in four zones: DATETIME keeps its wall clock, TIMESTAMP its instant', async () => {
        const { TZ } = process.env;
        process.env.TZ = 'America/St_Johns';
        try {
          await sql.query('CREATE TABLE zones (id INT PRIMARY KEY, d DATETIME(6), s TIMESTAMP(6) NULL)');
          await sql.query(`SET time_zone = '-05:00'; INSERT INTO zones VALUES
            (1, '2024-03-31 02:30:00.123456', '2024-03-31 02:30:00.123456'), (2, '1969-12-31 23:59:59', '2038-01-18 22:14:07')`);
          const { fields, batches } = await read('zones', ['id', 'd', 's']);
          expect(rows(batches)).toEqual([
            ['1', '2024-03-31 02:30:00.123456', '2024-03-31 07:30:00.123456+00:00'],
            ['2', '1969-12-31 23:59:59.000000', '2038-01-19 03:14:07.000000+00:00'],
          ]);
          const target = targetOf(server, 'src');
          const held = lease('zones');
          const { handle } = await target.begin(loadOf('zones_copy', fields), held, null, signal());
          await using writer = await target.writer(handle, { split: 0 }, held, signal());
          expect(await writer.write(batches[0])).toBeUndefined();
          await target.commit(handle, [await writer.seal()], held, signal());
          for (const table of ['zones', 'zones_copy'])
            expect(ask(server, 'src', `SET time_zone = '+02:00'; SELECT * FROM ${table} ORDER BY id`)).toBe(
              '1\t2024-03-31 02:30:00.123456\t2024-03-31 09:30:00.123456\n2\t1969-12-31 23:59:59.000000\t2038-01-19 05:14:07.000000',
            );
        } finally {
          if (TZ === undefined) delete process.env.TZ;
          else process.env.TZ = TZ;
          await sql.query("SET time_zone = '+09:00'");
        }
      });

      it('texts of every character set come as UTF-8; 2 in a TINYINT(1) stays 2', async () => {
        await sql.query(`CREATE TABLE sets (id INT PRIMARY KEY, a VARCHAR(20) CHARACTER SET utf8mb4, b VARCHAR(20) CHARACTER SET utf8mb3,
          c VARCHAR(20) CHARACTER SET gbk, d VARCHAR(20) CHARACTER SET latin1, e CHAR(4) CHARACTER SET utf16, f TINYINT(1))`);
        await sql.query(
          "INSERT INTO sets VALUES (1, '🙂你é', '你é\\\\', '你中\\\\', 'é€\\\\', '🙂', 2), (2, '', '', '', '', '', -1)",
        );
        const { batches } = await read('sets', ['a', 'b', 'c', 'd', 'e', 'f']);
        expect(rows(batches)).toEqual([
          ['🙂你é', '你é\\', '你中\\', 'é€\\', '🙂', '2'],
          ['', '', '', '', '', '-1'],
        ]);
      });

      it.skipIf(flavor === 'mariadb')(
        'vectors come as the bytes of their floats (MariaDB has no such setting)',
        async () => {
          await sql.query('CREATE TABLE vectors (id INT PRIMARY KEY, v VECTOR(3))');
          await sql.query("INSERT INTO vectors VALUES (1, STRING_TO_VECTOR('[1, -2.5, 0.123456789]')), (2, NULL)");
          const { fields, batches } = await read('vectors', ['v']);
          expect(fields[0].type).toEqual({ kind: 'binary', maxBytes: 12 });
          const bytes = Buffer.from(new Float32Array([1, -2.5, 0.123456789]).buffer);
          expect(rows(batches)).toEqual([[bytes.toString('hex').toUpperCase()], [null]]);
        },
      );
    },
  );
}
