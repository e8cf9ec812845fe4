import { ConnectorError, type FailureKind, isConnectorError } from '@sampan/connector';

interface Known {
  kind: FailureKind;
  code: string;
  hint: string;
}

const again = (code: string, hint = 'It is tried again by itself.'): Known => ({ kind: 'busy', code, hint });

/** By the server's error number: https://dev.mysql.com/doc/mysql-errors/en/server-error-reference.html */
const BY_NUMBER: { [errno: number]: Known } = {
  1040: again('TOO_MANY_CONNECTIONS'),
  1044: { kind: 'auth', code: 'DATABASE_DENIED', hint: 'Grant the user rights on this database.' },
  1045: {
    kind: 'auth',
    code: 'LOGIN_REFUSED',
    hint: 'Check user and password, and that the user may log in from this address.',
  },
  1049: { kind: 'missing', code: 'DATABASE_NOT_FOUND', hint: 'Check the option `database`.' },
  1053: again('SERVER_SHUTDOWN'),
  1054: { kind: 'missing', code: 'COLUMN_NOT_FOUND', hint: 'Check the column names of mapping, filter and split key.' },
  1064: { kind: 'config', code: 'SQL_SYNTAX', hint: 'Check the row filter and other SQL of the task.' },
  1114: again('TABLE_FULL', 'Free disk space on the server.'),
  1142: { kind: 'auth', code: 'TABLE_DENIED', hint: 'Grant the user the privilege named.' },
  1143: { kind: 'auth', code: 'COLUMN_DENIED', hint: 'Grant the user the privilege named.' },
  1146: { kind: 'missing', code: 'TABLE_NOT_FOUND', hint: 'Check the name, or refresh the metadata.' },
  1203: again('TOO_MANY_CONNECTIONS'),
  1205: again('LOCK_WAIT_TIMEOUT'),
  1213: again('DEADLOCK'),
  1227: { kind: 'auth', code: 'PRIVILEGE_MISSING', hint: 'Grant the user the privilege named.' },
  1251: {
    kind: 'auth',
    code: 'AUTH_PLUGIN',
    hint: 'Use an account with caching_sha2_password or mysql_native_password.',
  },
  1290: { kind: 'config', code: 'SERVER_READ_ONLY', hint: 'Write to a server that is not read-only.' },
  1317: again('QUERY_KILLED'),
  1370: { kind: 'auth', code: 'ROUTINE_DENIED', hint: 'Grant the user EXECUTE.' },
  1927: again('CONNECTION_KILLED'),
  2013: again('CONNECTION_LOST'),
  3024: again('QUERY_TIMEOUT', 'Raise max_execution_time on the server.'),
  3159: {
    kind: 'config',
    code: 'TLS_REQUIRED',
    hint: 'The server takes TLS connections only: set ssl.mode to REQUIRED.',
  },
};

const NETWORK = new Set([
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'PROTOCOL_CONNECTION_LOST',
  'ECONNABORTED',
  'ECONNREFUSED',
  'EHOSTUNREACH',
]);

interface DriverError extends Error {
  errno?: number;
  code?: string;
  sqlMessage?: string;
  fatal?: boolean;
}

/** Any error of the driver or the server as a `ConnectorError`. `doing` says what was under way: `reading orders`. */
export function asConnectorError(error: unknown, doing: string): ConnectorError {
  if (isConnectorError(error)) return error;
  const { errno, code, sqlMessage, message } = error as DriverError;
  const known = errno === undefined ? undefined : BY_NUMBER[errno];
  if (known !== undefined)
    return new ConnectorError({ ...known, message: `${capital(doing)}: ${sqlMessage ?? message}`, cause: error });
  if (code !== undefined && NETWORK.has(code)) {
    return new ConnectorError({
      kind: 'busy',
      code: 'CONNECTION_LOST',
      message: `${capital(doing)}: the connection to MySQL was lost.`,
      hint: 'It is tried again by itself.',
      cause: error,
    });
  }
  if (
    code?.startsWith('HANDSHAKE') ||
    code?.startsWith('ERR_TLS') ||
    code?.startsWith('ERR_SSL') ||
    /self.signed|certificate/i.test(message)
  ) {
    return new ConnectorError({
      kind: 'config',
      code: 'TLS_FAILED',
      message: `${capital(doing)}: ${message}`,
      hint: 'Check ssl.mode and the certificates.',
      cause: error,
    });
  }
  if (errno !== undefined && sqlMessage !== undefined) {
    return new ConnectorError({
      kind: 'data',
      code: `MYSQL_${errno}`,
      message: `${capital(doing)}: ${sqlMessage}`,
      hint: "See the server's manual for this error number.",
      cause: error,
    });
  }
  return new ConnectorError({
    kind: 'bug',
    code: 'MYSQL_DRIVER',
    message: `${capital(doing)}: ${message}`,
    hint: 'This is a defect: please report it.',
    cause: error,
  });
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
