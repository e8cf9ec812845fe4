import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { Dial, Settings } from './options.ts';

/** Connections to the endpoints. Those for uploads are used once. */
export interface Agents {
  get(secure: boolean, origin: string, once: boolean): http.Agent;
  close(): void;
}

export function openAgents({ dial, lookup }: Settings): Agents {
  const agents = new Map<string, http.Agent>();
  return {
    get(secure, origin, once) {
      const key = `${once ? 'once' : 'kept'} ${origin}`;
      const known = agents.get(key);
      if (known !== undefined) return known;
      const how = { keepAlive: !once, ...(lookup === undefined ? {} : { lookup }) };
      const agent = secure ? new https.Agent(how) : new http.Agent(how);
      if (dial !== undefined) useDial(agent, dial, secure);
      agents.set(key, agent);
      return agent;
    },
    close() {
      for (const agent of agents.values()) agent.destroy();
    },
  };
}

interface Connecting {
  createConnection(
    how: { host?: unknown; port?: unknown; servername?: unknown; signal?: AbortSignal },
    done: (error: Error | null, socket?: Socket) => void,
  ): Socket | undefined;
}

/** Has an agent take its sockets from the caller's dialler; TLS is put on top of them. */
function useDial(agent: http.Agent, dial: Dial, secure: boolean): void {
  const owner = agent as unknown as Connecting;
  const original = owner.createConnection.bind(agent);
  owner.createConnection = (how, done) => {
    const host = String(how.host);
    dial({ host, port: Number(how.port) }, how.signal).then(
      (socket) => {
        if (!secure) return done(null, socket);
        const wrapped = { ...how, socket, servername: how.servername ?? host };
        done(
          null,
          original(wrapped, () => {}),
        );
      },
      (error: Error) => done(error),
    );
    return undefined;
  };
}
