import http from 'node:http';
import https from 'node:https';
import { connect, type Socket } from 'node:net';
import { aborted, unreachable } from './network-error.ts';
import type { Dial, Settings } from './options.ts';
import { connectThrough, type HttpProxy, proxyOfEnvironment } from './proxy.ts';

export const CONNECT_MS = 10_000;

/** How a request reaches its endpoint. */
export interface Way {
  agent: http.Agent;
  /** The proxy that is given requests whole, with their address; those to https endpoints pass it unseen. */
  forward: HttpProxy | null;
}

/** Connections to the endpoints. Those for uploads are used once. */
export interface Agents {
  get(base: URL, once: boolean): Way;
  close(): void;
}

/** @param proxy that of the options; null: none; undefined: the environment's, where there is no dialler of the caller */
export function openAgents(settings: Settings, proxy: HttpProxy | null | undefined): Agents {
  const { dial, lookup, connectTimeoutMs = CONNECT_MS } = settings;
  const ways = new Map<string, Way>();
  const proxyOf = (base: URL) => {
    if (proxy !== undefined) return proxy;
    return dial === undefined ? proxyOfEnvironment(base, process.env) : null;
  };
  return {
    get(base, once) {
      const key = `${once ? 'once' : 'kept'} ${base.origin}`;
      const known = ways.get(key);
      if (known !== undefined) return known;
      const secure = base.protocol === 'https:';
      const how = { keepAlive: !once, ...(lookup === undefined ? {} : { lookup }) };
      const agent = secure ? new https.Agent(how) : new http.Agent(how);
      const through = proxyOf(base);
      const direct = dial ?? ((address, signal) => connected(address, settings, signal));
      const dialler = through === null ? dial : proxied(direct, through, secure);
      if (dialler !== undefined) useDial(agent, dialler, secure, connectTimeoutMs);
      const way = { agent, forward: secure ? null : through };
      ways.set(key, way);
      return way;
    },
    close() {
      for (const { agent } of ways.values()) agent.destroy();
    },
  };
}

/** Reaches an address through a proxy; of http endpoints the proxy gets the requests themselves. */
function proxied(dial: Dial, proxy: HttpProxy, secure: boolean): Dial {
  return async (address, signal) => {
    const socket = await dial({ host: proxy.host, port: proxy.port }, signal);
    return secure ? connectThrough(socket, proxy, address, signal) : socket;
  };
}

function connected(
  address: { host: string; port: number },
  { lookup }: Settings,
  signal?: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...address, ...(lookup === undefined ? {} : { lookup }) });
    const stop = () => socket.destroy(aborted(signal?.reason));
    signal?.addEventListener('abort', stop, { once: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      signal?.removeEventListener('abort', stop);
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** Options of a request that reach `createConnection`. Node keeps `signal` to itself on the way. */
export interface DialOptions {
  dialSignal?: AbortSignal;
}

interface Connecting {
  createConnection(
    how: DialOptions & { host?: unknown; port?: unknown; servername?: unknown; socket?: Socket | undefined },
    done: (error: Error | null, socket?: Socket) => void,
  ): Socket | undefined;
}

/**
 * Has an agent take its sockets from the caller's dialler; TLS is put on top of them. Signal and time limit are watched
 * here: a request that has no socket yet tells nobody that it was destroyed.
 */
function useDial(agent: http.Agent, dial: Dial, secure: boolean, limitMs: number): void {
  const owner = agent as unknown as Connecting;
  const original = owner.createConnection.bind(agent);
  owner.createConnection = (how, done) => {
    const host = String(how.host);
    const stop = new AbortController();
    const settle = (error: Error | null, socket?: Socket) => {
      clearTimeout(timer);
      how.dialSignal?.removeEventListener('abort', onAbort);
      stop.signal.removeEventListener('abort', onStop);
      if (error !== null) return done(error);
      done(null, secure ? original({ ...how, socket, servername: how.servername ?? host }, () => {}) : socket);
    };
    const onStop = () => settle(stop.signal.reason as Error);
    const onAbort = () => stop.abort(aborted(how.dialSignal?.reason));
    const timer = setTimeout(() => stop.abort(unreachable(`no connection within ${limitMs} ms`)), limitMs);
    stop.signal.addEventListener('abort', onStop);
    how.dialSignal?.addEventListener('abort', onAbort);
    dial({ host, port: Number(how.port) }, stop.signal).then(
      (socket) => (stop.signal.aborted ? socket.destroy() : settle(null, socket)),
      (error: Error) => stop.signal.aborted || settle(error),
    );
    return undefined;
  };
}
