import { type CheckResult, type CheckStep, isConnectorError, type OpenContext } from '@sampan/connector';
import type { MysqlOptions } from './config.ts';
import { type Connection, close, connect, query } from './connection.ts';

/** Sampan's clock and the server's may differ by this much without a word. */
const CLOCK_TOLERANCE_S = 5;

/** Steps in order; the first one that fails is the last one told. */
export async function* check(
  options: MysqlOptions,
  context: OpenContext,
  signal: AbortSignal,
): AsyncGenerator<CheckResult> {
  const began = performance.now();
  let connection: Connection;
  try {
    const socket = await context.dial(
      options.socketPath === undefined
        ? { host: options.host as string, port: options.port }
        : { path: options.socketPath },
      signal,
    );
    socket.destroy();
    if (options.socketPath === undefined) yield passed('dns', null, `${options.host} was found.`);
    yield passed('tcp', performance.now() - began, 'The server answers on its port.');
    connection = await connect(options, context, { signal });
  } catch (error) {
    if (!isConnectorError(error)) throw error;
    yield {
      step: stepOf(error.code),
      ok: false,
      millis: performance.now() - began,
      message: error.message,
      hint: error.hint,
    };
    return;
  }
  try {
    yield await secured(connection, options);
    yield passed('login', performance.now() - began, `Logged in as ${options.user}.`);
    yield await privileges(connection, options);
    const [row] = await query(
      connection,
      'SELECT VERSION() version, CAST(UNIX_TIMESTAMP(NOW(6)) AS CHAR) clock, @@global.time_zone zone',
      'asking for version and clock',
    );
    yield passed('version', null, `Server version ${row.version}.`);
    yield clock(Number(row.clock), String(row.zone));
  } finally {
    await close(connection);
  }
}

const passed = (step: CheckStep, millis: number | null, message: string): CheckResult => ({
  step,
  ok: true,
  millis,
  message,
  hint: null,
});

function stepOf(code: string): CheckStep {
  if (code === 'HOST_NOT_FOUND' || code === 'ADDRESS_DENIED') return 'dns';
  if (code === 'TLS_FAILED' || code === 'TLS_REQUIRED') return 'tls';
  return code.startsWith('CONNECT_') ? 'tcp' : 'login';
}

async function secured(connection: Connection, options: MysqlOptions): Promise<CheckResult> {
  const [row] = await query(connection, "SHOW SESSION STATUS LIKE 'Ssl_cipher'", 'asking for the cipher');
  const cipher = String(row?.Value ?? '');
  return passed(
    'tls',
    null,
    cipher === '' ? `Not encrypted (ssl.mode ${options.ssl.mode}).` : `Encrypted with ${cipher}.`,
  );
}

async function privileges(connection: Connection, options: MysqlOptions): Promise<CheckResult> {
  const [row] = await query(
    connection,
    'SELECT COUNT(*) n FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()',
    'looking at the tables',
  );
  const count = Number(row.n);
  return passed('privileges', null, `${count} tables and views of ${options.database} can be seen.`);
}

function clock(serverSeconds: number, zone: string): CheckResult {
  const difference = Math.round(serverSeconds - Date.now() / 1_000);
  const message = `The server's clock differs by ${difference} s; its time zone is ${zone}.`;
  if (Math.abs(difference) <= CLOCK_TOLERANCE_S) return passed('clock', null, message);
  return {
    step: 'clock',
    ok: true,
    millis: null,
    message,
    hint: 'Set both clocks by NTP: increments by time rely on them.',
  };
}
