import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { End, Operation, Operations } from '../src/messages.ts';
import { createHostPool, type HostPool, processIsAlive } from '../src/pool.ts';
import {
  connector,
  endOf,
  failureOf,
  makePlugins,
  type PluginFolder,
  recordingStore,
  runs,
  spec,
  until,
} from './plugins.ts';

const LIMITS = { memoryMb: 256, cpu: 1 };

let plugins: PluginFolder;
let pool: HostPool;
let sound: string;
let hanging: string;
let pidFile: string;

/** Hangs in every call, after it has written the number of its process. */
const everywhere = (file: string) => {
  const hang = `await hang();`;
  return connector(
    `async *check() { ${hang} }, async *objects() { ${hang} }, async describe() { ${hang} },
     source: { async plan() { ${hang} }, async *read() { ${hang} } },
     target: { traits: { modes: ['APPEND'], publish: ['swap'], maxWriters: 1, splitBytes: null, expires: null },
       async prepare() { ${hang} }, async begin() { ${hang} }, async abort() { ${hang} }, async forget() { ${hang} } },`,
    `import { writeFileSync } from 'node:fs';
     const hang = () => { writeFileSync('${file}', String(process.pid)); return new Promise(() => {}); };`,
  );
};

/** The number of the process that hangs now. */
async function hangingPid(): Promise<number> {
  await until('it hangs', () => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '');
  return Number(readFileSync(pidFile, 'utf8'));
}

beforeAll(() => {
  plugins = makePlugins();
  pidFile = join(plugins.path, 'pid');
  pool = createHostPool({ network: { deny: [], allowLoopback: true } });
  sound = plugins.add('sound', connector());
  hanging = plugins.add('hanging', everywhere(pidFile));
});
afterEach(async () => {
  rmSync(pidFile, { force: true });
  expect((await pool.ask('check', { end: endOf(sound) }))[0].ok).toBe(true);
});
afterAll(async () => {
  await pool.close();
  plugins.remove();
});

const lease = { instance: 'i', attempt: 1 };
const load = { ...spec.target, fields: [], keys: [] };
type Calls = { [O in Exclude<Operation, 'run' | 'info' | 'parse'>]: (end: End) => Operations[O]['ask'] };
const calls: Calls = {
  check: (end) => ({ end }),
  objects: (end) => ({ end, query: { search: null }, limit: 1 }),
  describe: (end) => ({ end, object: 'a' }),
  preview: (end) => ({ end, object: 'a', rows: 1 }),
  prepare: (end) => ({ end, load }),
  abort: (end) => ({ end, handle: {}, lease }),
  forget: (end) => ({ end, handle: {}, lease }),
};

describe('a process that is killed (kill -9) while it works', () => {
  it.each(Object.keys(calls) as (keyof Calls)[])('%s', async (operation) => {
    const ask = calls[operation](endOf(hanging));
    const failed = failureOf(pool.ask(operation, ask as never));
    process.kill(await hangingPid(), 'SIGKILL');
    expect(await failed).toMatchObject({
      kind: 'busy',
      code: 'HOST_DIED',
      message: expect.stringContaining('SIGKILL'),
    });
  });

  it('a run', async () => {
    const { store } = recordingStore();
    const host = pool.run({ spec, source: endOf(hanging), target: endOf(hanging) }, store, LIMITS);
    expect(await hangingPid()).toBe(host.process.pid);
    expect(processIsAlive(host.process.name)).toBe(true);
    process.kill(host.process.pid, 'SIGKILL');
    expect(await host.end).toMatchObject({ end: 'died', failure: { kind: 'busy', code: 'HOST_DIED' } });
    expect(processIsAlive(host.process.name)).toBe(false);
  });
});

describe('work that is over its time', () => {
  it.each(Object.keys(calls) as (keyof Calls)[])('%s: its process is gone', async (operation) => {
    const failed = failureOf(pool.ask(operation, calls[operation](endOf(hanging)) as never, { timeoutMs: 1_500 }));
    const pid = await hangingPid();
    expect(runs(pid)).toBe(true);
    expect(await failed).toMatchObject({ kind: 'busy', code: 'HOST_TIMEOUT' });
    await until('the process is gone', () => !runs(pid), 1_000);
  });

  it('a run that is stopped and does not listen is killed after 5 s', async () => {
    const { store } = recordingStore();
    const host = pool.run({ spec, source: endOf(hanging), target: endOf(hanging) }, store, LIMITS);
    await hangingPid();
    const began = Date.now();
    await host.stop('enough');
    expect(Date.now() - began).toBeGreaterThan(4_500);
    expect(Date.now() - began).toBeLessThan(7_000);
    expect(await host.end).toMatchObject({ end: 'died', failure: { code: 'HOST_STOPPED' } });
    await until('the process is gone', () => !runs(host.process.pid), 1_000);
  }, 20_000);

  it('a run that listens ends as stopped at once', async () => {
    const parts = `source: {}, target: {}, describe: (_, signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),`;
    const { store, calls } = recordingStore();
    const module = plugins.add('listens', connector(parts));
    const host = pool.run({ spec, source: endOf(module), target: endOf(module) }, store, LIMITS);
    await until('it describes', () => calls.some((call) => call.method === 'phase'));
    const began = Date.now();
    await host.stop('enough');
    expect(Date.now() - began).toBeLessThan(2_000);
    expect(await host.end).toEqual({ end: 'stopped' });
    await until('the process is gone', () => !runs(host.process.pid), 1_000);
  });
});

describe('a run', () => {
  it('shows no secret in its command line or environment while it works', async () => {
    const { store } = recordingStore();
    const secret = { password: 'hunter-two' };
    const host = pool.run({ spec, source: endOf(hanging, secret), target: endOf(hanging, secret) }, store, LIMITS);
    const pid = await hangingPid();
    for (const file of ['cmdline', 'environ'])
      expect(readFileSync(`/proc/${pid}/${file}`, 'latin1')).not.toContain('hunter-two');
    expect(readFileSync(`/proc/${pid}/environ`, 'latin1')).toBe('');
    host.kill();
    await host.end;
  });

  it('that prints its password into its log and its failure: it is struck out of both', async () => {
    const parts = `source: {}, target: {}, async describe() {
      context.log('info', 'using ' + options.password, { given: options.password });
      context.statement("SET PASSWORD = '" + options.password + "'", 1, null);
      throw new Error('refused: ' + options.password); },`;
    const { store, calls } = recordingStore();
    const end = endOf(plugins.add('talks', connector(parts)), { password: 'hunter-two' });
    const host = pool.run({ spec, source: end, target: end }, store, LIMITS);
    expect(await host.end).toMatchObject({ end: 'failed', failure: { message: 'refused: ***' } });
    expect(JSON.stringify(calls)).toContain('using ***');
    expect(JSON.stringify(calls)).toContain("SET PASSWORD = '***'");
    expect(JSON.stringify(calls)).not.toContain('hunter-two');
  });

  it('that logs a million lines: some are kept, the others counted, and the run-store is not flooded', async () => {
    const parts = `source: {}, target: {}, async describe() {
      for (let i = 0; i < 1_000_000; i++) context.log('info', 'line ' + i);
      throw new Error('done'); },`;
    const { store, calls } = recordingStore();
    const end = endOf(plugins.add('chatters', connector(parts)));
    const host = pool.run({ spec, source: end, target: end }, store, LIMITS);
    expect(await host.end).toMatchObject({ end: 'failed', failure: { message: 'done' } });
    const lines = calls
      .filter((call) => call.method === 'log')
      .flatMap((call) => call.args[0] as { message: string }[]);
    expect(lines.length).toBeLessThan(10_000);
    expect(lines.some((line) => /^\d+ more lines/.test(line.message))).toBe(true);
  });

  const instead = (module: string) => {
    const { store } = recordingStore();
    const end = endOf(module);
    return pool.run({ spec, source: end, target: end }, store, LIMITS).end;
  };

  it.each([
    ['garbage', `writeSync(3, 'garbage\\n');`, 'BROKEN_CONNECTOR'],
    [
      'an end that does not exist',
      `writeSync(3, '{"type":"answer","value":{"end":"perhaps"},"failure":null}\\n');`,
      'BROKEN_CONNECTOR',
    ],
    [
      'a failure that the engine never told',
      `writeSync(3, '{"type":"answer","value":null,"failure":{"kind":"data"}}\\n');`,
      'INTERNAL',
    ],
    ['more memory than it may have', 'const kept = []; for (;;) kept.push(Buffer.alloc(8e6, 1));', 'MEMORY_LIMIT'],
  ])('whose process says %s has died: nobody takes that for the word of the engine', async (_, body, code) => {
    const parts = `source: {}, target: {}, async describe() { ${body} await new Promise(() => {}); },`;
    const module = plugins.add(`says-${Math.random()}`, connector(parts, `import { writeSync } from 'node:fs';`));
    expect(await instead(module)).toMatchObject({ end: 'died', failure: { code } });
  });

  it('whose connector cannot be opened has failed: nothing has begun', async () => {
    expect(await instead(plugins.add('closed', 'throw new Error("no");'))).toMatchObject({
      end: 'failed',
      failure: { code: 'BROKEN_CONNECTOR' },
    });
  });

  it.each([
    ['fails', `throw new Error('the socket was closed already');`],
    ['hangs', 'await new Promise(() => {});'],
  ])(
    'whose session %s while it is closed ends as it ended',
    async (_, body) => {
      const parts = `source: {}, target: {}, async describe() { throw Object.assign(new Error('no'), { name: 'ConnectorError', kind: 'auth', code: 'DENIED' }); },
      async [Symbol.asyncDispose]() { ${body} },`;
      const module = plugins.add(`closes-${Math.random()}`, connector(parts));
      expect(await instead(module)).toMatchObject({ end: 'failed', failure: { kind: 'auth', code: 'DENIED' } });
    },
    20_000,
  );

  it('whose run-store fails with an error of the database is told so, by kind and code', async () => {
    const parts = 'source: {}, target: {},';
    const { store } = recordingStore();
    store.phase = () => Promise.reject(new Error('the disk is full'));
    const end = endOf(plugins.add('unlucky', connector(parts)));
    const host = pool.run({ spec, source: end, target: end }, store, LIMITS);
    expect(await host.end).toMatchObject({ end: 'failed', failure: { code: 'INTERNAL', message: 'the disk is full' } });
  });
});

describe('Ctrl-C on the terminal of the server', () => {
  it('does not reach its hosts: each has a process group of its own', async () => {
    const failed = failureOf(pool.ask('check', { end: endOf(hanging) }));
    const pid = await hangingPid();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    expect(Number(group)).toBe(pid);
    process.kill(pid, 'SIGKILL');
    await failed;
  });
});

describe('a pool that is closed', () => {
  it('leaves no process behind, and refuses what comes later', async () => {
    const own = createHostPool({ network: { deny: [], allowLoopback: true } });
    const failed = failureOf(own.ask('check', { end: endOf(hanging) }));
    const pid = await hangingPid();
    await own.close();
    expect(await failed).toMatchObject({ kind: 'busy', code: 'HOST_STOPPED' });
    expect(runs(pid)).toBe(false);
    expect(await failureOf(own.ask('check', { end: endOf(hanging) }))).toMatchObject({ code: 'HOST_STOPPED' });
  });
});
