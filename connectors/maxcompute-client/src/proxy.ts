import http from 'node:http';
import { BlockList, isIP, type Socket } from 'node:net';
import { badOption } from './credentials.ts';
import { MaxComputeError } from './errors.ts';
import { aborted, unreachable } from './network-error.ts';

/** An HTTP proxy between us and the endpoints. */
export interface HttpProxy {
  host: string;
  port: number;
  /** The value of `Proxy-Authorization`. */
  authorization: string | undefined;
}

/** `http://[user:password@]host[:port]`. @throws MaxComputeError `BadOption`, which does not repeat the text */
export function parseProxy(text: string, name = 'proxy'): HttpProxy {
  const address = /^[a-z][\w+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || url.protocol !== 'http:' || url.hostname === '')
    throw badOption(name, 'it is not the http address of a proxy');
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 80 : Number(url.port),
    authorization: user === ':' ? undefined : `Basic ${Buffer.from(user).toString('base64')}`,
  };
}

/**
 * The proxy that `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` name for an endpoint, also in lower case, which comes first.
 * Never one for this machine itself, as in Go. @throws MaxComputeError `BadOption`
 */
export function proxyOfEnvironment(base: URL, env: { [name: string]: string | undefined }): HttpProxy | null {
  const one = (name: string) => env[name] || env[name.toUpperCase()];
  const name = base.protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  const given = one(name);
  const host = base.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (given === undefined || isOwn(host)) return null;
  const port = base.port || (base.protocol === 'https:' ? '443' : '80');
  const exempt = (one('no_proxy') ?? '').split(',').some((entry) => matches(entry.trim().toLowerCase(), host, port));
  return exempt ? null : parseProxy(given, name.toUpperCase());
}

const isOwn = (host: string) => host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));

/** `*`, a name with all below it, a name with a port, an address, or a network as `10.0.0.0/8`. */
function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  const network = /^([0-9a-f.:]+)\/(\d+)$/.exec(entry);
  if (network !== null) return inNetwork(network[1], Number(network[2]), host);
  const [, name, wanted] = /^(.*?)(?::(\d+))?$/.exec(entry) as RegExpExecArray;
  if (isIP(entry) !== 0) return entry === host;
  if (name === '' || (wanted !== undefined && wanted !== port)) return false;
  const bare = name.replace(/^\*?\./, '');
  return host === bare || host.endsWith(`.${bare}`);
}

function inNetwork(address: string, bits: number, host: string): boolean {
  const family = isIP(address);
  if (family === 0 || isIP(host) !== family || bits > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(address, bits, family === 4 ? 'ipv4' : 'ipv6');
  return list.check(host, family === 4 ? 'ipv4' : 'ipv6');
}

/** Asks the proxy at the other end of a socket for a connection to an address. @throws MaxComputeError */
export function connectThrough(
  socket: Socket,
  proxy: HttpProxy,
  address: { host: string; port: number },
  signal: AbortSignal | undefined,
): Promise<Socket> {
  const path = `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      socket.destroy();
      reject(error);
    };
    const stop = () => fail(aborted(signal?.reason));
    signal?.addEventListener('abort', stop, { once: true });
    const request = http.request({
      method: 'CONNECT',
      path,
      headers: { host: path, ...(proxy.authorization && { 'proxy-authorization': proxy.authorization }) },
      createConnection: () => socket,
    });
    request.once('connect', (response, tunnel: Socket, head: Buffer) => {
      signal?.removeEventListener('abort', stop);
      if (Math.floor((response.statusCode ?? 0) / 100) !== 2) return fail(refused(response, path));
      if (head.length > 0) tunnel.unshift(head);
      resolve(tunnel);
    });
    request.once('response', (response) => fail(refused(response, path)));
    request.once('error', (error) => fail(unreachable(`the proxy: ${error.message}`, error)));
    request.end();
  });
}

function refused({ statusCode = 0, statusMessage = '' }: http.IncomingMessage, path: string): MaxComputeError {
  return new MaxComputeError({
    code: 'ProxyRefused',
    kind: statusCode >= 500 ? 'busy' : 'config',
    message: `The proxy gave no connection to ${path}: HTTP ${statusCode} ${statusMessage}.`,
    hint: statusCode === 407 ? "Check the proxy's user and password." : 'Check the proxy, and what it lets through.',
    status: statusCode,
  });
}
