import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { makeFolder, startSampan } from '../../../tools/src/servers.ts';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const folders: { remove(): Promise<void> }[] = [];

async function folder(): Promise<string> {
  const made = await makeFolder('start');
  folders.push(made);
  return made.path;
}

afterAll(() => Promise.all(folders.map((one) => one.remove())));

/** Runs the server until it ends by itself; what it said and its exit code. */
async function run(settings: { [name: string]: string }): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH, SAMPAN_PORT: '0', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  return new Promise((resolve) => child.once('exit', (code) => resolve({ code, said })));
}

describe('a server that cannot start says why, and what to do', () => {
  it('a port in use', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const data = await folder();
    const { code, said } = await run({ SAMPAN_DATA: data, SAMPAN_PORT: String(port) });
    taken.close();
    expect(code).toBe(1);
    expect(said).toContain(`Port ${port} on 127.0.0.1 is in use.`);
    expect(said).not.toContain('    at ');
    // What it had started is gone: the next start works.
    expect(existsSync(`${data}/postgres/postmaster.pid`)).toBe(false);
    const server = await startSampan(data);
    expect(await server.stop()).toBe(0);
  });

  it('a data directory that cannot be written', async () => {
    const data = await folder();
    writeFileSync(`${data}/file`, '');
    const { code, said } = await run({ SAMPAN_DATA: `${data}/file/data` });
    expect(code).toBe(1);
    expect(said).toMatch(/data directory .* cannot be written/);
  });

  it('a setting that does not exist, with the one that was meant', async () => {
    const { code, said } = await run({ SAMPAN_DATA: await folder(), SAMPAN_LEASE_SECOND: '3' });
    expect(code).toBe(1);
    expect(said).toContain('Did you mean SAMPAN_LEASE_SECONDS?');
  });

  it('a setting with a bad value', async () => {
    expect((await run({ SAMPAN_DATA: await folder(), SAMPAN_LEASE_SECONDS: 'soon' })).said).toContain(
      'SAMPAN_LEASE_SECONDS: "soon" is not a whole number',
    );
    expect((await run({ SAMPAN_DATA: await folder(), SAMPAN_NET_DENY: 'everything' })).said).toContain(
      '"everything" is not a network',
    );
    expect((await run({ SAMPAN_DATA: await folder(), SAMPAN_KEY: 'short' })).said).toContain('not 32 bytes');
  });

  it('a database of another major version', async () => {
    const data = await folder();
    mkdirSync(`${data}/postgres`);
    writeFileSync(`${data}/postgres/PG_VERSION`, '9\n');
    const { code, said } = await run({ SAMPAN_DATA: data });
    expect(code).toBe(1);
    expect(said).toContain('belongs to PostgreSQL 9');
  });
});

describe('a server', () => {
  it('keeps its key and token readable by its owner alone, and ends cleanly on Ctrl-C', async () => {
    const data = await folder();
    const server = await startSampan(data);
    for (const file of ['key', 'admin.token', 'postgres/sampan.password'])
      expect(statSync(`${data}/${file}`).mode & 0o077).toBe(0);
    expect(JSON.parse(readFileSync(`${data}/server.json`, 'utf8'))).toEqual({ url: server.url, pid: server.pid });
    expect(await server.stop('SIGINT')).toBe(0);
    expect(existsSync(`${data}/server.json`)).toBe(false);
    expect(existsSync(`${data}/postgres/postmaster.pid`)).toBe(false);
  });

  it('takes over the database that a killed one left running, with the same token', async () => {
    const data = await folder();
    const first = await startSampan(data);
    const postmaster = readFileSync(`${data}/postgres/postmaster.pid`, 'utf8').split('\n')[0];
    await first.kill();
    const second = await startSampan(data);
    expect(readFileSync(`${data}/postgres/postmaster.pid`, 'utf8').split('\n')[0]).toBe(postmaster);
    expect(second.token).toBe(first.token);
    expect(await (await fetch(`${second.url}/readyz`)).text()).toBe('ready\n');
    await second.stop();
  });

  it('removes the lock of a database whose process number went to another program', async () => {
    const data = await folder();
    const first = await startSampan(data);
    await first.stop();
    writeFileSync(`${data}/postgres/postmaster.pid`, `${process.pid}\n${data}/postgres\n0\n1\n\n127.0.0.1\n0\nready\n`);
    const second = await startSampan(data);
    expect(await second.stop()).toBe(0);
  });
});
