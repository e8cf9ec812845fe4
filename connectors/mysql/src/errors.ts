import { ConnectorError, isConnectorError } from '@sampan/connector';
import { BY_NUMBER } from './errors-server.ts';

/** The way to the server broke, whoever says so: Node, TLS or the driver. */
const NETWORK = new Set([
  'ECONNRESET',
  'ECONNABORTED',
  'ECONNREFUSED',
  'EPIPE',
  'ENOTCONN',
  'ENETDOWN',
  'ENETUNREACH',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_WRITE_AFTER_END',
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_UNEXPECTED_PACKET',
]);

/** Said by the driver without a code. */
const LOST = /connection lost|closed state|socket disconnected|socket hang up|read ECONNRESET|write EPIPE/i;
const PLUGIN = /authentication using (unknown plugin|mysql_clear_password)|auth_?(more|switch)/i;
const LONGEST = 1_000;

interface DriverError extends Error {
  errno?: number;
  code?: string;
  sqlMessage?: string;
}

/** Any error of the driver or the server as a `ConnectorError`. `doing` says what was under way: `reading orders`. */
export function asConnectorError(error: unknown, doing: string): ConnectorError {
  if (isConnectorError(error)) return error;
  const { errno, code = '', sqlMessage, message } = error as DriverError;
  const says = `${doing.charAt(0).toUpperCase()}${doing.slice(1)}: ${plain(sqlMessage ?? message)}`;
  const known = typeof errno === 'number' ? BY_NUMBER[errno] : undefined;
  if (known !== undefined) return new ConnectorError({ ...known, message: says, cause: error });
  if (sqlMessage !== undefined && errno !== undefined) return unlisted(errno, says, error);
  if (code === 'ETIMEDOUT') return silent(doing, error);
  if (NETWORK.has(code) || LOST.test(message)) return lost(doing, error);
  if (/^(HANDSHAKE|ERR_TLS|ERR_SSL|ERR_OSSL|EPROTO)/.test(code) || /self.signed|certificate/i.test(message))
    return new ConnectorError({
      kind: 'config',
      code: 'TLS_FAILED',
      message: says,
      hint: 'Check ssl.mode, the CA, and the name in the certificate of the server.',
      cause: error,
    });
  if (code.startsWith('AUTH_SWITCH') || code === 'MYSQL_CLEAR_PASSWORD_NOT_ENABLED' || PLUGIN.test(message))
    return new ConnectorError({
      kind: 'auth',
      code: 'AUTH_PLUGIN',
      message: says,
      hint: 'Use an account with caching_sha2_password or mysql_native_password.',
      cause: error,
    });
  return new ConnectorError({
    kind: 'bug',
    code: 'MYSQL_DRIVER',
    message: says,
    hint: 'This is a defect: please report it.',
    cause: error,
  });
}

/** One line of bounded length: the text may come from a server that is not to be trusted. */
function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const line = String(text).replace(/[\u0000-\u001f\u007f]+/g, ' ');
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}

function unlisted(errno: number, message: string, cause: unknown): ConnectorError {
  return new ConnectorError({
    kind: 'data',
    code: `MYSQL_${errno}`,
    message,
    hint: "See the server's manual for this error number.",
    cause,
  });
}

function lost(doing: string, cause: unknown): ConnectorError {
  return new ConnectorError({
    kind: 'busy',
    code: 'CONNECTION_LOST',
    message: `${doing.charAt(0).toUpperCase()}${doing.slice(1)}: the connection to MySQL was lost.`,
    hint: 'It is tried again by itself.',
    cause,
  });
}

function silent(doing: string, cause: unknown): ConnectorError {
  return new ConnectorError({
    kind: 'busy',
    code: 'CONNECT_TIMEOUT',
    message: `${doing.charAt(0).toUpperCase()}${doing.slice(1)}: the port answers, but no MySQL server spoke within the connect timeout.`,
    hint: 'Check that host and port are those of a MySQL server, and what lies on the way.',
    cause,
  });
}
