import { type Batch, cellText, type Json, type Read, type Source } from '@sampan/connector';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MysqlServer } from '../../../tools/src/mysql-server.ts';
import { config } from '../src/config.ts';
import { createSource } from '../src/source.ts';
import { dial, flavors, signal, start } from './target-support.ts';

const read = (object: string, columns: string[], more: Partial<Read> = {}): Read => ({
  object,
  columns,
  where: null,
  splitKey: null,
  splits: 1,
  maxBytes: null,
  fetchSize: null,
  options: {},
  ...more,
});

const texts = (batch: Batch, at: number) =>
  Array.from({ length: batch.rows }, (_, row) => cellText(batch.columns[at], batch.fields[at].type, row));

for (const { flavor, skip } of flavors) {
  describe.skipIf(skip !== false)(
    `MySQL as a source on ${flavor}${skip === false ? '' : ` (skipped: ${skip})`}`,
    () => {
      let server: MysqlServer;
      let sql: Connection;
      let source: Source;
      beforeAll(async () => {
        server = await start(flavor);
        sql = await server.connect();
        await sql.query('CREATE DATABASE src CHARACTER SET utf8mb4; USE src');
        const { host, port, user, password } = server;
        source = createSource(config.parse({ host, port, user, password, database: 'src' }), {
          dial,
          log: () => {},
          statement: () => {},
        });
      });
      afterAll(async () => {
        await sql?.end();
        await server?.stop();
      });

      const insert = async (table: string, rows: unknown[][]) => {
        for (let from = 0; from < rows.length; from += 5_000)
          await sql.query(`INSERT INTO ${table} VALUES ?`, [rows.slice(from, from + 5_000)]);
      };
      const executions = async () => {
        const [[{ Value }]] = (await sql.query("SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'")) as unknown as [
          [{ Value: string }],
        ];
        return Number(Value);
      };
      const all = async (how: Read, after: Json = null): Promise<Batch[]> => {
        const { splits } = await source.plan(how, signal());
        const batches: Batch[] = [];
        // Buffers are used again after a release: none is given back here.
        for (const split of splits) for await (const batch of source.read(split, after, signal())) batches.push(batch);
        return batches;
      };
      const values = (batches: Batch[], at: number) => batches.flatMap((batch) => texts(batch, at));

      it.each([0, 1, 99, 100, 101, 200, 201, 1_000])(
        'reads %i rows in chunks of 100, each row once and in order',
        async (rows) => {
          const table = `edge_${rows}`;
          await sql.query(`CREATE TABLE ${table} (id INT PRIMARY KEY, v VARCHAR(20))`);
          await insert(
            table,
            Array.from({ length: rows }, (_, at) => [at * 3, `v${at}`]),
          );
          const before = await executions();
          const batches = await all(read(table, ['id', 'v'], { fetchSize: 100 }));
          expect(await executions()).toBe(before + Math.floor(rows / 100) + 1);
          expect(values(batches, 0)).toEqual(Array.from({ length: rows }, (_, at) => String(at * 3)));
          expect(values(batches, 1)).toEqual(Array.from({ length: rows }, (_, at) => `v${at}`));
          expect(Math.max(0, ...batches.map((batch) => batch.rows))).toBeLessThanOrEqual(100);
        },
      );

      it('refuses what it cannot obey, and says where a column is none to split by', async () => {
        await sql.query('CREATE TABLE wishes (id INT PRIMARY KEY, v VARCHAR(20))');
        await insert('wishes', [[1, 'a']]);
        const plan = (changes: object) =>
          source.plan(read('wishes', ['id'], changes), signal()).then(
            ({ warnings }) => warnings.join(),
            (error: { kind: string; code: string }) => `${error.kind} ${error.code}`,
          );
        expect(await plan({ splitKey: 'gone' })).toBe('missing COLUMN_NOT_FOUND');
        expect(await plan({ options: { partitions: ['pt=1'] } })).toBe('config BAD_OPTION');
        expect(await plan({ splitKey: 'v', splits: 4 })).toContain('cannot be split by "v"');
      });

      it('reads chunks of composite keys, whose leading column repeats, by ranges of the index', async () => {
        await sql.query('CREATE TABLE two (a INT, b VARCHAR(9) COLLATE utf8mb4_general_ci, v INT, PRIMARY KEY (a, b))');
        const rows = Array.from({ length: 20_000 }, (_, at) => [
          at < 15_000 ? 1 : at,
          `${at % 2 === 0 ? 'K' : 'k'}${at}`,
          at,
        ]);
        await insert('two', rows);
        await sql.query('FLUSH STATUS');
        const batches = await all(read('two', ['v'], { fetchSize: 500 }));
        expect(values(batches, 0).sort()).toEqual(rows.map((row) => String(row[2])).sort());
        const [status] = await sql.query("SHOW GLOBAL STATUS LIKE 'Handler_read_next'");
        expect(Number((status as { Value: string }[])[0].Value)).toBeLessThan(60_000);
      });

      it('goes on behind a position though the key is not among the columns wanted', async () => {
        await sql.query('CREATE TABLE hidden (id BIGINT UNSIGNED PRIMARY KEY, v VARCHAR(20), w INT NULL)');
        const rows = Array.from({ length: 500 }, (_, at) => [
          String(18446744073709551615n - BigInt(499 - at)),
          `v${at}`,
          null,
        ]);
        await insert('hidden', rows);
        const how = read('hidden', ['w', 'v'], { fetchSize: 90 });
        const batches = await all(how);
        expect(batches[0].fields.map((field) => field.name)).toEqual(['w', 'v']);
        expect(batches[0].columns).toHaveLength(2);
        expect(values(batches, 1)).toEqual(rows.map((row) => row[1]));
        const rest = await all(how, batches[1].position);
        expect(values(rest, 1)).toEqual(rows.slice(batches[0].rows + batches[1].rows).map((row) => row[1]));
      });

      it('is told of a connection that is cut, and reads the rest from there', async () => {
        await sql.query('CREATE TABLE cut (id INT PRIMARY KEY, v VARCHAR(200))');
        await insert(
          'cut',
          Array.from({ length: 30_000 }, (_, at) => [at, `${at}`.padStart(200, 'x')]),
        );
        const { splits } = await source.plan(read('cut', ['id', 'v'], { fetchSize: 1_000 }), signal());
        const seen: (string | null)[] = [];
        let position: Json = null;
        const broken = (async () => {
          for await (const batch of source.read(splits[0], null, signal())) {
            seen.push(...texts(batch, 0));
            position = batch.position;
            batch.release();
            if (seen.length !== 3_000) continue;
            const [found] = await sql.query(
              "SELECT ID id FROM information_schema.PROCESSLIST WHERE DB = 'src' AND ID <> CONNECTION_ID()",
            );
            for (const { id } of found as { id: number }[]) await sql.query(`KILL ${id}`);
          }
        })();
        await expect(broken).rejects.toMatchObject({ kind: 'busy' });
        for await (const batch of source.read(splits[0], position, signal())) seen.push(...texts(batch, 0));
        expect(seen).toEqual(Array.from({ length: 30_000 }, (_, at) => String(at)));
      });

      it('never takes the bytes of an altered column for what it was', async () => {
        await sql.query('CREATE TABLE altered (id INT PRIMARY KEY, v INT)');
        await insert(
          'altered',
          Array.from({ length: 20_000 }, (_, at) => [at, at]),
        );
        const { splits } = await source.plan(read('altered', ['id', 'v'], { fetchSize: 100 }), signal());
        let rows = 0;
        const reading = (async () => {
          for await (const batch of source.read(splits[0], null, signal())) {
            expect(texts(batch, 1)).toEqual(texts(batch, 0));
            if (rows === 0) await sql.query('ALTER TABLE altered MODIFY v BIGINT');
            rows += batch.rows;
          }
        })();
        await expect(reading).rejects.toMatchObject({ kind: 'busy', code: 'TABLE_CHANGED' });
        expect(rows).toBeLessThan(20_000);
      });

      it('reads whole numbers of every width, with and without a sign', async () => {
        const types = ['TINYINT', 'SMALLINT', 'MEDIUMINT', 'INT', 'BIGINT'];
        const bits = [8n, 16n, 24n, 32n, 64n];
        const columns = types.flatMap((type, at) => [`s${at} ${type}`, `u${at} ${type} UNSIGNED`]);
        await sql.query(`CREATE TABLE widths (id INT PRIMARY KEY, ${columns.join(', ')})`);
        const least = bits.flatMap((width) => [String(-(2n ** (width - 1n))), '0']);
        const most = bits.flatMap((width) => [String(2n ** (width - 1n) - 1n), String(2n ** width - 1n)]);
        await insert('widths', [
          [1, ...least],
          [2, ...most],
        ]);
        const names = types.flatMap((_, at) => [`s${at}`, `u${at}`]);
        const batches = await all(read('widths', names));
        expect(names.map((_, at) => values(batches, at))).toEqual(names.map((_, at) => [least[at], most[at]]));
      });

      it('reads zero-filled decimals as their values', async () => {
        await sql.query('CREATE TABLE filled (id INT PRIMARY KEY, d DECIMAL(12,3) ZEROFILL, i INT(8) ZEROFILL)');
        await insert('filled', [
          [1, '12.3', 7],
          [2, '999999999.999', 0],
        ]);
        const batches = await all(read('filled', ['d', 'i']));
        expect(values(batches, 0)).toEqual(['12.300', '999999999.999']);
        expect(values(batches, 1)).toEqual(['7', '0']);
      });

      it('is not cut by limits that the server sets for everybody', async () => {
        await sql.query('CREATE TABLE limited (id INT PRIMARY KEY)');
        await insert(
          'limited',
          Array.from({ length: 50 }, (_, at) => [at]),
        );
        await sql.query("SET GLOBAL sql_select_limit = 10, GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'");
        try {
          expect(values(await all(read('limited', ['id'])), 0)).toHaveLength(50);
        } finally {
          await sql.query('SET GLOBAL sql_select_limit = DEFAULT, GLOBAL sql_mode = DEFAULT');
        }
      });

      it('ends a read at once when it is told to, and leaves no connection behind', async () => {
        const { splits } = await source.plan(read('cut', ['id', 'v']), signal());
        const stop = new AbortController();
        const reading = (async () => {
          for await (const batch of source.read(splits[0], null, stop.signal)) {
            stop.abort();
            batch.release();
          }
        })();
        await expect(reading).rejects.toMatchObject({ code: 'ABORTED' });
        await expect
          .poll(
            async () => {
              const [found] = await sql.query(
                "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = 'src' AND ID <> CONNECTION_ID()",
              );
              return (found as unknown[]).length;
            },
            { timeout: 5_000 },
          )
          .toBe(0);
      });
    },
  );
}
