import { ConnectorError, type OpenContext } from '@sampan/connector';
import mysql from 'mysql2';
import type { MysqlOptions } from './config.ts';
import { asConnectorError } from './errors.ts';

export type Connection = mysql.Connection;

export interface ConnectHow {
  /** Allow LOAD DATA LOCAL; requests are still answered only for statements of ours. */
  localInfile?: boolean;
  signal?: AbortSignal | undefined;
}

export type Row = { [column: string]: unknown };

/**
 * What makes a session exact: UTC, so that TIMESTAMP is an instant; strict mode, so that nothing is cut in silence;
 * zero stays zero in AUTO_INCREMENT columns; a reader that waits for its writer is not thrown out.
 */
const SESSION = [
  "time_zone = '+00:00'",
  "sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO'",
  'net_write_timeout = 28800',
  'net_read_timeout = 28800',
  'wait_timeout = 28800',
];

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

function tlsOf({ ssl, host }: MysqlOptions): mysql.SslOptions {
  const verify = ssl.mode === 'VERIFY_CA' || ssl.mode === 'VERIFY_IDENTITY';
  return {
    rejectUnauthorized: verify,
    verifyIdentity: ssl.mode === 'VERIFY_IDENTITY',
    ...(ssl.ca === undefined ? {} : { ca: ssl.ca }),
    ...(ssl.cert === undefined ? {} : { cert: ssl.cert }),
    ...(ssl.key === undefined ? {} : { key: ssl.key }),
    ...(host === undefined ? {} : { servername: host }),
  } as mysql.SslOptions;
}

async function login(
  options: MysqlOptions,
  context: OpenContext,
  how: ConnectHow,
  ssl: mysql.SslOptions | undefined,
): Promise<Connection> {
  const address =
    options.socketPath === undefined
      ? { host: options.host as string, port: options.port }
      : { path: options.socketPath };
  const stream = await context.dial(address, how.signal);
  if ('setKeepAlive' in stream) stream.setKeepAlive(true, 15_000);
  const connection = mysql.createConnection({
    stream,
    ...(options.host === undefined ? {} : { host: options.host }),
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
  how.signal?.addEventListener('abort', () => connection.destroy(), { once: true });
  try {
    await new Promise<void>((resolve, reject) => connection.connect((error) => (error ? reject(error) : resolve())));
    await query(connection, `SET SESSION ${[...SESSION, ...variables(options)].join(', ')}`, 'setting up the session');
    return connection;
  } catch (error) {
    connection.destroy();
    if (how.signal?.aborted) throw aborted();
    throw asConnectorError(error, 'logging in');
  }
}

function variables({ sessionVariables }: MysqlOptions): string[] {
  return Object.entries(sessionVariables).map(
    ([name, value]) => `${name} = ${typeof value === 'number' ? value : mysql.escape(value)}`,
  );
}

export function aborted(): ConnectorError {
  return new ConnectorError({ kind: 'busy', code: 'ABORTED', message: 'The work was stopped.' });
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
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      connection.destroy();
      resolve();
    }, 1_000);
    connection.end(() => {
      clearTimeout(timer);
      connection.destroy();
      resolve();
    });
  });
}
