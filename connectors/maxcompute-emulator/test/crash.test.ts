import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { commitUpload, createUpload, type Http, reloadUpload, runSql } from '@sampan/maxcompute';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tableFiles } from '../src/index.ts';
import { client, count, independent, put, raw } from './fixture.ts';

/** Processes are started again and again here: on a busy machine that takes its time. */
const LONG_MS = 300_000;
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const target = { table: 'up', partition: [] };
let folder: string;
let child: ChildProcess;
let http: Http;

async function start(): Promise<void> {
  child = spawn(process.execPath, ['--import', 'tsx', '--conditions=source', MAIN, '--port', '0', '--data', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line');
  http = client(/^listening (http:\/\/127\.0\.0\.1:\d+\/api)$/.exec(line)?.[1] ?? '');
}

async function end(signal: NodeJS.Signals): Promise<number | null> {
  http.close();
  const ended = once(child, 'exit');
  child.kill(signal);
  return (await ended)[0];
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'emulator-'));
  await start();
  await runSql(http, 'CREATE TABLE up (id BIGINT, name STRING)');
}, LONG_MS);

afterAll(async () => {
  await end('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

it(
  'shows all of a commit or nothing of it, whenever the process is killed',
  async () => {
    let rows = 0;
    const seen = { before: 0, after: 0 };
    for (let round = 0; round < 8; round++) {
      const overwrite = round % 2 === 1;
      const { id } = await createUpload(http, { ...target, overwrite });
      for (const block of [0, 1, 2]) await put(http, 'up', id, block, [1n, 2n, 3n]);
      const committing = commitUpload(http, target, id, [0, 1, 2]).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, round * 2));
      await end('SIGKILL');
      await committing;
      const after = overwrite ? 9 : rows + 9;
      const visible = (await independent(folder, 'up')).length;
      expect([rows, after]).toContain(visible);
      seen[visible === after ? 'after' : 'before']++;
      await start();
      expect((await reloadUpload(http, target, id)).blocks).toHaveLength(3);
      await commitUpload(http, target, id, [0, 1, 2]);
      await commitUpload(http, target, id, [0, 1, 2]);
      expect(await count(http, 'up')).toBe(after);
      rows = after;
    }
    expect(seen.before + seen.after).toBe(8);
  },
  LONG_MS,
);

/** What the disk says of a table that is partitioned; null where it is not there. */
async function onDisk(table: string): Promise<unknown> {
  try {
    const parts = tableFiles(folder, 'demo', table).map((one) => one.partition);
    return [parts, await independent(folder, table, 'count(*), sum(id)')];
  } catch {
    return null;
  }
}
const tables = async () => JSON.stringify([await onDisk('parts'), await onDisk('moved')]);

/** Only sent: a client that waits would ask the dead process again and again. */
const submit = (statement: string) =>
  raw(
    http,
    http.options.endpoint,
    'POST',
    '/projects/demo/instances',
    {},
    `<Instance><Job><Tasks><SQL><Name>t</Name><Query><![CDATA[${statement}]]></Query></SQL></Tasks></Job></Instance>`,
    { 'content-type': 'application/xml' },
  );

const state = (parts: string[], rows: number, sum: number) => [
  parts.map((pt) => `pt=${pt}`),
  [[String(rows), String(sum)]],
];
/** Statements, and what `parts` and `moved` hold behind each. */
const STATEMENTS: [statement: string, parts: unknown, moved: unknown][] = [
  [
    "INSERT INTO parts PARTITION (pt) SELECT id + 10, pt FROM parts WHERE pt IN ('a', 'b')",
    state(['a', 'b', 'c'], 5, 29),
    null,
  ],
  ["INSERT OVERWRITE TABLE parts PARTITION (pt='a') VALUES (100), (200)", state(['a', 'b', 'c'], 5, 317), null],
  ["ALTER TABLE parts DROP PARTITION (pt='b')", state(['a', 'c'], 3, 303), null],
  ["TRUNCATE TABLE parts PARTITION (pt='a')", state(['a', 'c'], 1, 3), null],
  ['ALTER TABLE parts RENAME TO moved', null, state(['a', 'c'], 1, 3)],
  ['DROP TABLE moved', null, null],
];

it(
  'shows all of a statement or nothing of it, whenever the process is killed',
  async () => {
    await runSql(http, 'CREATE TABLE parts (id BIGINT) PARTITIONED BY (pt STRING)');
    await runSql(http, "INSERT INTO parts PARTITION (pt) VALUES (1, 'a'), (2, 'b'), (3, 'c')");
    let before = await tables();
    for (const [round, [statement, parts, moved]] of STATEMENTS.entries()) {
      const after = JSON.stringify([parts, moved]);
      await submit(statement);
      await new Promise((resolve) => setTimeout(resolve, round * 15));
      await end('SIGKILL');
      const killed = await tables();
      expect([before, after], statement).toContain(killed);
      await start();
      // What the disk had after the kill is what the next process has.
      expect(await tables(), statement).toBe(killed);
      if (killed === before) await runSql(http, statement);
      expect(await tables(), statement).toBe(after);
      before = after;
    }
  },
  LONG_MS,
);

it(
  'ends by itself when asked, and starts again on the same folder',
  async () => {
    expect(tableFiles(folder, 'demo', 'up')[0].files.length).toBeGreaterThan(0);
    const before = await count(http, 'up');
    expect(await end('SIGTERM')).toBe(0);
    await start();
    expect(await count(http, 'up')).toBe(before);
  },
  LONG_MS,
);

it(
  'says why it cannot start',
  async () => {
    const port = new URL(http.options.endpoint).port;
    const run = async (...args: string[]) => {
      const other = spawn(process.execPath, ['--import', 'tsx', '--conditions=source', MAIN, ...args], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let said = '';
      other.stderr?.on('data', (part) => {
        said += part;
      });
      const [code] = await once(other, 'close');
      return { code, said };
    };
    expect(await run('--port', port, '--data', join(folder, 'other'))).toMatchObject({
      code: 1,
      said: expect.stringContaining('EADDRINUSE'),
    });
    expect(await run('--prot', '1')).toMatchObject({ code: 2, said: expect.stringContaining('--prot') });
    expect(await run('--port', 'x')).toMatchObject({ code: 2, said: expect.stringContaining('--port') });
  },
  LONG_MS,
);
