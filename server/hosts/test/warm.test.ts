import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHostPool, type HostPool } from '../src/pool.ts';
import { connector, endOf, failureOf, makePlugins, type PluginFolder, runs, telling, until } from './plugins.ts';

let plugins: PluginFolder;
let pool: HostPool;

beforeEach(() => {
  plugins = makePlugins();
  pool = createHostPool({ network: { deny: [], allowLoopback: true } });
});
afterEach(async () => {
  await pool.close();
  plugins.remove();
});

const toldBy = async (module: string, workspace: string, options = {}) =>
  (await pool.ask('objects', { end: endOf(module, options, workspace), query: { search: null }, limit: 1 }))[0].name;

it('a hundred calls at once are answered by some processes, one after the other', async () => {
  const module = plugins.add('slow', telling(`(await new Promise((done) => setTimeout(done, 50)), process.pid)`));
  let most = 0;
  const watching = setInterval(() => {
    const args = ['--ppid', String(process.pid), '-o', 'args='];
    most = Math.max(most, execFileSync('ps', args, { encoding: 'utf8' }).split('child.js ask').length - 1);
  }, 100);
  const told = await Promise.all(Array.from({ length: 100 }, () => toldBy(module, 'w1')));
  clearInterval(watching);
  expect(told).toHaveLength(100);
  expect(most).toBeGreaterThan(1);
  // Eight that work, and those that are just ending or kept warm.
  expect(most).toBeLessThan(25);
}, 60_000);

describe('a process that has answered', () => {
  it('is used again by the same workspace and connector, and by nobody else', async () => {
    const one = plugins.add('one', telling('process.pid'));
    const other = plugins.add('other', telling('process.pid'));
    const first = await toldBy(one, 'w1');
    expect(await toldBy(one, 'w1')).toBe(first);
    expect(await toldBy(one, 'w2')).not.toBe(first);
    expect(await toldBy(other, 'w1')).not.toBe(first);
    expect(await toldBy(one, 'w1')).toBe(first);
  });

  it('keeps nothing of one call for the next of another workspace', async () => {
    const module = plugins.add('leaky', telling('(globalThis.seen = [...(globalThis.seen ?? []), options.password])'));
    expect(await toldBy(module, 'w1', { password: 'hunter-two' })).toBe('hunter-two');
    expect(await toldBy(module, 'w2', { password: 'other' })).toBe('other');
  });

  it('is thrown away after twenty calls', async () => {
    const module = plugins.add('one', telling('process.pid'));
    const pids: string[] = [];
    for (let call = 0; call < 21; call++) pids.push(await toldBy(module, 'w1'));
    expect(new Set(pids.slice(0, 20)).size).toBe(1);
    expect(pids[20]).not.toBe(pids[0]);
    await until('it is gone', () => !runs(Number(pids[0])));
  });

  it('is thrown away after a defect, but not after a refusal', async () => {
    const refusal = `Object.assign(new Error('no'), { name: 'ConnectorError', kind: 'auth', code: 'DENIED', hint: null, retryAfterMs: null, side: null })`;
    const parts = `async *objects() { yield { name: String(process.pid), kind: 'TABLE', rowEstimate: null, byteEstimate: null }; },
      async describe(object) { throw object === 'refuse' ? ${refusal} : new Error('a defect'); },`;
    const module = plugins.add('one', connector(parts));
    const describing = (object: string) => failureOf(pool.ask('describe', { end: endOf(module), object }));
    const first = await toldBy(module, 'w1');
    expect(await describing('refuse')).toMatchObject({ kind: 'auth', code: 'DENIED' });
    expect(await toldBy(module, 'w1')).toBe(first);
    expect(await describing('fail')).toMatchObject({ kind: 'bug' });
    expect(await toldBy(module, 'w1')).not.toBe(first);
    await until('it is gone', () => !runs(Number(first)));
  });

  it('and is killed while it waits, or as it is asked again: the next call does not notice', async () => {
    const module = plugins.add('one', telling('process.pid'));
    const first = await toldBy(module, 'w1');
    process.kill(Number(first), 'SIGKILL');
    const second = await toldBy(module, 'w1');
    expect(second).not.toBe(first);
    process.kill(Number(second), 'SIGKILL');
    await until('it is gone', () => !runs(Number(second)));
    expect(await toldBy(module, 'w1')).not.toBe(second);
  });

  it('serves one call at a time: those beside it have processes of their own', async () => {
    const parts = `async *objects() { await new Promise((r) => setTimeout(r, 300)); yield { name: String(process.pid), kind: 'TABLE', rowEstimate: null, byteEstimate: null }; },`;
    const module = plugins.add('slow', connector(parts));
    const pids = await Promise.all(Array.from({ length: 4 }, () => toldBy(module, 'w1')));
    expect(new Set(pids).size).toBe(4);
    await until('no more than one of them waits', () => pids.filter((pid) => runs(Number(pid))).length === 1);
  });
});
