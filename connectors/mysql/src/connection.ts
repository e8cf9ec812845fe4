import type { Socket } from 'node:net';
import { ConnectorError, type OpenContext } from '@sampan/connector';
import mysql from 'mysql2';
import type { MysqlOptions } from './config.ts';
import { driverOf } from './driver.ts';
import { asConnectorError } from './errors.ts';
import { sessionStatements } from './session.ts';

export type Connection = mysql.Connection;

export interface ConnectHow {
  /** Allow LOAD DATA LOCAL; requests are still answered only for statements of ours. */
  localInfile?: boolean;
  signal?: AbortSignal | undefined;
}

export type Row = { [column: string]: unknown };

/** @throws ConnectorError for anything that stops a login */
export async function connect(options: MysqlOptions, context: OpenContext, how: ConnectHow = {}): Promise<Connection> {
  const { mode } = options.ssl;
  if (options.socketPath !== undefined || mode === 'DISABLED') return login(options, context, how, undefined);
  try {
    return await login(options, context, how, tlsOf(options));
  } catch (error) {
    if (mode !== 'PREFERRED' || (error as { cause?: { code?: string } }).cause?.code !== 'HANDSHAKE_NO_SSL_SUPPORT')
      throw error;
    return login(options, context, how, undefined);
  }
}

function tlsOf({ ssl }: MysqlOptions): mysql.SslOptions {
  return {
    rejectUnauthorized: ssl.mode === 'VERIFY_CA' || ssl.mode === 'VERIFY_IDENTITY',
    verifyIdentity: ssl.mode === 'VERIFY_IDENTITY',
    ...(ssl.ca === undefined ? {} : { ca: ssl.ca }),
    ...(ssl.cert === undefined ? {} : { cert: ssl.cert }),
    ...(ssl.key === undefined ? {} : { key: ssl.key }),
  } as mysql.SslOptions;
}

async function dial({ host, port, socketPath }: MysqlOptions, context: OpenContext, how: ConnectHow): Promise<Socket> {
  if (how.signal?.aborted) throw aborted();
  const address = socketPath === undefined ? { host: host as string, port } : { path: socketPath };
  const stream = await context.dial(address, how.signal);
  if (how.signal?.aborted) {
    stream.destroy();
    throw aborted();
  }
  if ('setKeepAlive' in stream) stream.setKeepAlive(true, 15_000);
  // Small packets follow one another: held back for an answer, each would cost 40 ms.
  if ('setNoDelay' in stream) stream.setNoDelay(true);
  // Certificates of servers known by address are checked against this; without it Node takes the name "localhost".
  if (host !== undefined) (stream as { _host?: string })._host = host;
  return stream;
}

async function login(
  options: MysqlOptions,
  context: OpenContext,
  how: ConnectHow,
  ssl: mysql.SslOptions | undefined,
): Promise<Connection> {
  const stream = await dial(options, context, how);
  const connection = mysql.createConnection({
    stream,
    ...(options.host === undefined ? {} : { host: options.host }),
    ...(options.socketPath === undefined ? {} : { socketPath: options.socketPath }),
    user: options.user,
    password: options.password,
    database: options.database,
    charset: 'UTF8MB4_BIN',
    timezone: 'Z',
    connectTimeout: options.connectTimeoutMs,
    multipleStatements: false,
    // A statement's text differs at every read: cached ones would only pile up on the server.
    maxPreparedStatements: 4,
    supportBigNumbers: true,
    bigNumberStrings: true,
    dateStrings: true,
    flags: how.localInfile ? [] : ['-LOCAL_FILES'],
    ...(ssl === undefined ? {} : { ssl }),
  });
  // Every failure is also told to the command under way; without a listener it would end the process.
  connection.on('error', () => {});
  const stop = () => cut(connection, aborted());
  how.signal?.addEventListener('abort', stop, { once: true });
  // One signal outlives many connections: none may hang on to it.
  const forget = () => how.signal?.removeEventListener('abort', stop);
  stream.once('close', forget);
  try {
    await new Promise<void>((resolve, reject) => connection.connect((error) => (error ? reject(error) : resolve())));
    driverOf(connection).stream.once('close', forget);
    for (const statement of sessionStatements(options)) await query(connection, statement, 'setting up the session');
    return connection;
  } catch (error) {
    cut(connection, aborted());
    if (how.signal?.aborted) throw aborted();
    throw asConnectorError(error, 'logging in');
  }
}

export function aborted(): ConnectorError {
  return new ConnectorError({ kind: 'busy', code: 'ABORTED', message: 'The work was stopped.' });
}

/** Ends the socket at once. The statement under way fails with `error`; the server may go on with it for a while. */
export function cut(connection: Connection, error: ConnectorError): void {
  const { stream } = driverOf(connection);
  if (!stream.destroyed) stream.destroy(error);
}

/** Rows of a statement, all at once: for metadata and bookkeeping, never for data. */
export async function query(connection: Connection, sql: string, doing: string): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    connection.query(sql, (error: unknown, rows: unknown) => {
      if (error) reject(asConnectorError(error, doing));
      else resolve(Array.isArray(rows) ? (rows as Row[]) : []);
    });
  });
}

/** How many rows a statement changed. */
export async function change(
  connection: Connection,
  sql: string,
  doing: string,
): Promise<{ affectedRows: number; warnings: number }> {
  return new Promise((resolve, reject) => {
    connection.query(sql, (error: unknown, result: unknown) => {
      if (error) return reject(asConnectorError(error, doing));
      const { affectedRows, warningStatus } = result as mysql.ResultSetHeader;
      resolve({ affectedRows, warnings: warningStatus });
    });
  });
}

/** Says goodbye where the server still listens; never waits long. */
export async function close(connection: Connection): Promise<void> {
  const { stream } = driverOf(connection);
  if (stream.destroyed) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, 1_000);
    connection.end(() => {
      clearTimeout(timer);
      resolve();
    });
  });
  stream.destroySoon();
}
