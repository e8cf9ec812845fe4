import { connect, createServer, type Socket } from 'node:net';
import type { Session } from '../connector.ts';

/** The request that makes written rows durable, or the one that publishes. */
export type Moment = 'write' | 'publish';

/**
 * What becomes of that request. `hold`: it waits on its way until `release`, as that of a process that is stopped between
 * its lease check and its effect. `lose request`, `lose answer`: the line goes dead before or after the system has done it.
 */
export type Fate = 'hold' | 'lose request' | 'lose answer';

/** A way to the system that the kit can stop or cut. */
export interface Line {
  /** A session whose every word goes over this line. */
  open(): Promise<Session>;
  /** From now on the next such request meets its fate; after a loss, the line stays dead. */
  strike(moment: Moment, fate: Fate): void;
  /** Resolves when it has. */
  readonly struck: Promise<void>;
  /** Lets the held request go on. */
  release(): void;
  close(): Promise<void>;
}

/** What a proxy does with a piece of the client's side: passes it on, or one of the fates. */
export type Passing = 'pass' | Fate;

export interface Proxy {
  port: number;
  /** Decides on each piece that the client sends. */
  decide(data: Buffer): Passing;
  /** Resolves when a piece met a fate. */
  readonly struck: Promise<void>;
  /** Lets held pieces go. */
  release(): void;
  close(): Promise<void>;
}

/** A proxy between client and server, for lines over TCP without encryption. A loss cuts that one connection. */
export async function startProxy(server: { host: string; port: number }): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const held: (() => void)[] = [];
  let tell = () => {};
  const struck = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const listener = createServer((client) => {
    const upstream = connect(server);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.setNoDelay(true);
    }
    upstream.pipe(client);
    client.on('close', () => upstream.end());
    upstream.on('close', () => client.destroy());
    client.on('data', (data) => {
      const fate = proxy.decide(data);
      if (fate === 'lose request') {
        client.destroy();
        upstream.destroy();
      } else if (fate === 'hold') {
        client.pause();
        held.push(() => {
          upstream.write(data);
          client.resume();
        });
      } else {
        if (fate === 'lose answer') {
          upstream.unpipe(client);
          upstream.once('data', () => client.destroy()).resume();
        }
        upstream.write(data);
      }
      if (fate !== 'pass') tell();
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const proxy: Proxy = {
    port: (listener.address() as { port: number }).port,
    decide: () => 'pass',
    struck,
    release() {
      for (const go of held.splice(0)) go();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
  return proxy;
}

/**
 * A line over a proxy.
 * @param isMoment true for the piece of the client's side that is the request of that moment
 * @param open a session over the port given
 */
export async function startLine(
  server: { host: string; port: number },
  isMoment: (moment: Moment, data: Buffer) => boolean,
  open: (port: number) => Promise<Session>,
): Promise<Line> {
  const proxy = await startProxy(server);
  return {
    open: () => open(proxy.port),
    strike(moment, fate) {
      let dead = false;
      let done = false;
      proxy.decide = (data) => {
        if (dead) return 'lose request';
        if (done || !isMoment(moment, data)) return 'pass';
        done = true;
        dead = fate !== 'hold';
        return fate;
      };
    },
    struck: proxy.struck,
    release: () => proxy.release(),
    close: () => proxy.close(),
  };
}
