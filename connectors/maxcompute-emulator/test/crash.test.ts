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
import { client, count, independent, put } from './fixture.ts';

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
});

afterAll(async () => {
  await end('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

it('shows all of a commit or nothing of it, whenever the process is killed', async () => {
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
});

it('ends by itself when asked, and starts again on the same folder', async () => {
  expect(tableFiles(folder, 'demo', 'up')[0].files.length).toBeGreaterThan(0);
  const before = await count(http, 'up');
  expect(await end('SIGTERM')).toBe(0);
  await start();
  expect(await count(http, 'up')).toBe(before);
});

it('says why it cannot start', async () => {
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
});
