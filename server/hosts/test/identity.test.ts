import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { processIsAlive, processName } from '../src/identity.ts';

it('a process is known by its name while it runs and when it has ended', async () => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  const name = processName(child.pid as number);
  expect(processIsAlive(name)).toBe(true);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(processIsAlive(name)).toBe(false);
});

it('another process with its number is another', () => {
  const [place, pid] = processName(process.pid).split('/');
  expect(processIsAlive(`${place}/${pid}/1`)).toBe(false);
});

it.each([
  ['another machine, or this one before a restart', /^[^.]+/],
  ['another container of this machine, which counts its processes itself', /\.\d+/],
])('nothing is known of one of %s', (_, part) => {
  const child = processName(process.pid).replace(part, '.1');
  expect(processIsAlive(child)).toBe(null);
});
