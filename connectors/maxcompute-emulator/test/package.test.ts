import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { client, rowsOf } from './fixture.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const LONG_MS = 240_000;
let folder: string;

/** Unpacks what `npm publish` would send into `node_modules` of an empty folder. */
async function install(workspace: string): Promise<void> {
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder, '-w', workspace], {
    cwd: ROOT,
    maxBuffer: 64 * 1024 * 1024,
  });
  // Before the JSON stands what the build says.
  const [{ filename, name }] = JSON.parse(stdout.slice(stdout.search(/^\[/m)));
  const place = join(folder, 'node_modules', name);
  await mkdir(place, { recursive: true });
  await run('tar', ['-xzf', join(folder, filename), '-C', place, '--strip-components=1']);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'package-'));
  await install('connectors/maxcompute-client');
  await install('connectors/maxcompute-emulator');
  // The one dependency that is not ours, as npm would put it there.
  await symlink(join(ROOT, 'node_modules/@duckdb'), join(folder, 'node_modules/@duckdb'));
}, LONG_MS);
afterAll(() => rm(folder, { recursive: true, force: true }));

it(
  'starts from what is published, and has README and licence with it',
  async () => {
    const place = join(folder, 'node_modules/@sampan/maxcompute-emulator');
    const { bin, dependencies } = JSON.parse(await readFile(join(place, 'package.json'), 'utf8'));
    expect(Object.keys(dependencies)).toEqual(['@duckdb/node-api', '@sampan/maxcompute']);
    const main = join(place, bin['maxcompute-emulator']);
    expect(await readFile(main, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
    for (const file of ['README.md', 'LICENSE']) expect(await readFile(join(place, file), 'utf8')).not.toBe('');
    const child = spawn(process.execPath, [main, '--port', '0', '--data', join(folder, 'data')], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: folder,
    });
    const [line] = await once(createInterface({ input: child.stdout }), 'line');
    const http = client(/^listening (.+)$/.exec(line)?.[1] ?? '');
    expect(await rowsOf(http, 'SELECT 1 + 1')).toEqual([['2']]);
    http.close();
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  },
  LONG_MS,
);
