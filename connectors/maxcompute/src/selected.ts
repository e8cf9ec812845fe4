import { randomUUID } from 'node:crypto';
import type { Field, OpenContext, Read } from '@sampan/connector';
import { type Http, quoteName, runSql, type Table, typeText } from '@sampan/maxcompute';
import { told } from './errors.ts';
import { filterSql, type PartitionFilter } from './partition-filter.ts';

/** A condition, and what has no rows of its own that the tunnel could send: views, Delta tables. */
export const needsSql = (table: Table, read: Read): boolean =>
  read.where !== null || table.isView || table.primaryKey.length > 0;

/** Days until the service removes what a SELECT gave. */
const LIFECYCLE = 1;

/**
 * Runs the SELECT into a table of its own and gives its name. A result set would be cut at 10,000 rows; a table is whole,
 * can be split and gone on with at a row, and stays the same while it is read.
 */
export async function materialise(
  http: Http,
  context: OpenContext,
  table: Table,
  read: Read,
  fields: readonly Field[],
  filter: PartitionFilter | null,
  signal: AbortSignal,
): Promise<string> {
  const name = `sampan_read_${randomUUID().replaceAll('-', '')}`;
  const all = [...table.columns, ...table.partitionColumns];
  const wanted = fields.length === 0 ? [all[0]] : all.filter((one) => fields.some((field) => field.name === one.name));
  const keys = new Set(table.partitionColumns.map((one) => one.name));
  const text = (key: string) => keys.has(key) && fields.find((field) => field.name === key)?.type.kind === 'utf8';
  const columns = wanted.map((one) => `${quoteName(one.name)} ${text(one.name) ? 'STRING' : typeText(one.type)}`);
  const list = wanted.map((one) =>
    text(one.name) ? `CAST(${quoteName(one.name)} AS STRING) AS ${quoteName(one.name)}` : quoteName(one.name),
  );
  const conditions = [
    ...(read.where === null ? [] : [`(${read.where}\n)`]),
    ...(filter === null ? [] : [`(${filterSql(filter)})`]),
  ];
  const select = `SELECT ${list.join(', ')} FROM ${quoteName(table.name)}${conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`}`;
  const run = async (sql: string) => {
    const began = performance.now();
    // All partitions where the task names none: the service refuses that unless it is told.
    await told(
      `Selecting from ${table.name}`,
      runSql(http, sql, { signal, settings: { 'odps.sql.allow.fullscan': 'true' } }),
    );
    context.statement(sql, performance.now() - began, null);
  };
  await run(`CREATE TABLE ${quoteName(name)} (${columns.join(', ')}) LIFECYCLE ${LIFECYCLE}`);
  // OVERWRITE bears repeating where an answer was lost.
  await run(`INSERT OVERWRITE TABLE ${quoteName(name)} ${select}`);
  return name;
}
