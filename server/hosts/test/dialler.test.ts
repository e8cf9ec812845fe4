import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDialler } from '../src/dialler.ts';
import type { NetworkPolicy } from '../src/messages.ts';

let server: Server;
let port = 0;

beforeAll(async () => {
  server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterAll(() => server?.close());

const NAMES: { [name: string]: string[] } = {
  several: ['127.0.0.3', '127.0.0.2', '127.0.0.1'],
  half: ['169.254.169.254', '127.0.0.1'],
  hidden: ['169.254.169.254', '64:ff9b::a9fe:a9fe'],
  database: ['127.0.0.5', '192.0.2.7'],
};

async function dial(host: string, policy: Partial<NetworkPolicy> = {}, at = port): Promise<string | undefined> {
  const network = { deny: ['169.254.0.0/16'], allowLoopback: true, ...policy };
  const dialler = createDialler(network, async (name) => {
    if (NAMES[name] === undefined) throw new Error('ENOTFOUND');
    return NAMES[name];
  });
  const signal = AbortSignal.timeout(3_000);
  try {
    const socket = await dialler({ host, port: at }, signal);
    const { remoteAddress } = socket;
    socket.destroy();
    return remoteAddress;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('the dialler', () => {
  it.each([
    '169.254.169.254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '[0:0:0:0:0:ffff:a9fe:a9fe]',
    '::169.254.169.254',
    '::ffff:0:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    '2002:a9fe:a9fe::1',
    'hidden',
  ])('refuses a denied network, however its address is written: %s', async (host) => {
    expect(await dial(host)).toBe('ADDRESS_DENIED');
  });

  it.each([
    '127.0.0.1',
    '127.1.2.3',
    '0.0.0.0',
    '::1',
    '::',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '64:ff9b::7f00:1',
    'several',
  ])('refuses loopback where it is not allowed: %s', async (host) => {
    expect(await dial(host, { allowLoopback: false })).toBe('ADDRESS_DENIED');
  });

  it('connects to the first of several addresses that answers, and to none that is denied', async () => {
    expect(await dial('several')).toBe('127.0.0.1');
    expect(await dial('half')).toBe('127.0.0.1');
    expect(await dial('nowhere')).toBe('HOST_NOT_FOUND');
  });

  it('says that none answers', async () => {
    expect(await dial('several', {}, 1)).toBe('CONNECT_FAILED');
  });

  it('refuses the metadata database, by its port and at all its addresses, and nothing else there', async () => {
    const database = { host: 'database', port };
    for (const host of ['database', '127.0.0.5', '192.0.2.7', '127.0.0.1', '::1', '::ffff:127.0.0.1'])
      expect([host, await dial(host, { database })]).toEqual([host, 'ADDRESS_DENIED']);
    expect(await dial('127.0.0.1', { database: { host: 'database', port: port + 1 } })).toBe('127.0.0.1');
  });
});
