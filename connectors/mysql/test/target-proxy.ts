import { connect, createServer, type Socket } from 'node:net';

/** What to do with a statement on its way: pass it on; hold it until told; lose it with the connection; or lose only its answer. */
export type Fate = 'pass' | 'hold' | 'lose' | 'lose answer';

export interface Proxy {
  port: number;
  /** Decides on each packet of the client's side. */
  decide: (statement: string) => Fate;
  /** Resolves when a statement met a fate other than `pass`. */
  met: Promise<void>;
  /** Lets held statements go. */
  release(): void;
  close(): Promise<void>;
}

/** A wire between client and server that can be cut or stopped at a chosen statement. Connections must be without TLS. */
export async function startProxy(serverPort: number): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const held: (() => void)[] = [];
  let tell = () => {};
  const met = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const server = createServer((client) => {
    const upstream = connect({ host: '127.0.0.1', port: serverPort });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.setNoDelay(true);
    }
    upstream.pipe(client);
    client.on('close', () => upstream.end());
    upstream.on('close', () => client.destroy());
    client.on('data', (data) => {
      // MySQL's own protocol puts two bytes on query attributes in front of the text.
      const fate = proxy.decide(data.subarray(data[5] === 0 ? 7 : 5).toString('latin1'));
      if (fate !== 'pass') tell();
      if (fate === 'lose') {
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
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: Proxy = {
    port: (server.address() as { port: number }).port,
    decide: () => 'pass',
    met,
    release() {
      for (const go of held.splice(0)) go();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
