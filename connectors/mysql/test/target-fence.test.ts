import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Json, Target } from '@sampan/connector';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MysqlServer } from '../../../tools/src/mysql-server.ts';
import { startProxy } from './target-proxy.ts';
import {
  ask,
  batchOf,
  field,
  flavors,
  lease,
  loadOf,
  signal,
  stage,
  stagedTables,
  start,
  targetOf,
  writeSplit,
} from './target-support.ts';

const id = field('id', { kind: 'int64' }, false);
const name = field('name', { kind: 'utf8', maxChars: 20 });
const fields = [id, name];

/** The error's code, or `done`. */
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error) => String(error.code),
  );

for (const { flavor, skip } of flavors) {
  describe.skipIf(skip !== false)(`fence on ${flavor}${skip === false ? '' : ` (skipped: ${skip})`}`, () => {
    let server: MysqlServer;
    let target: Target;
    const sql = (statement: string) => ask(server, 't', statement);
    beforeAll(async () => {
      server = await start(flavor);
      await (await server.connect()).query('CREATE DATABASE t');
      target = targetOf(server, 't');
    });
    afterAll(() => server?.stop());

    const finish = async (
      handle: Json,
      receipts: Parameters<Target['commit']>[1],
      attempt: number,
      instance: string,
    ) => {
      const held = lease(instance, attempt);
      expect(await target.verify(handle, receipts, held, signal())).toMatchObject({ ok: true });
      await target.commit(handle, receipts, held, signal());
    };

    test('a zombie can neither write, seal, verify, publish, abort nor begin, and spoils nothing', async () => {
      sql('CREATE TABLE zombie (id BIGINT PRIMARY KEY, name VARCHAR(20))');
      const load = loadOf('zombie', fields);
      const old = lease('zombie', 1);
      const first = await target.begin(load, old, null, signal());
      const sealed = await writeSplit(
        target,
        first.handle,
        old,
        0,
        fields,
        [
          [1n, 'a'],
          [2n, 'b'],
        ],
        { k: 2 },
      );
      await using writer = await target.writer(first.handle, { split: 1 }, old, signal());
      await writer.write(batchOf(fields, [[3n, 'c']], { k: 3 }));
      const own = await writeSplit(target, first.handle, old, 2, fields, [[9n, 'own']], null);

      const now = lease('zombie', 2);
      const second = await target.begin(load, now, { attempt: 1, handle: first.handle, dead: false }, signal());
      expect(second.resumed).toBe(true);
      expect(stagedTables(server, 't').filter((table) => !/_2(_s2)?$/.test(table))).toEqual([]);

      expect(await codeOf(writer.write(batchOf(fields, [[4n, 'zombie']], { k: 4 })))).toMatch(/CONNECTION/);
      expect(await codeOf(writer.seal())).not.toBe('done');
      expect(await codeOf(target.writer(first.handle, { split: 1 }, old, signal()))).toBe('FENCED');
      expect(await codeOf(target.verify(first.handle, [sealed], old, signal()))).toBe('FENCED');
      expect(await codeOf(target.commit(first.handle, [sealed], old, signal()))).toBe('FENCED');
      expect(await codeOf(target.abort(first.handle, old))).toBe('FENCED');
      expect(await codeOf(target.forget?.(first.handle, old) as Promise<void>)).toBe('FENCED');
      expect(await codeOf(target.begin(load, old, null, signal()))).toBe('FENCED');

      const next = await target.writer(second.handle, { split: 1 }, now, signal());
      expect(next.resumeAfter).toEqual({ k: 3 });
      expect(next.resumedRows).toBe(1);
      await next.write(batchOf(fields, [[4n, 'd']], { k: 4 }));
      const receipt = await next.seal();
      await next[Symbol.asyncDispose]();
      expect(receipt.rows).toBe(2);
      await finish(second.handle, [sealed, receipt, own], 2, 'zombie');
      expect(sql('SELECT * FROM zombie ORDER BY id')).toBe('1\ta\n2\tb\n3\tc\n4\td\n9\town');
    });

    test('a zombie stopped in the middle of its commit publishes nothing when it wakes', async () => {
      sql('CREATE TABLE asleep (id BIGINT PRIMARY KEY, name VARCHAR(20)); INSERT INTO asleep VALUES (1, "old")');
      for (const [index, at] of ['INSERT INTO `asleep`', 'COMMIT', 'SELECT attempt, state'].entries()) {
        const instance = `asleep${index}`;
        const proxy = await startProxy(server.port);
        const sleeper = targetOf({ ...server, port: proxy.port }, 't', undefined, 'DISABLED');
        const load = loadOf('asleep', fields, { mode: 'OVERWRITE' });
        const first = await stage(sleeper, load, lease(instance, 1), [[1n, `zombie ${index}`]]);
        // The last read of the run row before the commit is the locking one.
        proxy.decide = (text) => (text.includes(at) && (index < 2 || text.includes('FOR UPDATE')) ? 'hold' : 'pass');
        const zombie = codeOf(sleeper.commit(first.handle, first.receipts, lease(instance, 1), signal()));
        await proxy.met;
        const second = await target.begin(
          load,
          lease(instance, 2),
          { attempt: 1, handle: first.handle, dead: false },
          signal(),
        );
        expect(sql('SELECT name FROM asleep')).toBe(index === 0 ? 'old' : `new ${index - 1}`);
        proxy.release();
        expect(await zombie).not.toBe('done');
        await using writer = await target.writer(second.handle, { split: 1 }, lease(instance, 2), signal());
        await writer.write(batchOf(fields, [[2n, `more ${index}`]], { k: 1 }));
        const receipt = await writer.seal();
        await finish(second.handle, [...first.receipts, receipt], 2, instance);
        expect(sql('SELECT name FROM asleep ORDER BY id')).toBe(`zombie ${index}\nmore ${index}`);
        sql(`DELETE FROM asleep; INSERT INTO asleep VALUES (1, 'new ${index}')`);
        await proxy.close();
      }
    });

    test('a commit whose connection is cut is found out and finished once, whichever way it went', async () => {
      sql('CREATE TABLE cut (id BIGINT, name VARCHAR(20))');
      for (const [fate, attempt, expected] of [
        ['lose request', 1, 'open'],
        ['lose answer', 1, 'committed'],
        ['lose request', 2, 'open'],
        ['lose answer', 2, 'committed'],
      ] as const) {
        sql('DELETE FROM cut');
        const instance = `cut ${fate} ${attempt}`;
        const proxy = await startProxy(server.port);
        const wired = targetOf({ ...server, port: proxy.port }, 't', undefined, 'DISABLED');
        const { handle, receipts } = await stage(wired, loadOf('cut', fields), lease(instance), [[1n, 'once']]);
        let published = false;
        proxy.decide = (text) => {
          published ||= text.startsWith('INSERT INTO `cut`');
          return published && text.startsWith('COMMIT') ? fate : 'pass';
        };
        expect(await codeOf(wired.commit(handle, receipts, lease(instance), signal()))).toBe('CONNECTION_LOST');
        expect(await target.outcome(handle, lease(instance, attempt), signal())).toBe(expected);
        await target.commit(handle, receipts, lease(instance, attempt), signal());
        await target.commit(handle, receipts, lease(instance, attempt), signal());
        expect(await target.outcome(handle, lease(instance, attempt), signal())).toBe('committed');
        expect(sql('SELECT * FROM cut')).toBe('1\tonce');
        await target.forget?.(handle, lease(instance, attempt));
        await proxy.close();
      }
    });

    test('a commit whose connection freezes is ended by whoever asks for its outcome', {
      timeout: 90_000,
    }, async () => {
      sql('CREATE TABLE frozen (id BIGINT, name VARCHAR(20))');
      const proxy = await startProxy(server.port);
      const wired = targetOf({ ...server, port: proxy.port }, 't', undefined, 'DISABLED');
      const { handle, receipts } = await stage(wired, loadOf('frozen', fields), lease('frozen'), [[1n, 'once']]);
      proxy.decide = (text) => (text.startsWith('INSERT INTO `frozen`') ? 'hold' : 'pass');
      const zombie = codeOf(wired.commit(handle, receipts, lease('frozen'), signal()));
      await proxy.met;
      expect(await target.outcome(handle, lease('frozen'), signal())).toBe('open');
      await target.commit(handle, receipts, lease('frozen'), signal());
      proxy.release();
      expect(await zombie).not.toBe('done');
      expect(sql('SELECT * FROM frozen')).toBe('1\tonce');
      await proxy.close();
    });

    test('kill -9 of a writing process: the next attempt goes on behind the last durable batch', async () => {
      sql('CREATE TABLE killed (id BIGINT PRIMARY KEY, name VARCHAR(20))');
      const total = 5_000;
      const instance = 'killed';
      for (let attempt = 1; attempt <= 3; attempt++) {
        // Rows that are there already would be dirty.
        sql('DELETE FROM killed');
        const child = spawn(
          process.execPath,
          [
            '--conditions=source',
            '--import',
            'tsx',
            fileURLToPath(new URL('./target-child.ts', import.meta.url)),
            `${server.port}`,
            server.user,
            server.password,
            't',
            `${instance}${attempt}`,
            '1',
            `${total}`,
          ],
          {
            stdio: ['ignore', 'pipe', 'inherit'],
          },
        );
        const killed = new Promise((resolve) => child.once('exit', resolve));
        await new Promise<void>((resolve) => {
          let seen = 0;
          child.stdout.on('data', (lines: Buffer) => {
            seen += lines.toString().split('\n').length - 1;
            if (seen >= attempt * 3) resolve();
          });
          child.once('exit', () => resolve());
        });
        child.kill('SIGKILL');
        await killed;
        const held = lease(`${instance}${attempt}`, 2);
        const { handle, resumed } = await target.begin(
          loadOf('killed', fields),
          held,
          { attempt: 1, handle: null, dead: true },
          signal(),
        );
        expect(resumed).toBe(true);
        const writer = await target.writer(handle, { split: 0 }, held, signal());
        const { last } = writer.resumeAfter as { last: number };
        expect(last).toBeGreaterThanOrEqual(attempt * 300 - 1);
        expect(last).toBeLessThan(total - 1);
        expect(writer.resumedRows).toBe(last + 1);
        const rest = Array.from({ length: total - last - 1 }, (_, i): [bigint, string] => [
          BigInt(last + 1 + i),
          `row ${last + 1 + i}`,
        ]);
        await writer.write(batchOf(fields, rest, { last: total - 1 }));
        const receipt = await writer.seal();
        await writer[Symbol.asyncDispose]();
        await finish(handle, [receipt], 2, `${instance}${attempt}`);
        expect(sql('SELECT COUNT(*), MIN(id), MAX(id), SUM(name = CONCAT("row ", id)) FROM killed')).toBe(
          `${total}\t0\t${total - 1}\t${total}`,
        );
        await target.forget?.(handle, held);
      }
    });

    test('a takeover waits for a lock that another session holds, and then goes on', async () => {
      const load = loadOf('waits', fields);
      const first = await stage(target, load, lease('waits', 1), [[1n, 'a']]);
      const other = await server.connect('t');
      await other.query("START TRANSACTION; SELECT * FROM sampan_run WHERE instance = 'waits' FOR UPDATE");
      setTimeout(() => void other.query('ROLLBACK').then(() => other.end()), 7_000);
      const begun = Date.now();
      const second = await target.begin(
        load,
        lease('waits', 2),
        { attempt: 1, handle: first.handle, dead: true },
        signal(),
      );
      expect(Date.now() - begun).toBeGreaterThan(5_000);
      expect(second.resumed).toBe(true);
      await finish(second.handle, first.receipts, 2, 'waits');
      expect(sql('SELECT * FROM waits')).toBe('1\ta');
    });

    test('attempts that race for a takeover: one of them ends with it, and the result is exact', async () => {
      const load = loadOf('race', fields);
      const first = await stage(target, load, lease('race', 1), [[1n, 'a']]);
      const previous = { attempt: 1, handle: first.handle, dead: false };
      const begin = async (attempt: number) => {
        for (;;) {
          const code = await codeOf(target.begin(load, lease('race', attempt), previous, signal()));
          // A lower attempt may end a higher one's connection; busy errors are retried, as the engine does.
          if (code === 'done' || code === 'FENCED') return code;
        }
      };
      const codes = await Promise.all([2, 3, 4].map(begin));
      expect(codes[2]).toBe('done');
      const last = await target.begin(load, lease('race', 4), previous, signal());
      expect(last.resumed).toBe(true);
      expect(await codeOf(target.commit(first.handle, first.receipts, lease('race', 3), signal()))).toBe('FENCED');
      await finish(last.handle, first.receipts, 4, 'race');
      expect(sql('SELECT * FROM race')).toBe('1\ta');
    });

    test('begin and writers race: a batch is in the staging table with its slot row, or not at all', async () => {
      const load = loadOf('storm', fields);
      const instance = 'storm';
      let { handle } = await target.begin(load, lease(instance, 1), null, signal());
      let attempt = 1;
      let after = -1;
      const write = async () => {
        await using writer = await target.writer(handle, { split: 0 }, lease(instance, attempt), signal());
        after = (writer.resumeAfter as { last: number } | undefined)?.last ?? -1;
        for (; after < 2_999; ) {
          const from = after + 1;
          await writer.write(
            batchOf(
              fields,
              Array.from({ length: 50 }, (_, i): [bigint, string] => [BigInt(from + i), 'x']),
              { last: from + 49 },
            ),
          );
          after = from + 49;
        }
        return writer.seal();
      };
      let receipt = null;
      while (receipt === null) {
        const writing = write().catch(() => null);
        const quick = await Promise.race([
          writing,
          new Promise<null>((resolve) =>
            setTimeout(() => resolve(null), attempt < 12 ? 20 + Math.random() * 60 : 30_000),
          ),
        ]);
        if (quick === null) {
          attempt++;
          handle = (
            await target.begin(load, lease(instance, attempt), { attempt: attempt - 1, handle, dead: false }, signal())
          ).handle;
        }
        receipt = await writing;
      }
      await finish(handle, [receipt], attempt, instance);
      expect(sql('SELECT COUNT(*), COUNT(DISTINCT id), MAX(id) FROM storm')).toBe('3000\t3000\t2999');
    });
  });
}
