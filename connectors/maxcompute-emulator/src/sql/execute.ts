import type { DuckDBInstance } from '@duckdb/node-api';
import { pairsOf } from '../partition-spec.ts';
import type { Storage } from '../storage.ts';
import { define } from './definitions.ts';
import { insert } from './insert.ts';
import { type QueryResult, runQuery } from './query.ts';
import { changeRows } from './row-changes.ts';
import { type Settings, splitSettings } from './settings.ts';
import { parseStatement } from './statements.ts';
import { ownTable } from './table-rows.ts';
import { ParseFailure, refusalOf } from './tokens.ts';

/** Rows of a SELECT, or text (that of SHOW, else empty). */
export type Outcome = QueryResult | string;

/** Runs one statement; an abort stops it before it changes anything. @throws Refusal */
export async function execute(
  storage: Storage,
  duck: DuckDBInstance,
  text: string,
  given: Settings,
  signal: AbortSignal,
): Promise<Outcome> {
  const { sql, settings } = splitSettings(text, given);
  try {
    const statement = parseStatement(sql);
    switch (statement.kind) {
      case 'query':
        return await runQuery(storage, duck, statement.query, settings, signal);
      case 'showTables':
        return (await storage.list()).map((name) => `emulator:${name}\n`).join('');
      case 'showPartitions': {
        const { partitions } = await storage.require(ownTable(storage, statement.table));
        const lines = partitions.map((one) =>
          pairsOf(one.spec)
            .map((pair) => pair.join('='))
            .join('/'),
        );
        return lines
          .sort()
          .map((line) => `${line}\n`)
          .join('');
      }
      case 'update':
      case 'delete':
      case 'merge':
        await changeRows(storage, duck, statement, settings, signal);
        return '';
      case 'insert':
        await insert(storage, duck, statement, settings, signal);
        return '';
      default:
        signal.throwIfAborted();
        await define(storage, statement);
        return '';
    }
  } catch (error) {
    throw error instanceof ParseFailure ? refusalOf(error, sql) : error;
  }
}
