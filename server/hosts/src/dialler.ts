import { lookup } from 'node:dns/promises';
import { connect, isIP, type Socket } from 'node:net';
import { ConnectorError, type OpenContext } from '@sampan/connector';
import { createDenied, isLoopback } from './addresses.ts';
import type { NetworkPolicy } from './messages.ts';

const CONNECT_MS = 10_000;
/** With several addresses each gets its part of that, and no less than this. */
const LEAST_MS = 2_500;

/** All addresses of a name, best first. @throws where there is none */
type Resolve = (name: string) => Promise<string[]>;

const byName: Resolve = async (name) => (await lookup(name, { all: true })).map((one) => one.address);

/** Resolves once, refuses denied addresses, and connects to the very addresses it checked: the first that answers. */
export function createDialler(policy: NetworkPolicy, resolve: Resolve = byName): OpenContext['dial'] {
  const denied = createDenied(policy);
  return async (address, signal) => {
    if ('path' in address) {
      if (!policy.allowLoopback) throw deniedError(address.path);
      return connected({ path: address.path }, address.path, signal, CONNECT_MS);
    }
    const { port } = address;
    const place = `${address.host}:${port}`;
    const own = await ownAddresses(policy, port, resolve);
    const allowed = (await addressesOf(address.host, resolve)).filter((one) => !denied(one) && !own(one));
    if (allowed.length === 0) throw deniedError(address.host);
    const limit = Math.max(LEAST_MS, CONNECT_MS / allowed.length);
    for (const [at, host] of allowed.entries()) {
      try {
        return await connected({ host, port }, place, signal, limit);
      } catch (error) {
        if (at === allowed.length - 1 || signal?.aborted) throw error;
      }
    }
    throw deniedError(address.host);
  };
}

/** Whether an address with that port is the metadata database: every loopback address where it listens on one. */
async function ownAddresses(
  { database }: NetworkPolicy,
  port: number,
  resolve: Resolve,
): Promise<(address: string) => boolean> {
  const found = database?.port === port ? await addressesOf(database.host, resolve).catch(() => []) : [];
  return (address) => found.includes(address) || (isLoopback(address) && found.some(isLoopback));
}

async function addressesOf(host: string, resolve: Resolve): Promise<string[]> {
  const plain = host.replace(/^\[|\]$/g, '');
  if (isIP(plain) !== 0) return [plain];
  try {
    return await resolve(plain);
  } catch {
    throw new ConnectorError({
      kind: 'config',
      code: 'HOST_NOT_FOUND',
      message: `The host "${host}" was not found.`,
      hint: 'Check the name, and the name servers of the machine that runs the copy.',
    });
  }
}

function connected(
  how: { host: string; port: number } | { path: string },
  place: string,
  signal: AbortSignal | undefined,
  limitMs: number,
): Promise<Socket> {
  return new Promise((done, fail) => {
    const socket = connect(how);
    const give = (error: ConnectorError) => {
      socket.destroy();
      fail(error);
    };
    const timer = setTimeout(
      () =>
        give(
          new ConnectorError({
            kind: 'busy',
            code: 'CONNECT_TIMEOUT',
            message: `${place} did not answer within ${limitMs / 1_000} s.`,
            hint: 'Check address, port and firewalls.',
          }),
        ),
      limitMs,
    );
    const stopped = () => give(new ConnectorError({ kind: 'busy', code: 'ABORTED', message: 'The work was stopped.' }));
    signal?.addEventListener('abort', stopped, { once: true });
    socket.once('connect', () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stopped);
      socket.removeAllListeners('error');
      socket.setNoDelay(true);
      done(socket);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      give(
        new ConnectorError({
          kind: 'busy',
          code: 'CONNECT_FAILED',
          message: `${place} cannot be reached (${error.code ?? error.message}).`,
          hint: 'Check address and port, and that the server runs.',
        }),
      );
    });
  });
}

function deniedError(host: string): ConnectorError {
  return new ConnectorError({
    kind: 'config',
    code: 'ADDRESS_DENIED',
    message: `"${host}" lies in a network that data sources may not reach.`,
    hint: 'An administrator lists such networks in SAMPAN_NET_DENY.',
  });
}
