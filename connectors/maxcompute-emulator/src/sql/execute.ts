import type { DuckDBInstance } from '@duckdb/node-api';
import type { Storage } from '../storage.ts';
import { createAs } from './create-as.ts';
import { define } from './definitions.ts';
import { insert } from './insert.ts';
import { type QueryResult, runQuery } from './query.ts';
import { changeRows } from './row-changes.ts';
import { type Settings, splitSettings } from './settings.ts';
import { shown } from './show.ts';
import { parseStatement } from './statements.ts';
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
      case 'show':
      case 'describe':
        return await shown(storage, statement, settings);
      case 'update':
      case 'delete':
      case 'merge':
        await changeRows(storage, duck, statement, settings, signal);
        return '';
      case 'createAs':
        await createAs(storage, duck, statement, settings, signal);
        return '';
      case 'insert':
        await insert(storage, duck, statement, settings, signal);
        return '';
      default:
        signal.throwIfAborted();
        await define(storage, statement, settings);
        return '';
    }
  } catch (error) {
    throw error instanceof ParseFailure ? refusalOf(error, sql) : error;
  }
}
