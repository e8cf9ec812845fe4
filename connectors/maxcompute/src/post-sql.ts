import { createHash } from 'node:crypto';
import type { OpenContext } from '@sampan/connector';
import { getTable, type Http, quoteName } from '@sampan/maxcompute';
import { told } from './errors.ts';
import type { Handle } from './handle.ts';
import { repeatable, statement } from './statements.ts';

const LIFECYCLE = 3;

/**
 * A table without rows says that the statements after the commit have run: a process may end between the two, and the
 * upload session does not know of them.
 */
const markOf = (handle: Handle) =>
  `sampan_post_${createHash('sha256').update(handle.session).digest('hex').slice(0, 20)}`;

export async function postSqlIsDue(http: Http, handle: Handle, signal: AbortSignal): Promise<boolean> {
  if (handle.postSql.length === 0) return false;
  return (await told('Looking for a mark', getTable(http, markOf(handle), signal))) === undefined;
}

/** At least once. What fails is told and leaves the run committed. */
export async function runPostSql(http: Http, context: OpenContext, handle: Handle, signal: AbortSignal): Promise<void> {
  const warn = (error: Error) => context.log('warn', `A statement after the commit failed: ${error.message}`);
  for (const sql of handle.postSql) await statement(http, context, sql, signal).catch(warn);
  const mark = `CREATE TABLE IF NOT EXISTS ${quoteName(markOf(handle))} (done BIGINT) LIFECYCLE ${LIFECYCLE}`;
  await repeatable(http, context, mark, signal, 'Marking the statements after the commit as run').catch(warn);
}

export async function forgetPostSql(
  http: Http,
  context: OpenContext,
  handle: Handle,
  signal: AbortSignal,
): Promise<void> {
  if (handle.postSql.length === 0) return;
  await repeatable(http, context, `DROP TABLE IF EXISTS ${quoteName(markOf(handle))}`, signal, 'Removing a mark');
}
