import { connect, type Socket } from 'node:net';
import type { OpenContext } from '../connector.ts';
import { ConnectorError } from '../errors.ts';

/** A context for sessions in tests, which counts what they do on the network. */
export interface TestContext extends OpenContext {
  /** Sockets that are open now. */
  sockets(): number;
  /** Bytes that sessions have read from their sockets until now. */
  taken(): number;
  statements: string[];
  warnings: string[];
}

export function createTestContext(): TestContext {
  const open = new Set<Socket>();
  const statements: string[] = [];
  const warnings: string[] = [];
  let taken = 0;
  return {
    dial: (address, signal) =>
      new Promise((resolve, reject) => {
        const socket = connect(address as { host: string; port: number });
        const stop = () => socket.destroy(new Error('stopped'));
        signal?.addEventListener('abort', stop, { once: true });
        open.add(socket);
        socket.once('close', () => {
          signal?.removeEventListener('abort', stop);
          open.delete(socket);
          taken += socket.bytesRead;
        });
        socket.once('connect', () => {
          socket.removeListener('error', failed);
          resolve(socket);
        });
        const failed = (error: NodeJS.ErrnoException) => reject(unreachable(error));
        socket.once('error', failed);
      }),
    log: (level, message) => {
      if (level === 'warn') warnings.push(message);
    },
    statement: (sql) => {
      statements.push(sql);
    },
    sockets: () => open.size,
    taken: () => [...open].reduce((sum, socket) => sum + socket.bytesRead, taken),
    statements,
    warnings,
  };
}

function unreachable(error: NodeJS.ErrnoException): ConnectorError {
  const unknown = error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN';
  return new ConnectorError({
    kind: unknown ? 'config' : 'busy',
    code: unknown ? 'HOST_NOT_FOUND' : 'CONNECT_FAILED',
    message: `It cannot be reached (${error.code ?? error.message}).`,
    hint: 'Check address and port, and that the server runs.',
  });
}
