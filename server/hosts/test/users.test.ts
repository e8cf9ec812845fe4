import { spawn } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHostPool, type HostPool } from '../src/pool.ts';
import { readableByOthers } from '../src/users.ts';
import { connector, endOf, makePlugins, type PluginFolder, recordingStore, spec, telling } from './plugins.ts';

const root = process.getuid?.() === 0;
const itAsRoot = it.skipIf(!root);

let plugins: PluginFolder;
let pool: HostPool;
let warnings: string[];

beforeEach(() => {
  plugins = makePlugins();
  chmodSync(plugins.path, 0o755);
  warnings = [];
  pool = createHostPool({
    network: { deny: [], allowLoopback: true },
    warn: (why) => warnings.push(why),
  });
});
afterEach(async () => {
  await pool.close();
  plugins.remove();
});

const told = async (module: string, workspace: string) =>
  (await pool.ask('objects', { end: endOf(module, {}, workspace), query: { search: null }, limit: 1 }))[0].name;

describe('hosts of a server that runs as root (skipped: not run as root)', () => {
  itAsRoot('work as a user of their workspace, without groups and without the way back', async () => {
    const back = `(() => { try { process.setuid(0); return 'root again'; } catch (error) { return error.code; } })()`;
    const module = plugins.add(
      'who',
      telling(
        `JSON.stringify([process.getuid(), process.getgid(), process.getgroups().filter((g) => g === 0), ${back}])`,
      ),
    );
    const [one, two, again] = [await told(module, 'w1'), await told(module, 'w2'), await told(module, 'w1')].map(
      (text) => JSON.parse(text),
    );
    expect(one[0]).toBeGreaterThan(1_000);
    expect(one).toEqual([one[0], one[0], [], 'EPERM']);
    expect(two[0]).not.toBe(one[0]);
    expect(again).toEqual(one);
    expect(warnings).toEqual([]);
  });

  itAsRoot('cannot read what root alone may read: its files, the environment of the server', async () => {
    const file = join(plugins.path, 'key');
    writeFileSync(file, 'the key', { mode: 0o600 });
    const read = (path: string) =>
      `(() => { try { return process.getBuiltinModule('node:fs').readFileSync('${path}', 'latin1'); } catch (error) { return error.code; } })()`;
    expect(await told(plugins.add('file', telling(read(file))), 'w')).toBe('EACCES');
    expect(await told(plugins.add('server', telling(read(`/proc/${process.pid}/environ`))), 'w')).toBe('EACCES');
    expect(await told(plugins.add('memory', telling(read(`/proc/${process.pid}/mem`))), 'w')).toBe('EACCES');
  });

  itAsRoot('runs too', async () => {
    const module = plugins.add(
      'run',
      connector(`source: {}, target: {}, async describe() { throw new Error('user ' + process.getuid()); },`),
    );
    const { store } = recordingStore();
    const host = pool.run({ spec, source: endOf(module), target: endOf(module) }, store, { memoryMb: 256, cpu: 1 });
    const end = (await host.end) as { failure: { message: string } };
    expect(Number(end.failure.message.split(' ')[1])).toBeGreaterThan(1_000);
  });

  itAsRoot('run as root where nobody else can read the connector, and say so once', async () => {
    const module = plugins.add('hidden', telling('process.getuid()'));
    chmodSync(plugins.path, 0o700);
    expect(await told(module, 'w1')).toBe('0');
    expect(await told(module, 'w2')).toBe('0');
    expect(warnings).toEqual([expect.stringContaining(`no other user can read ${module}`)]);
  });
});

describe('hosts of a server that is not root', () => {
  it('run as that user, and work', async () => {
    const module = plugins.add('who', telling('process.getuid()'));
    const code = `import { createHostPool } from '${fileURLToPath(new URL('../dist/pool.js', import.meta.url))}';
      const pool = createHostPool({ network: { deny: [], allowLoopback: true }, warn: (why) => console.log(why) });
      const end = { workspace: 'w', connector: 'probe', module: '${module}', options: {} };
      console.log((await pool.ask('objects', { end, query: { search: null }, limit: 1 }))[0].name);
      await pool.close();
      console.log('closed');`;
    const file = join(plugins.path, 'main.mjs');
    writeFileSync(file, code);
    // A clone or a Node below a home that is closed can be used by its owner alone.
    const open = [process.execPath, fileURLToPath(new URL('../dist/pool.js', import.meta.url))].every(readableByOthers);
    const user = root && open ? { uid: 54_321, gid: 54_321 } : {};
    const child = spawn(process.execPath, [file], { ...user, stdio: ['ignore', 'pipe', 'pipe'], cwd: '/' });
    let said = '';
    for (const output of [child.stdout, child.stderr]) output.on('data', (chunk) => (said += chunk));
    await new Promise((resolve) => child.once('close', resolve));
    const own = root ? expect.stringMatching(/^58\d\d\d\nclosed\n$/) : `${process.getuid?.()}\nclosed\n`;
    expect(said).toEqual('uid' in user ? '54321\nclosed\n' : own);
    expect(readFileSync(file, 'utf8')).toBe(code);
  });
});
