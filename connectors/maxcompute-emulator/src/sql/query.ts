import type { DuckDBInstance } from '@duckdb/node-api';
import { typeText } from '@sampan/maxcompute';
import { quoted } from '../duck.ts';
import { isNested } from '../nested-types.ts';
import type { Storage } from '../storage.ts';
import type { Query } from './ast.ts';
import { withConnection } from './connection.ts';
import { nestedText } from './result-text.ts';
import { resultColumns } from './result-types.ts';
import { type Settings, zoneOf } from './settings.ts';
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
    const described = await resultColumns(connection, sql);
    const types = described.map((column) => column.type);
    const columns = described.map(({ name, type }) => ({ name, type: typeText(type).toLowerCase() }));
    const places = types.map((_, at) => quoted(`c${at}`));
    const shown = places.map((place, at) => (isNested(types[at]) ? place : `odps_text(${place})`));
    const reader = await connection.runAndReadAll(
      `SELECT ${shown.join(', ')} FROM (${sql}) AS q(${places.join(', ')}) LIMIT ${MOST_ROWS + 1}`,
    );
    const zone = zoneOf(settings);
    const rows = reader.getRows().map((row) =>
      row.map((value, at) => {
        if (value === null) return null;
        return isNested(types[at]) ? nestedText(types[at], value, zone) : String(value);
      }),
    );
    return { columns, rows: rows.slice(0, MOST_ROWS), truncated: rows.length > MOST_ROWS, source: { sql, settings } };
  });
}
