import type { FailureKind } from '@sampan/connector';

interface Known {
  kind: FailureKind;
  code: string;
  hint: string;
}

const busy = (code: string, hint = 'It is tried again by itself.'): Known => ({ kind: 'busy', code, hint });
const auth = (code: string, hint: string): Known => ({ kind: 'auth', code, hint });
const config = (code: string, hint: string): Known => ({ kind: 'config', code, hint });
const missing = (code: string, hint: string): Known => ({ kind: 'missing', code, hint });

const GRANT = 'Grant the user the privilege named.';
const UNLOCK = 'An administrator of the server unlocks the account or renews its password.';
const COLUMN = 'Check the column names of mapping, filter and split key.';
const READ_ONLY = config('SERVER_READ_ONLY', 'Write to a server that is not read-only.');
const VARIABLE = config('BAD_SESSION_VARIABLE', 'Correct the option sessionVariables of the data source.');

/**
 * What an error number of the server (1000…, 3000…, 4000…) or of the client library (2000…) means for the reader:
 * https://dev.mysql.com/doc/mysql-errors/en/server-error-reference.html and https://mariadb.com/kb/en/mariadb-error-codes/
 */
export const BY_NUMBER: { [errno: number]: Known } = {
  1021: busy('DISK_FULL', 'Free disk space on the server.'),
  1037: busy('SERVER_OUT_OF_MEMORY'),
  1038: busy('SERVER_OUT_OF_MEMORY', 'Raise sort_buffer_size, or read by a key.'),
  1040: busy('TOO_MANY_CONNECTIONS'),
  1041: busy('SERVER_OUT_OF_MEMORY'),
  1044: auth('DATABASE_DENIED', 'Grant the user rights on this database.'),
  1045: auth('LOGIN_REFUSED', 'Check user and password, and that the user may log in from this address.'),
  1049: missing('DATABASE_NOT_FOUND', 'Check the option database.'),
  1053: busy('SERVER_SHUTDOWN'),
  1054: missing('COLUMN_NOT_FOUND', COLUMN),
  1064: config('SQL_SYNTAX', 'Check the row filter and other SQL of the task.'),
  1079: busy('SERVER_SHUTDOWN'),
  1114: busy('TABLE_FULL', 'Free disk space on the server.'),
  1129: auth('HOST_BLOCKED', 'An administrator of the server runs FLUSH HOSTS.'),
  1130: auth('HOST_DENIED', 'Allow the user to log in from this address.'),
  1142: auth('TABLE_DENIED', GRANT),
  1143: auth('COLUMN_DENIED', GRANT),
  1146: missing('TABLE_NOT_FOUND', 'Check the name, or refresh the metadata.'),
  1153: config('PACKET_TOO_LARGE', 'Raise max_allowed_packet on the server.'),
  1158: busy('CONNECTION_LOST'),
  1159: busy('CONNECTION_LOST'),
  1160: busy('CONNECTION_LOST'),
  1161: busy('CONNECTION_LOST'),
  1176: missing('KEY_NOT_FOUND', 'The key was dropped or renamed: run the task again.'),
  1193: VARIABLE,
  1203: busy('TOO_MANY_CONNECTIONS'),
  1205: busy('LOCK_WAIT_TIMEOUT'),
  1213: busy('DEADLOCK'),
  1226: busy('RESOURCE_LIMIT', 'Raise the limits of the account, or read with fewer splits.'),
  1227: auth('PRIVILEGE_MISSING', GRANT),
  1229: VARIABLE,
  1231: VARIABLE,
  1232: VARIABLE,
  1238: VARIABLE,
  1251: auth('AUTH_PLUGIN', 'Use an account with caching_sha2_password or mysql_native_password.'),
  1267: config('COLLATIONS_DIFFER', 'Compare texts of one collation in the row filter.'),
  1290: READ_ONLY,
  1317: busy('QUERY_KILLED'),
  1356: missing('VIEW_BROKEN', 'The view names something that is gone, or that its owner may not read.'),
  1370: auth('ROUTINE_DENIED', 'Grant the user EXECUTE.'),
  1412: busy('TABLE_CHANGED'),
  1524: auth('AUTH_PLUGIN', 'Use an account with caching_sha2_password or mysql_native_password.'),
  1615: busy('TABLE_CHANGED'),
  1698: auth('LOGIN_REFUSED', 'Check user and password: this account may log in from the machine of the server only.'),
  1792: READ_ONLY,
  1820: auth('PASSWORD_EXPIRED', UNLOCK),
  1836: READ_ONLY,
  1862: auth('PASSWORD_EXPIRED', UNLOCK),
  1927: busy('CONNECTION_KILLED'),
  1969: busy('QUERY_TIMEOUT', 'Raise max_statement_time on the server.'),
  2006: busy('CONNECTION_LOST'),
  2013: busy('CONNECTION_LOST'),
  3024: busy('QUERY_TIMEOUT', 'Raise max_execution_time on the server.'),
  3118: auth('ACCOUNT_LOCKED', UNLOCK),
  3159: config('TLS_REQUIRED', 'The server takes TLS connections only: set ssl.mode to REQUIRED.'),
  3169: busy('CONNECTION_KILLED'),
  3876: busy('CONNECTION_LOST'),
  3955: auth('ACCOUNT_LOCKED', UNLOCK),
  4031: busy('CONNECTION_LOST'),
  4151: auth('ACCOUNT_LOCKED', UNLOCK),
};
