import type { LogicalType } from '@sampan/connector';
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
  stage,
  stagedTables,
  start,
  type Told,
  targetOf,
  writeSplit,
} from './target-support.ts';

const id = field('id', { kind: 'int64' }, false);
const name = field('name', { kind: 'utf8', maxChars: 20 });

for (const { flavor, skip } of flavors) {
  describe.skipIf(skip !== false)(`target on ${flavor}${skip === false ? '' : ` (skipped: ${skip})`}`, () => {
    let server: MysqlServer;
    let sql: (statement: string) => string;
    beforeAll(async () => {
      server = await start(flavor);
      await (await server.connect()).query('CREATE DATABASE t');
      sql = (statement) => ask(server, 't', statement);
    });
    afterAll(() => server?.stop());

    test('creates the table, appends, overwrites, and leaves nothing behind', async () => {
      const target = targetOf(server, 't');
      const load = loadOf('made', [id, name], { keys: ['id'] });
      const prepared = await target.prepare(load, signal());
      expect(prepared.ddl).toContain('PRIMARY KEY (`id`)');
      expect(sql("SHOW TABLES LIKE 'made'")).toBe('');
      await copy(target, load, lease('i1'), [
        [1n, 'a'],
        [2n, null],
      ]);
      await copy(target, load, lease('i2'), [
        [3n, '你好 😀'],
        [0n, "it's"],
      ]);
      expect(sql('SELECT * FROM made ORDER BY id')).toBe("0\tit's\n1\ta\n2\tNULL\n3\t你好 😀");
      await copy(target, { ...load, mode: 'OVERWRITE' }, lease('i3'), [[9n, 'new']]);
      expect(sql('SELECT * FROM made')).toBe('9\tnew');
      expect(stagedTables(server, 't')).toEqual([]);
      expect(sql('SELECT COUNT(*) FROM sampan_slot')).toBe('0');
    });

    test('a zero in an AUTO_INCREMENT column stays a zero; generated columns are left out', async () => {
      sql(
        'CREATE TABLE auto (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20), size INT AS (CHAR_LENGTH(name)) STORED)',
      );
      await copy(targetOf(server, 't'), loadOf('auto', [field('id', { kind: 'int32' }, false), name]), lease('auto'), [
        [0, 'zero'],
        [5, 'five'],
      ]);
      expect(sql('SELECT * FROM auto ORDER BY id')).toBe('0\tzero\t4\n5\tfive\t4');
    });

    test('nothing is visible before the commit, and the old rows stay until then', async () => {
      sql('CREATE TABLE seen (id BIGINT PRIMARY KEY, name VARCHAR(20)) SELECT 1 AS id, "old" AS name');
      const target = targetOf(server, 't');
      const held = lease('seen');
      const { handle, receipts } = await stage(target, loadOf('seen', [id, name], { mode: 'OVERWRITE' }), held, [
        [1n, 'new'],
      ]);
      await target.verify(handle, receipts, held, signal());
      expect(sql('SELECT name FROM seen')).toBe('old');
      await target.commit(handle, receipts, held, signal());
      await target.commit(handle, receipts, held, signal());
      expect(sql('SELECT name FROM seen')).toBe('new');
      expect(await target.outcome(handle, held, signal())).toBe('committed');
      await target.abort(handle, held);
      expect(sql('SELECT name FROM seen')).toBe('new');
    });

    test('while a load runs, another connection sees the old rows and nothing else', async () => {
      sql(
        'CREATE TABLE polled (id BIGINT PRIMARY KEY, name VARCHAR(20)); INSERT INTO polled VALUES (1, "old"), (2, "old")',
      );
      const target = targetOf(server, 't');
      const held = lease('polled');
      const load = loadOf('polled', [id, name], { mode: 'OVERWRITE' });
      const { fields } = await target.prepare(load, signal());
      const other = await server.connect('t');
      const seen = new Set<string>();
      let polling = true;
      const poll = (async () => {
        while (polling) {
          const [rows] = await other.query("SELECT CONCAT(COUNT(*), ' ', MIN(name), ' ', MAX(name)) AS s FROM polled");
          seen.add((rows as { s: string }[])[0].s);
        }
      })();
      const { handle } = await target.begin(load, held, null, signal());
      const receipts = await Promise.all(
        [0, 1].map(async (split) => {
          await using writer = await target.writer(handle, { split }, held, signal());
          for (let from = 0; from < 2_000; from += 100) {
            const rows = Array.from({ length: 100 }, (_, i): [bigint, string] => [
              BigInt(split * 2_000 + from + i),
              'new',
            ]);
            await writer.write(batchOf(fields, rows, { from }));
          }
          return writer.seal();
        }),
      );
      await target.verify(handle, receipts, held, signal());
      expect([...seen]).toEqual(['2 old old']);
      await target.commit(handle, receipts, held, signal());
      await new Promise((resolve) => setTimeout(resolve, 50));
      polling = false;
      await poll;
      await other.end();
      expect([...seen]).toEqual(['2 old old', '4000 new new']);
    });

    test('splits without positions have a table of their own, and start anew', async () => {
      const target = targetOf(server, 't');
      const held = lease('nokey');
      const load = loadOf('nokey', [id, name]);
      const { fields } = await target.prepare(load, signal());
      const { handle } = await target.begin(load, held, null, signal());
      await writeSplit(target, handle, held, 0, fields, [[1n, 'lost']], null);
      // The receipt is lost on its way: the split is read again.
      const receipts = [
        await writeSplit(
          target,
          handle,
          held,
          0,
          fields,
          [
            [1n, 'a'],
            [1n, 'b'],
          ],
          null,
        ),
        await writeSplit(target, handle, held, 1, fields, [[2n, 'c']], { k: 2 }),
      ];
      expect(await target.verify(handle, receipts, held, signal())).toMatchObject({ ok: true, rows: 3 });
      await target.commit(handle, receipts, held, signal());
      expect(sql('SELECT * FROM nokey ORDER BY id, name')).toBe('1\ta\n1\tb\n2\tc');
    });

    test.skipIf(flavor === 'mariadb')(
      'a server that takes no table without a primary key (MariaDB has no such setting)',
      async () => {
        sql('SET GLOBAL sql_require_primary_key = ON');
        await copy(targetOf(server, 't'), loadOf('strict', [id, name], { keys: ['id'] }), lease('strict'), [
          [1n, 'a'],
          [2n, 'b'],
        ]);
        sql('SET GLOBAL sql_require_primary_key = OFF');
        expect(sql('SELECT * FROM strict ORDER BY id')).toBe('1\ta\n2\tb');
      },
    );

    test('commit refuses receipts that are not what is staged', async () => {
      const target = targetOf(server, 't');
      const held = lease('receipts');
      const load = loadOf('receipts', [id, name]);
      const { handle, receipts, fields } = await stage(target, load, held, [[1n, 'a']]);
      await writeSplit(target, handle, held, 1, fields, [[2n, 'b']], { k: 2 });
      await expect(target.commit(handle, receipts, held, signal())).rejects.toMatchObject({ code: 'RECEIPTS_DIFFER' });
      expect(await target.verify(handle, receipts, held, signal())).toMatchObject({ ok: false });
      expect(sql('SELECT COUNT(*) FROM receipts')).toBe('0');
      await target.abort(null, held);
      await target.abort(handle, held);
      expect(await target.outcome(handle, held, signal())).toBe('gone');
      await expect(target.begin(load, held, null, signal())).rejects.toMatchObject({ code: 'FENCED' });
    });

    test('a row that meets an existing key under APPEND is dirty, with its key, and the others go in', async () => {
      sql(
        `CREATE TABLE held_keys (id BIGINT PRIMARY KEY, name VARCHAR(20) COLLATE utf8mb4_general_ci, UNIQUE (name));
         INSERT INTO held_keys VALUES (1, 'a'), (2, 'b')`,
      );
      const target = targetOf(server, 't');
      const held = lease('held keys');
      const load = loadOf('held_keys', [id, name]);
      const { fields } = await target.prepare(load, signal());
      const { handle } = await target.begin(load, held, null, signal());
      await using writer = await target.writer(handle, { split: 0 }, held, signal());
      const rows = [
        [1n, 'x'],
        [5n, 'B'],
        [3n, 'c'],
        [4n, null],
        [2n, 'a'],
      ] as [bigint, string | null][];
      const dirty = await writer.write(batchOf(fields, rows, { k: 1 }));
      const reason = (key: string) => `the table holds a row with this key already (${key})`;
      expect(dirty).toEqual([
        { row: 0, column: 'id', value: '1', reason: reason('PRIMARY: id=1') },
        { row: 1, column: 'name', value: 'B', reason: reason('name: name=B') },
        { row: 4, column: 'id', value: '2', reason: reason('PRIMARY: id=2') },
      ]);
      const receipt = await writer.seal();
      expect(receipt.rows).toBe(2);
      expect(await target.verify(handle, [receipt], held, signal())).toMatchObject({ ok: true, rows: 2 });
      await target.commit(handle, [receipt], held, signal());
      expect(sql('SELECT * FROM held_keys ORDER BY id')).toBe('1\ta\n2\tb\n3\tc\n4\tNULL');
    });

    test('keys of every type, alone and composite, and many of them, are met by the rules of the server', async () => {
      const moment = 1_700_000_000_123_456n;
      const cases: [string, LogicalType, bigint | number | string | Buffer, bigint | number | string | Buffer][] = [
        ['DECIMAL(30,2)', { kind: 'decimal', precision: 30, scale: 2 }, '12345678901234567890.50', '1.50'],
        ['BIGINT UNSIGNED', { kind: 'uint64' }, 2n ** 64n - 1n, 2n ** 63n],
        ['DATE', { kind: 'date' }, 2_932_896, 0],
        ['DATETIME(6)', { kind: 'datetime', digits: 6 }, moment, moment + 1n],
        ['TIMESTAMP(6)', { kind: 'timestamp', digits: 6 }, moment, moment + 1n],
        ['TIME(6)', { kind: 'time', digits: 6 }, -1n, -2n],
        ['VARBINARY(9)', { kind: 'binary', maxBytes: 9 }, Buffer.from([0, 39, 92]), Buffer.from([0, 39])],
        ["ENUM('a','b')", { kind: 'utf8', maxChars: 1 }, 'b', 'a'],
        ['VARCHAR(9) CHARACTER SET latin1', { kind: 'utf8', maxChars: 9 }, 'é', 'x'],
        ['VARCHAR(9) COLLATE utf8mb4_bin', { kind: 'utf8', maxChars: 9 }, '🙂', '🚢'],
      ];
      for (const [index, [native, type, there, other]] of cases.entries()) {
        sql(`CREATE TABLE key${index} (k ${native} NOT NULL, part INT NOT NULL, PRIMARY KEY (k, part))`);
        const fields = [field('k', type, false), field('part', { kind: 'int32' }, false)];
        const target = targetOf(server, 't');
        await copy(target, loadOf(`key${index}`, fields), lease(`key${index} old`), [[there, 1]]);
        const held = lease(`key${index}`);
        const { handle } = await target.begin(loadOf(`key${index}`, fields), held, null, signal());
        await using writer = await target.writer(handle, { split: 0 }, held, signal());
        const rows = [...Array.from({ length: 1_200 }, (_, at): [typeof other, number] => [other, at]), [there, 1]];
        const dirty = await writer.write(batchOf(fields, [...rows, [there, 2]] as never, { k: 1 }));
        expect([native, dirty?.map(({ row, column }) => [row, column])]).toEqual([native, [[1_200, 'k']]]);
        const receipt = await writer.seal();
        await target.verify(handle, [receipt], held, signal());
        await target.commit(handle, [receipt], held, signal());
        expect(sql(`SELECT COUNT(*) FROM key${index}`)).toBe('1202');
      }
    });

    test('keys that come twice, or that somebody else writes while the copy runs, fail the run before it publishes', async () => {
      sql(
        'CREATE TABLE keyed (id BIGINT PRIMARY KEY, name VARCHAR(20), UNIQUE (name)); INSERT INTO keyed VALUES (1, "a")',
      );
      const target = targetOf(server, 't');
      const attempt = async (
        instance: string,
        rows: (bigint | string | null)[][],
        mode: 'APPEND' | 'OVERWRITE',
        meanwhile = 'SELECT 1',
      ) => {
        const { handle, receipts } = await stage(target, loadOf('keyed', [id, name], { mode }), lease(instance), rows);
        sql(meanwhile);
        await target
          .verify(handle, receipts, lease(instance), signal())
          .finally(() => target.abort(handle, lease(instance)));
      };
      await expect(attempt('k1', [[7n, 'B']], 'APPEND', 'INSERT INTO keyed VALUES (2, "b")')).rejects.toMatchObject({
        kind: 'data',
        code: 'KEY_CONFLICT',
        message: expect.stringMatching(/key name: 1 rows.*name=B/),
      });
      await expect(
        attempt(
          'k3',
          [
            [1n, 'a'],
            [1n, 'c'],
          ],
          'OVERWRITE',
        ),
      ).rejects.toMatchObject({ message: expect.stringContaining('id=1') });
      await attempt(
        'k4',
        [
          [7n, null],
          [8n, null],
        ],
        'APPEND',
      );
      expect(sql('SELECT COUNT(*) FROM keyed')).toBe('2');
    });

    test('a key that another session takes after verify fails the commit whole', async () => {
      sql('CREATE TABLE late (id BIGINT PRIMARY KEY, name VARCHAR(20))');
      const target = targetOf(server, 't');
      const held = lease('late');
      const { handle, receipts } = await stage(target, loadOf('late', [id, name]), held, [
        [1n, 'a'],
        [2n, 'b'],
      ]);
      await target.verify(handle, receipts, held, signal());
      sql("INSERT INTO late VALUES (2, 'theirs')");
      await expect(target.commit(handle, receipts, held, signal())).rejects.toMatchObject({
        kind: 'data',
        code: 'KEY_CONFLICT',
      });
      expect(sql('SELECT * FROM late')).toBe('2\ttheirs');
      expect(await target.outcome(handle, held, signal())).toBe('open');
      await target.abort(handle, held);
    });

    test('triggers fire in the publishing transaction, foreign keys hold, cascades are refused', async () => {
      sql('CREATE TABLE parent (id BIGINT PRIMARY KEY); INSERT INTO parent VALUES (1)');
      sql(
        'CREATE TABLE child (id BIGINT PRIMARY KEY, name VARCHAR(20), FOREIGN KEY (id) REFERENCES parent (id) ON DELETE CASCADE)',
      );
      sql(
        'CREATE TABLE log (id BIGINT); CREATE TRIGGER tr AFTER INSERT ON child FOR EACH ROW INSERT INTO log VALUES (NEW.id)',
      );
      const target = targetOf(server, 't');
      const load = loadOf('child', [id, name]);
      expect((await target.prepare(load, signal())).visible).toContain('triggers');
      const { handle, receipts } = await stage(target, load, lease('fk'), [
        [1n, 'a'],
        [2n, 'orphan'],
      ]);
      await expect(target.commit(handle, receipts, lease('fk'), signal())).rejects.toMatchObject({ kind: 'data' });
      expect(sql('SELECT (SELECT COUNT(*) FROM child), (SELECT COUNT(*) FROM log)')).toBe('0\t0');
      await target.abort(handle, lease('fk'));
      await copy(target, load, lease('fk2'), [[1n, 'a']]);
      expect(sql('SELECT (SELECT COUNT(*) FROM child), (SELECT COUNT(*) FROM log)')).toBe('1\t1');
      await expect(target.prepare(loadOf('parent', [id], { mode: 'OVERWRITE' }), signal())).rejects.toMatchObject({
        code: 'CASCADE_REFUSED',
      });
    });

    test('pre- and post-SQL: data statements in the transaction, others around it, transactions refused', async () => {
      sql(
        'CREATE TABLE pp (id BIGINT PRIMARY KEY, name VARCHAR(20)); INSERT INTO pp VALUES (1, "old"); CREATE TABLE notes (n INT)',
      );
      const told: Told = { statements: [], warnings: [] };
      const target = targetOf(server, 't', told);
      const load = loadOf('pp', [id, name], {
        preSql: ['CREATE TABLE IF NOT EXISTS pre_made (n INT)', 'DELETE FROM pp WHERE id = 1'],
        postSql: ['/* note */ INSERT INTO notes SELECT COUNT(*) FROM pp', 'ALTER TABLE nowhere ADD x INT'],
      });
      const { handle, receipts } = await stage(target, load, lease('pp'), [
        [1n, 'new'],
        [2n, 'more'],
      ]);
      expect(sql("SHOW TABLES LIKE 'pre_made'")).toBe('pre_made');
      expect(sql('SELECT name FROM pp')).toBe('old');
      expect(await target.verify(handle, receipts, lease('pp'), signal())).toMatchObject({ ok: true });
      await target.commit(handle, receipts, lease('pp'), signal());
      expect(sql('SELECT name FROM pp ORDER BY id')).toBe('new\nmore');
      expect(sql('SELECT n FROM notes')).toBe('2');
      expect(told.warnings).toHaveLength(1);
      expect(told.statements).toContain('DELETE FROM pp WHERE id = 1');
      for (const bad of ['COMMIT', 'SET autocommit = 1', '/*! COMMIT */', 'LOCK TABLES pp WRITE']) {
        await expect(target.prepare({ ...load, postSql: [bad] }, signal())).rejects.toMatchObject({
          kind: 'config',
          code: 'STATEMENT_REFUSED',
        });
      }
    });

    test('what cannot be done is refused up front, by kind and code', async () => {
      sql(
        'CREATE TABLE isam (id BIGINT) ENGINE=MyISAM; CREATE VIEW v AS SELECT 1 AS id; CREATE TABLE gen (id BIGINT, g INT AS (1), p POINT)',
      );
      sql('CREATE TABLE needs (id BIGINT, must INT NOT NULL)');
      const target = targetOf(server, 't');
      const refusal = (load: Partial<Parameters<typeof loadOf>[2]> & { object?: string }, fields = [id]) =>
        target.prepare({ ...loadOf(load?.object ?? 'needs', fields), create: false, ...load }, signal()).then(
          () => 'none',
          (error) => `${error.kind} ${error.code}`,
        );
      expect(await refusal({ object: 'absent' })).toBe('missing TABLE_NOT_FOUND');
      expect(await refusal({ object: 'isam' })).toBe('config ENGINE_UNSUPPORTED');
      expect(await refusal({ object: 'v' })).toBe('config NOT_A_TABLE');
      expect(await refusal({ object: 'gen' }, [field('nope', { kind: 'int8' })])).toBe('missing COLUMN_NOT_FOUND');
      expect(await refusal({ object: 'gen' }, [field('G', { kind: 'int8' })])).toBe('config GENERATED_COLUMN');
      expect(await refusal({ object: 'gen' }, [field('p', { kind: 'utf8' })])).toBe('config TYPE_UNSUPPORTED');
      expect(await refusal({ object: 'gen' }, [id, { ...id, name: 'ID' }])).toBe('config COLUMN_MAPPED_TWICE');
      expect(await refusal({})).toBe('config COLUMN_REQUIRED');
      expect(await refusal({ mode: 'UPSERT' })).toBe('config MODE_UNSUPPORTED');
      expect(await refusal({ publish: 'swap' })).toBe('config PUBLISH_UNSUPPORTED');
      expect(await refusal({ options: { lifecycle: 7 } })).toBe('config BAD_OPTION');
      expect(
        await refusal({ object: 'new', create: true }, [field('d', { kind: 'decimal', precision: 70, scale: 2 })]),
      ).toBe('config TYPE_UNSUPPORTED');
    });

    test('a missing privilege is named before anything is begun', async () => {
      sql(
        "CREATE USER 'poor'@'%' IDENTIFIED BY 'p'; GRANT SELECT, INSERT, UPDATE ON t.* TO 'poor'@'%'; CREATE TABLE grants (id BIGINT)",
      );
      const target = targetOf({ port: server.port, user: 'poor', password: 'p' }, 't');
      const refused = target.prepare(loadOf('grants', [id]), signal());
      await expect(refused).rejects.toMatchObject({
        kind: 'auth',
        code: 'PRIVILEGE_MISSING',
        message: expect.stringContaining('CREATE, ALTER, DROP, DELETE'),
      });
    });

    test('an aborted signal ends a commit that waits for a lock, and nothing is published', async () => {
      sql('CREATE TABLE held (id BIGINT PRIMARY KEY, name VARCHAR(20)); INSERT INTO held VALUES (1, "old")');
      const target = targetOf(server, 't');
      const { handle, receipts } = await stage(
        target,
        loadOf('held', [id, name], { mode: 'OVERWRITE' }),
        lease('held'),
        [[1n, 'new']],
      );
      const other = await server.connect('t');
      await other.query('START TRANSACTION; SELECT * FROM held FOR UPDATE');
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 300);
      const begun = Date.now();
      await expect(target.commit(handle, receipts, lease('held'), stop.signal)).rejects.toMatchObject({
        code: 'ABORTED',
      });
      expect(Date.now() - begun).toBeLessThan(5_000);
      await other.query('ROLLBACK');
      await other.end();
      expect(await target.outcome(handle, lease('held'), signal())).toBe('open');
      await target.commit(handle, receipts, lease('held'), signal());
      expect(sql('SELECT name FROM held')).toBe('new');
    });
  });
}
