import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { aborted, unreachable } from './network-error.ts';
import type { Dial, Settings } from './options.ts';

export const CONNECT_MS = 10_000;

/** Connections to the endpoints. Those for uploads are used once. */
export interface Agents {
  get(secure: boolean, origin: string, once: boolean): http.Agent;
  close(): void;
}

export function openAgents({ dial, lookup, connectTimeoutMs = CONNECT_MS }: Settings): Agents {
  const agents = new Map<string, http.Agent>();
  return {
    get(secure, origin, once) {
      const key = `${once ? 'once' : 'kept'} ${origin}`;
      const known = agents.get(key);
      if (known !== undefined) return known;
      const how = { keepAlive: !once, ...(lookup === undefined ? {} : { lookup }) };
      const agent = secure ? new https.Agent(how) : new http.Agent(how);
      if (dial !== undefined) useDial(agent, dial, secure, connectTimeoutMs);
      agents.set(key, agent);
      return agent;
    },
    close() {
      for (const agent of agents.values()) agent.destroy();
    },
  };
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
