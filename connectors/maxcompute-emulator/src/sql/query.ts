import type { DuckDBInstance } from '@duckdb/node-api';
import { quoted } from '../duck.ts';
import type { Storage } from '../storage.ts';
import type { Query } from './ast.ts';
import { withConnection } from './connection.ts';
import type { Settings } from './settings.ts';
import { surroundingsOf } from './table-rows.ts';
import { querySql } from './translate.ts';

export interface QueryResult {
  columns: { name: string; type: string }[];
  rows: (string | null)[][];
  /** There were more rows than the result holds. */
  truncated: boolean;
  /** What gives all of its rows: the statement as DuckDB runs it, over block files that do not change. */
  source: { sql: string; settings: Settings };
}

/** Rows of a result; the service's default. */
const MOST_ROWS = 10_000;

const TYPES: { [duck: string]: string } = {
  varchar: 'string',
  integer: 'int',
  blob: 'binary',
  hugeint: 'bigint',
  'timestamp with time zone': 'datetime',
  timestamp: 'timestamp_ntz',
  '"null"': 'string',
};

/** Runs a SELECT over committed data. @throws Refusal, ParseFailure */
export async function runQuery(
  storage: Storage,
  duck: DuckDBInstance,
  query: Query,
  settings: Settings,
  signal: AbortSignal,
): Promise<QueryResult> {
  const sql = querySql(query, await surroundingsOf(storage, query, settings));
  return withConnection(duck, settings, signal, async (connection) => {
    const described = await connection.runAndReadAll(`DESCRIBE ${sql}`);
    const columns = described.getRowObjects().map((row) => {
      const type = String(row.column_type).toLowerCase();
      return { name: String(row.column_name), type: TYPES[type] ?? type };
    });
    const shown = columns.map((_, index) => `odps_text(${quoted(`c${index}`)})`).join(', ');
    const names = columns.map((_, index) => quoted(`c${index}`)).join(', ');
    const reader = await connection.runAndReadAll(
      `SELECT ${shown} FROM (${sql}) AS q(${names}) LIMIT ${MOST_ROWS + 1}`,
    );
    const rows = reader.getRows().map((row) => row.map((value) => (value === null ? null : String(value))));
    return { columns, rows: rows.slice(0, MOST_ROWS), truncated: rows.length > MOST_ROWS, source: { sql, settings } };
  });
}
