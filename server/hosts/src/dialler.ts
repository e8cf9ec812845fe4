import { lookup } from 'node:dns/promises';
import { BlockList, connect, isIP, type Socket } from 'node:net';
import { ConnectorError, type OpenContext } from '@sampan/connector';
import type { NetworkPolicy } from './messages.ts';

const CONNECT_MS = 10_000;

/** Addresses by the policy: one list for each family; IPv4 written as IPv6 is looked at as IPv4. */
function createBlockList(policy: NetworkPolicy): (address: string) => boolean {
  const blocked = new BlockList();
  const loopback = policy.allowLoopback ? [] : ['127.0.0.0/8', '::1/128', '0.0.0.0/8', '::/128'];
  for (const network of [...policy.deny, ...loopback]) {
    const [address, prefix] = network.split('/');
    blocked.addSubnet(
      address,
      Number(prefix ?? (isIP(address) === 6 ? 128 : 32)),
      isIP(address) === 6 ? 'ipv6' : 'ipv4',
    );
  }
  return (address) => {
    const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
    return blocked.check(mapped, isIP(mapped) === 6 ? 'ipv6' : 'ipv4');
  };
}

/** Resolves once, refuses denied addresses, and connects to the very address it checked. */
export function createDialler(policy: NetworkPolicy): OpenContext['dial'] {
  const denied = createBlockList(policy);
  return async (address, signal) => {
    if ('path' in address) {
      if (!policy.allowLoopback) throw deniedError(address.path);
      return connected({ path: address.path }, address.path, signal);
    }
    const place = `${address.host}:${address.port}`;
    const found = await resolve(address.host);
    const allowed = found.find((one) => !denied(one));
    if (allowed === undefined) throw deniedError(address.host);
    return connected({ host: allowed, port: address.port }, place, signal);
  };
}

async function resolve(host: string): Promise<string[]> {
  const plain = host.replace(/^\[|\]$/g, '');
  if (isIP(plain) !== 0) return [plain];
  try {
    return (await lookup(plain, { all: true })).map((one) => one.address);
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
            message: `${place} did not answer within ${CONNECT_MS / 1_000} s.`,
            hint: 'Check address, port and firewalls.',
          }),
        ),
      CONNECT_MS,
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
