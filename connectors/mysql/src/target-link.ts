import { ConnectorError, isConnectorError } from '@sampan/connector';
import { aborted, type ConnectHow, type Connection, change, close, query, type Row } from './connection.ts';

/** How the target opens connections: the data source's options are already in it. */
export type Connect = (how?: ConnectHow) => Promise<Connection>;

export interface Changed {
  affectedRows: number;
  warnings: number;
}

/** One connection of the target, bound to an abort signal: a statement under way ends when the signal fires. */
export interface Link extends AsyncDisposable {
  readonly connection: Connection;
  readonly signal: AbortSignal | undefined;
  rows(sql: string, doing: string): Promise<Row[]>;
  change(sql: string, doing: string): Promise<Changed>;
  /** Ends the socket at once; what the server was told to do may still go on there. */
  cut(): void;
}

/** Waits for locks are short and repeated, so that a signal or a deadline is met in between. */
const WAITS = 'SET SESSION lock_wait_timeout = 5, innodb_lock_wait_timeout = 5, sql_notes = 1';

export async function openLink(connect: Connect, signal: AbortSignal | undefined, localInfile = false): Promise<Link> {
  if (signal?.aborted) throw aborted();
  // A signal of the link's own: one run opens many connections, and none may hang on to the run's signal for good.
  const ended = new AbortController();
  let connection: Connection | undefined;
  // The driver's own destroy only half-closes, and leaves the command under way without an answer.
  const cut = () => {
    const { stream } = (connection ?? {}) as { stream?: { destroy(error: Error): void } };
    stream?.destroy(new Error('The connection was cut.'));
    ended.abort();
  };
  signal?.addEventListener('abort', cut, { once: true });
  try {
    connection = await connect({ localInfile, signal: ended.signal });
    return await linkOf(connection, signal, cut);
  } catch (error) {
    signal?.removeEventListener('abort', cut);
    cut();
    throw error;
  }
}

async function linkOf(connection: Connection, signal: AbortSignal | undefined, cut: () => void): Promise<Link> {
  let gone = false;
  let lost = false;
  connection.on('error', () => {
    lost = true;
  });
  connection.on('end', () => {
    lost = true;
  });
  const during = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (signal?.aborted) throw aborted();
      throw lost ? connectionLost(error) : error;
    }
  };
  const link: Link = {
    connection,
    signal,
    rows: (sql, doing) => during(query(connection, sql, doing)),
    change: (sql, doing) => during(change(connection, sql, doing)),
    cut() {
      gone = true;
      signal?.removeEventListener('abort', cut);
      cut();
    },
    async [Symbol.asyncDispose]() {
      signal?.removeEventListener('abort', cut);
      if (gone || signal?.aborted) return cut();
      gone = true;
      await close(connection);
    },
  };
  await link.change(WAITS, 'setting up the session');
  return link;
}

/** The driver knows a dead connection only while a command is under way; to a later one it answers with words of its own. */
function connectionLost(error: unknown): unknown {
  if (!isConnectorError(error) || error.kind !== 'bug') return error;
  return new ConnectorError({
    kind: 'busy',
    code: 'CONNECTION_LOST',
    message: 'The connection to MySQL was lost, or ended by a newer attempt.',
    hint: 'It is tried again by itself.',
    cause: error,
  });
}

/** The server's error number behind a `ConnectorError`, or 0. */
export function errnoOf(error: unknown): number {
  const cause = (error as { cause?: { errno?: unknown } } | null)?.cause;
  return typeof cause?.errno === 'number' ? cause.errno : 0;
}

const LOCK_WAIT = 1205;

/** Repeats `work` while it meets a lock that another session holds: a dead client's statement may run on for long. */
export async function whileLocked<T>(
  signal: AbortSignal | undefined,
  deadline: number,
  work: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (errnoOf(error) !== LOCK_WAIT) throw error;
      if (signal?.aborted) throw aborted();
      if (Date.now() > deadline) throw lockedTooLong(error);
    }
  }
}

function lockedTooLong(cause: unknown): ConnectorError {
  return new ConnectorError({
    kind: 'busy',
    code: 'LOCK_WAIT_TIMEOUT',
    message: `Another session holds locks that this one needs. ${(cause as Error).message}`,
    hint: 'Look for long transactions in SHOW ENGINE INNODB STATUS; it is tried again by itself.',
    cause,
  });
}

/** Runs `work` in a transaction; a throw rolls it back. */
export async function inTransaction<T>(link: Link, work: () => Promise<T>): Promise<T> {
  await link.change('START TRANSACTION', 'starting a transaction');
  let result: T;
  try {
    result = await work();
  } catch (error) {
    await link.change('ROLLBACK', 'rolling back').catch(() => link.cut());
    throw error;
  }
  await link.change('COMMIT', 'committing');
  return result;
}
