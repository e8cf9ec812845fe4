import type { MysqlOptions } from './config.ts';
import { textLiteral } from './sql.ts';

/**
 * What makes a session exact, whatever the server's defaults are: UTC, so that TIMESTAMP is an instant; UTF-8, even
 * where the server ignores what the client says in its handshake; strict mode, so that nothing is cut in silence; zero
 * stays zero in AUTO_INCREMENT columns; no limit on rows or time, and `= NULL` tricks, that a server may have by default.
 * A reader that waits for its writer is not thrown out. Comments with a version are read by MySQL or by MariaDB alone.
 */
const SESSION = [
  "time_zone = '+00:00'",
  'character_set_client = utf8mb4',
  'character_set_results = utf8mb4',
  'collation_connection = utf8mb4_bin',
  "sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO'",
  'autocommit = 1',
  'sql_select_limit = 18446744073709551615',
  'sql_big_selects = 1',
  'sql_auto_is_null = 0',
  'sql_safe_updates = 0',
  'net_write_timeout = 28800',
  'net_read_timeout = 28800',
  'wait_timeout = 28800 /*!50708 , max_execution_time = 0 */ /*!80000 , information_schema_stats_expiry = 0 */ /*M!100101 , max_statement_time = 0 */',
];

/** Statements that a fresh connection runs first. Values of a user travel as hexadecimal digits. */
export function sessionStatements({ sessionVariables }: MysqlOptions): string[] {
  const wanted = Object.entries(sessionVariables).map(
    ([name, value]) => `${name} = ${typeof value === 'number' ? value : textLiteral(value)}`,
  );
  return [
    `SET SESSION ${SESSION.join(', ')}`,
    // Never rows of a transaction that may still be rolled back.
    'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ',
    ...(wanted.length === 0 ? [] : [`SET SESSION ${wanted.join(', ')}`]),
  ];
}
