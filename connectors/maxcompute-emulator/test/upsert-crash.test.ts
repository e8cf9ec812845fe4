import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Client, commitUpsert, createClient } from '@sampan/maxcompute';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tableFiles } from '../src/index.ts';
import { ids, independent, texts } from './fixture.ts';

/** Processes are started again and again here: on a busy machine that takes its time. */
const LONG_MS = 300_000;
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
let folder: string;
let child: ChildProcess;
let client: Client;

/** Commits take a while, so that a kill meets them in the middle. */
async function start(): Promise<void> {
  const args = [
    '--import',
    'tsx',
    '--conditions=source',
    MAIN,
    '--port',
    '0',
    '--data',
    folder,
    '--commit-delay',
    '40',
  ];
  child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line');
  const endpoint = /^listening (\S+)$/.exec(line)?.[1] ?? '';
  client = createClient({ endpoint, project: 'demo', accessId: 'demo', accessKey: 'demo' });
}

async function kill(): Promise<void> {
  client.close();
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'emulator-'));
  await start();
  await client.sql(
    'CREATE TABLE up (id BIGINT NOT NULL, name STRING, PRIMARY KEY (id)) TBLPROPERTIES ("transactional"="true", "write.bucket.num"="3")',
  );
}, LONG_MS);

afterAll(async () => {
  await kill();
  await rm(folder, { recursive: true, force: true });
}, LONG_MS);

it(
  'shows all of a session or nothing of it, whenever the process is killed; what was sent survives',
  async () => {
    const model = new Map<string, string>();
    const shown = (rows: Map<string, string>) => [...rows].map((row) => row.join(' ')).sort();
    const there = async () => (await independent(folder, 'up', 'id, name')).map((row) => row.join(' ')).sort();
    for (let round = 0; round < 8; round++) {
      const upsert = await client.table('up').upsert();
      const keys = Array.from({ length: 20 }, (_, at) => BigInt(round * 3 + at));
      const gone = keys.slice(0, 2);
      await upsert.write([ids(...keys), texts(keys.map(() => `round ${round}`))], keys.length);
      await upsert.delete([ids(...gone), texts(gone.map(() => null))], gone.length);
      await upsert.flush();
      const before = shown(model);
      for (const key of keys) model.set(String(key), `round ${round}`);
      for (const key of gone) model.delete(String(key));
      const committing = upsert.commit().catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, round * 25));
      await kill();
      await committing;
      expect([before, shown(model)]).toContainEqual(await there());
      await start();
      // Another process goes on with what was stored: the id alone.
      for (let again = 0; again < 2; again++)
        await commitUpsert(client.http, { table: 'up', partition: [] }, upsert.session.id);
      expect(await there()).toEqual(shown(model));
    }
  },
  LONG_MS,
);

it(
  'leaves no file behind that nothing names',
  async () => {
    const left = await client.table('up').upsert();
    await left.write([ids(1n), texts(['never'])], 1);
    await left.flush();
    await left.abort();
    await kill();
    await start();
    const files = await readdir(join(folder, 'demo', 'tables', 'up', 'blocks'));
    expect(files.sort()).toEqual(
      tableFiles(folder, 'demo', 'up')
        .flatMap((one) => one.files.map((file) => file.split('/').at(-1)))
        .sort(),
    );
  },
  LONG_MS,
);
