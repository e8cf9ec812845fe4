import type { OpenContext, PartitionValue } from '@sampan/connector';
import { type Http, partitionSql, quoteName, runSql, type SqlResult } from '@sampan/maxcompute';
import { told } from './errors.ts';
import { patiently } from './patience.ts';

/** Runs a statement, and tells of it. */
export async function statement(
  http: Http,
  context: OpenContext,
  sql: string,
  signal: AbortSignal,
  doing = 'Running a statement of the task',
): Promise<SqlResult> {
  const began = performance.now();
  const result = await told(doing, runSql(http, sql, { signal }));
  context.statement(sql, performance.now() - began, null);
  return result;
}

/** A statement that bears repeating: two that change one table at the same time are refused as `busy`. */
export const repeatable = (http: Http, context: OpenContext, sql: string, signal: AbortSignal, doing: string) =>
  patiently(doing, () => statement(http, context, sql, signal, doing), signal);

/** Rows that others see now, in a table or in a part of its partitions. */
export async function rowsThere(
  http: Http,
  { table, partition }: { table: string; partition: readonly PartitionValue[] },
  signal: AbortSignal,
): Promise<number> {
  const where = partition.map((one) => partitionSql([one])).join(' AND ');
  const sql = `SELECT COUNT(1) AS odps_num FROM ${quoteName(table)}${where === '' ? '' : ` WHERE ${where}`}`;
  // All partitions where none is named: the service refuses that unless it is told.
  const settings = { 'odps.sql.allow.fullscan': 'true' };
  const { rows } = await patiently(`Counting ${table}`, () => runSql(http, sql, { signal, settings }), signal);
  return Number(rows[0][0]);
}
