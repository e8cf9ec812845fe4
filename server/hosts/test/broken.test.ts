import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createHostPool, type HostPool } from '../src/pool.ts';
import { connector, endOf, failureOf, makePlugins, type PluginFolder, runs, telling, until } from './plugins.ts';

let plugins: PluginFolder;
let pool: HostPool;
let sound: string;
let made = 0;

const plugin = (text: string) => plugins.add(`plugin-${++made}`, text);
const check = (module: string, options = {}) =>
  pool.ask('check', { end: endOf(module, options) }, { timeoutMs: 20_000 });
const told = async (expression: string, options = {}) =>
  (
    await pool.ask('objects', { end: endOf(plugin(telling(expression)), options), query: { search: null }, limit: 1 })
  )[0].name;

beforeAll(() => {
  plugins = makePlugins();
  pool = createHostPool({ network: { deny: [], allowLoopback: true } });
  sound = plugin(connector());
});
// Whatever a plugin has done: the pool works, and this process stands.
afterEach(async () => {
  expect(await check(sound)).toEqual([{ step: 'login', ok: true, millis: 1, message: 'fine', hint: null }]);
});
afterAll(async () => {
  await pool.close();
  plugins.remove();
});

describe('a plugin that cannot be loaded', () => {
  it.each([
    ['throws', `throw new Error('no such\\u0000 day');`, /cannot be loaded: no such/],
    ['throws what is no error', `throw null;`, /cannot be loaded: null/],
    ['is no JavaScript', `export default {`, /cannot be loaded/],
    ['imports what is not there', `import 'left-pad-of-nobody';`, /cannot be loaded: .*left-pad-of-nobody/],
    ['has no default export', `export const a = 1;`, /no default export/],
    [
      'is for another contract',
      connector().replace('api: 1', 'api: 2'),
      /version 2 of the contract, this server has 1/,
    ],
    ['has a bad name', connector('', '', 'My SQL'), /name is not lower-case/],
    ['has no open', connector().replace(', open }', ' }'), /no open or no config/],
    [
      'does not list its secrets',
      connector().replace("['password', 'ssl.key']", '"password"'),
      /which options are secret/,
    ],
  ])('%s', async (_, text, message) => {
    const failure = await failureOf(pool.ask('info', { module: plugin(text) }));
    expect(failure).toMatchObject({ kind: 'bug', code: 'BROKEN_CONNECTOR', message: expect.stringMatching(message) });
    expect(failure.message).not.toContain('\0');
  });

  it('ends its process while it is imported', async () => {
    const failure = await failureOf(pool.ask('info', { module: plugin('process.exit(0);') }));
    expect(failure).toMatchObject({ kind: 'busy', code: 'HOST_DIED', message: expect.stringContaining('exit code 0') });
  });

  it.each([
    ['awaits for ever', 'await new Promise(() => {});'],
    ['never gives the processor back', 'for (;;);'],
  ])('%s', async (_, head) => {
    const began = Date.now();
    const module = plugin(connector('', head));
    expect(await failureOf(pool.ask('info', { module }, { timeoutMs: 1_000 }))).toMatchObject({
      kind: 'busy',
      code: 'HOST_TIMEOUT',
    });
    expect(Date.now() - began).toBeLessThan(5_000);
  });
});

describe('a plugin that lies', () => {
  it.each([
    ['a title that is a function', 'info', connector().replace("'A probe'", '() => 1'), /title/],
    ['a role that there is not', 'info', connector().replace("['SOURCE']", "['SINK']"), /roles\.0/],
    ['a write mode that is none', 'info', connector().replace('writeModes: []', 'writeModes: [7]'), /writeModes\.0/],
    [
      'a session that is none',
      'check',
      connector().replace('open }', 'open: () => 5 }'),
      /what it opens is no session/,
    ],
    [
      'check: a step that does not exist',
      'check',
      connector(`async *check() { yield { step: 'luck', ok: true }; },`),
      /0\.step/,
    ],
    [
      'check: a NUL character',
      'check',
      connector(`async *check() { yield { step: 'tcp', ok: true, millis: 0, message: 'a\\u0000', hint: null }; },`),
      /NUL/,
    ],
    ['objects without a name', 'objects', connector('async *objects() { yield { kind: "TABLE" }; },'), /0\.name/],
    ['objects that are no list', 'objects', connector('objects() { return 5; },'), /./],
    ['a schema without fields', 'describe', connector('async describe() { return {}; },'), /fields|object/],
    [
      'a type that does not exist',
      'describe',
      connector(
        `async describe(object) { return { object, kind: 'TABLE', fields: [{ name: 'a', type: { kind: 'number' }, native: '', nullable: true, generated: false }], partitionFields: [], keys: [], rowEstimate: null, byteEstimate: null }; },`,
      ),
      /fields\.0\.type/,
    ],
    [
      'an answer that is no JSON',
      'describe',
      connector('async describe() { return { object: 1n }; },'),
      /not plain JSON/,
    ],
    [
      'an answer that has no end',
      'describe',
      connector('async describe() { const a = {}; a.a = a; return a; },'),
      /not plain JSON/,
    ],
  ])('%s', async (_, operation, text, message) => {
    const module = plugin(text);
    const end = endOf(module);
    const ask = {
      info: { module },
      check: { end },
      objects: { end, query: { search: null }, limit: 5 },
      describe: { end, object: 'a' },
    };
    const failure = await failureOf(pool.ask(operation as 'check', ask[operation as 'check']));
    expect(failure).toMatchObject({ kind: 'bug', message: expect.stringMatching(message) });
  });

  it('an error that is not one of the contract', async () => {
    const odd = connector(`async describe() { throw { name: 'ConnectorError', kind: 'fun', message: 5 }; },`);
    const error = connector(
      `async describe() { throw Object.assign(new Error('x\\u0000\\u001b[31m'.padEnd(99999, 'x')), { name: 'ConnectorError', kind: 'fun', code: 'no code', retryAfterMs: Infinity }); },`,
    );
    for (const text of [odd, error]) {
      const failure = await failureOf(pool.ask('describe', { end: endOf(plugin(text)), object: 'a' }));
      expect(failure).toMatchObject({ kind: 'bug', code: 'INTERNAL', retryAfterMs: null });
      expect(failure.message.length).toBeLessThan(5_000);
      expect([...failure.message].filter((char) => char < ' ')).toEqual([]);
    }
  });
});

describe('a plugin that misbehaves while it works', () => {
  it.each([
    ['hangs', 'await new Promise(() => {});'],
    ['spins', 'for (;;);'],
  ])('%s in check and in describe: killed at the time limit', async (_, body) => {
    const module = plugin(connector(`async *check() { ${body} }, async describe() { ${body} },`));
    // Both are listened to from the start: the second one may fail first.
    const failures = await Promise.all([
      failureOf(pool.ask('check', { end: endOf(module) }, { timeoutMs: 700 })),
      failureOf(pool.ask('describe', { end: endOf(module, {}, 'w2'), object: 'a' }, { timeoutMs: 700 })),
    ]);
    for (const failure of failures) expect(failure).toMatchObject({ kind: 'busy', code: 'HOST_TIMEOUT' });
  });

  it('ends its process', async () => {
    const failure = await failureOf(check(plugin(connector('async *check() { process.exit(3); },'))));
    expect(failure).toMatchObject({ kind: 'busy', code: 'HOST_DIED', message: expect.stringContaining('exit code 3') });
  });

  it('throws after an await, where nobody listens', async () => {
    const late = `async *check() { setTimeout(() => { throw new TypeError('out of turn'); }, 10); await new Promise(() => {}); },`;
    const rejected = `async *check() { (async () => { await null; throw new TypeError('out of turn'); })(); await new Promise(() => {}); },`;
    for (const parts of [late, rejected])
      expect(await failureOf(check(plugin(connector(parts))))).toMatchObject({
        code: 'HOST_DIED',
        message: expect.stringContaining('TypeError: out of turn'),
      });
  });

  it('leaves a rejection behind after its answer: only its own process ends', async () => {
    const module = plugin(
      connector(
        `async *check() { setTimeout(() => { throw new Error('later'); }, 50); yield { step: 'tcp', ok: true, millis: 0, message: 'fine', hint: null }; },`,
      ),
    );
    for (let call = 0; call < 4; call++) {
      expect((await check(module))[0].ok).toBe(true);
      await new Promise((resolve) => setTimeout(resolve, 45));
    }
  });

  it.each([
    ['JavaScript objects', 'const kept = []; for (;;) kept.push({ at: kept.length, text: String(kept.length) });'],
    [
      'buffers',
      'const kept = []; for (;;) { kept.push(Buffer.alloc(8e6, 1)); await new Promise((r) => setTimeout(r, 5)); }',
    ],
  ])('takes more memory than it may have: %s', async (_, body) => {
    const failure = await failureOf(check(plugin(connector(`async *check() { ${body} },`))));
    expect(failure).toMatchObject({ kind: 'config', code: 'MEMORY_LIMIT', message: expect.stringContaining('512 MB') });
  });

  it('prints garbage on both outputs', async () => {
    const noise = `for (let i = 0; i < 200; i++) { process.stdout.write(Buffer.alloc(65536, i)); process.stderr.write(Buffer.alloc(65536, i)); }`;
    const module = plugin(
      connector(
        `async *check() { ${noise} yield { step: 'tcp', ok: true, millis: 0, message: 'fine', hint: null }; },`,
      ),
    );
    expect((await check(module))[0].message).toBe('fine');
    const dies = plugin(
      connector(
        `async *check() { ${noise} process.stderr.write('\\u001b[31m\\0 the end', () => process.exit(1)); await new Promise(() => {}); },`,
      ),
    );
    const failure = await failureOf(check(dies));
    expect(failure.message).toContain('the end');
    expect([...failure.message].filter((char) => char < ' ')).toEqual([]);
    expect(failure.message.length).toBeLessThan(1_000);
  });

  it.each([
    ['what is no JSON', `Buffer.alloc(65536, 'x\\n')`],
    ['one endless line', `Buffer.alloc(65536, 'x')`],
    ['JSON that is no message', `'null\\n'`],
    ['calls that nobody asked for', `'{"type":"store","id":1,"method":"log","args":[[]]}\\n'`],
    ['calls of what is no method', `'{"type":"store","id":1,"method":"valueOf","args":[]}\\n'`],
  ])('floods the pipe to its parent with %s', async (_, chunk) => {
    const flood = `import { writeSync } from 'node:fs'; const chunk = ${chunk}; const flood = () => { for (;;) { try { writeSync(3, chunk); } catch (e) { if (e.code !== 'EAGAIN') throw e; } } };`;
    const delay = monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    const before = process.memoryUsage().rss;
    const failure = await failureOf(check(plugin(connector('async *check() { flood(); },', flood))));
    delay.disable();
    expect(failure).toMatchObject({
      kind: 'bug',
      code: 'BROKEN_CONNECTOR',
      message: expect.stringContaining('no message'),
    });
    expect(delay.max / 1e6).toBeLessThan(1_000);
    expect((process.memoryUsage().rss - before) / 1e6).toBeLessThan(300);
  });

  it('starts a process of its own: that ends with it', async () => {
    const head = `import { spawn } from 'node:child_process'; import { writeFileSync } from 'node:fs';
      const sleep = (file) => writeFileSync('${plugins.path}/' + file, String(spawn('/bin/sleep', ['300']).pid));`;
    const hangs = `async *check() { sleep('first'); await new Promise(() => {}); },`;
    const leaves = `async *check() { sleep('second'); setTimeout(() => process.exit(1), 100); await new Promise(() => {}); },`;
    await failureOf(pool.ask('check', { end: endOf(plugin(connector(hangs, head))) }, { timeoutMs: 1_000 }));
    await failureOf(check(plugin(connector(leaves, head))));
    for (const file of ['first', 'second']) {
      const pid = Number(readFileSync(join(plugins.path, file), 'utf8'));
      expect(pid).toBeGreaterThan(0);
      await until('the sleeper ends', () => !runs(pid));
    }
  });

  it('disturbs nobody who works beside it', async () => {
    const slow = plugin(
      connector(
        `async *check() { await new Promise((r) => setTimeout(r, 1500)); yield { step: 'tcp', ok: true, millis: 0, message: 'slow', hint: null }; },`,
      ),
    );
    const beside = check(slow);
    await Promise.all([
      failureOf(check(plugin(connector('async *check() { process.exit(1); },')))),
      failureOf(check(plugin(connector('async *check() { throw new Error("x"); },')))),
      failureOf(
        pool.ask('check', { end: endOf(plugin(connector('async *check() { for (;;); },'))) }, { timeoutMs: 500 }),
      ),
    ]);
    expect((await beside)[0].message).toBe('slow');
  });
});

describe('what a plugin can see', () => {
  it('no environment, and no secret in its command line', async () => {
    process.env.SAMPAN_KEY = 'key-encryption-key';
    process.env.DATABASE_URL = 'postgres://user:database-password@host/db';
    const seen = await told(
      `JSON.stringify([process.env, process.argv, process.execArgv, require('node:fs').readFileSync('/proc/self/environ', 'latin1'), require('node:fs').readFileSync('/proc/self/cmdline', 'latin1')])`.replaceAll(
        "require('node:fs')",
        "process.getBuiltinModule('node:fs')",
      ),
      { password: 'hunter-two' },
    );
    expect(JSON.parse(seen)[0]).toEqual({});
    for (const secret of ['key-encryption-key', 'database-password', 'hunter-two']) expect(seen).not.toContain(secret);
  });

  it('no channel of Node beside the pipe', async () => {
    expect(await told('process.send === undefined && process.channel === undefined')).toBe('true');
  });

  it('options as data: no name of an option reaches the prototype of objects', async () => {
    const options = JSON.parse('{"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}}}');
    expect(await told('({}).polluted', options)).toBe('undefined');
    const parsed = await pool.ask('parse', { end: endOf(sound, options) });
    expect((parsed as { polluted?: string }).polluted).toBeUndefined();
    expect(({} as { polluted?: string }).polluted).toBeUndefined();
  });

  it('its own secrets, which are struck out of what it says', async () => {
    const secret = { password: 'hunter-two', ssl: { key: 'private-key' } };
    const says = 'options.password + options.ssl.key';
    const thrown = plugin(
      connector(`async describe() { throw Object.assign(new Error(${says}), { hint: ${says} }); },`),
    );
    const printed = plugin(
      connector(
        `async describe() { process.stderr.write(${says} + '\\n', () => process.exit(1)); await new Promise(() => {}); },`,
      ),
    );
    const checked = plugin(
      connector(`async *check() { yield { step: 'login', ok: false, millis: 1, message: ${says}, hint: ${says} }; },`),
    );
    const failures = [
      await failureOf(pool.ask('describe', { end: endOf(thrown, secret), object: 'a' })),
      await failureOf(pool.ask('describe', { end: endOf(printed, secret), object: 'a' })),
      await check(checked, secret),
    ];
    for (const failure of failures) {
      expect(JSON.stringify(failure)).toContain('******');
      expect(JSON.stringify(failure)).not.toMatch(/hunter-two|private-key/);
    }
  });
});
