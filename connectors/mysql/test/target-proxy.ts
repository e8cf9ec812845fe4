import { type Passing, startProxy as startTcpProxy } from '@sampan/connector/testing';

export interface Proxy {
  port: number;
  /** Decides on each packet of the client's side, by the statement in it. */
  decide: (statement: string) => Passing;
  /** Resolves when a statement met a fate other than `pass`. */
  met: Promise<void>;
  /** Lets held statements go. */
  release(): void;
  close(): Promise<void>;
}

/** A wire between client and server that can be cut or stopped at a chosen statement. Connections must be without TLS. */
export async function startProxy(serverPort: number): Promise<Proxy> {
  const wire = await startTcpProxy({ host: '127.0.0.1', port: serverPort });
  const proxy: Proxy = {
    port: wire.port,
    decide: () => 'pass',
    met: wire.struck,
    release: () => wire.release(),
    close: () => wire.close(),
  };
  // MySQL's own protocol puts two bytes on query attributes in front of the text.
  wire.decide = (data) => proxy.decide(data.subarray(data[5] === 0 ? 7 : 5).toString('latin1'));
  return proxy;
}
