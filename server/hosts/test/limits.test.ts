import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { limitProcess, polledLimit, removeLeftGroups } from '../src/limits.ts';
import { until } from './plugins.ts';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A process that takes so many MB of buffers and then waits. */
function eater(megabytes: number): Promise<ChildProcess> {
  const code = `const kept = []; process.stdin.once('data', () => { for (let i = 0; i < ${megabytes}; i++) kept.push(Buffer.alloc(1e6, 1)); process.stdout.write('full'); }); process.stdout.write('ready')`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['pipe', 'pipe', 'ignore'] });
  children.push(child);
  return new Promise((resolve) => child.stdout?.once('data', () => resolve(child)));
}

const groups = () =>
  ['/sys/fs/cgroup', '/sys/fs/cgroup/memory', '/sys/fs/cgroup/cpu']
    .flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : []))
    .filter((name) => name.startsWith(`sampan-${process.pid}-`));

describe('the memory limit of a process', () => {
  it('is kept by the kernel where a group can be made, else by a poll; the group goes with the process', async () => {
    const child = await eater(400);
    const limit = limitProcess(child.pid as number, { memoryMb: 150, cpu: 1 }, () => child.kill('SIGKILL'));
    child.stdin?.write('go');
    const signal = await new Promise((resolve) => child.once('exit', (_, by) => resolve(by)));
    expect(signal).toBe('SIGKILL');
    expect(limit.hit()).toBe(true);
    limit.release();
    await until('no group is left', () => groups().length === 0);
  });

  it('by polling: killed when it takes more, left alone below', async () => {
    const [small, large] = [await eater(20), await eater(400)];
    const limits = [small, large].map((child) => polledLimit(child.pid as number, 200, () => child.kill('SIGKILL')));
    for (const child of [small, large]) child.stdin?.write('go');
    await new Promise((resolve) => large.once('exit', resolve));
    expect(limits.map((limit) => limit.hit())).toEqual([false, true]);
    expect(small.exitCode ?? small.signalCode).toBeNull();
    for (const limit of limits) limit.release();
  });

  it('groups of a server that was killed are removed, those of one that runs are not', async () => {
    const dead = spawn('/bin/true');
    await new Promise((resolve) => dead.once('exit', resolve));
    const parent = existsSync('/sys/fs/cgroup/memory') ? '/sys/fs/cgroup/memory' : '/sys/fs/cgroup';
    const [left, own] = [dead.pid, process.pid].map((pid) => `${parent}/sampan-${pid}-0`);
    try {
      mkdirSync(left);
      mkdirSync(own);
    } catch {
      // Who may make no groups has none to remove.
      return removeLeftGroups();
    }
    removeLeftGroups();
    expect([existsSync(left), existsSync(own)]).toEqual([false, true]);
    rmdirSync(own);
  });
});
