import { createHash } from 'node:crypto';
import { ConnectorError, type Lease, type OpenContext, type Outcome } from '@sampan/connector';
import {
  getTable,
  type Http,
  MaxComputeError,
  partitionSql,
  quoteName,
  runSql,
  type Table,
  typeText,
} from '@sampan/maxcompute';
import { asConnectorError, told } from './errors.ts';
import type { Dynamic, Handle } from './handle.ts';
import { repeatedKey } from './refused-rows.ts';
import { repeatable } from './statements.ts';

/** Days until the service removes a staging table that nobody removed. */
const LIFECYCLE = 3;

/**
 * Partitions that come with the rows: the upload goes into a staging table, and one INSERT publishes it. The staging
 * table's name tells how far that is, since an INSERT leaves no other mark: `…` loaded · `…_now` the INSERT may be under
 * way or done · `…_done` it is done.
 */
export const stagingName = ({ instance, attempt }: Lease) =>
  `sampan_load_${createHash('sha256').update(instance).digest('hex').slice(0, 20)}_${attempt}`;
const nowName = (handle: Handle) => `${handle.table}_now`;
const doneName = (handle: Handle) => `${handle.table}_done`;

export async function createStaging(
  http: Http,
  context: OpenContext,
  handle: Handle,
  table: Table,
  signal: AbortSignal,
): Promise<void> {
  const all = [...table.columns, ...table.partitionColumns];
  const columns = handle.columns.map((name) => {
    const { type } = all.find((one) => one.name.toLowerCase() === name)!;
    const key = table.partitionColumns.some((one) => one.name.toLowerCase() === name);
    const whole = /^(tinyint|smallint|int|bigint)$/.test(type.kind);
    return `${quoteName(name)} ${key && !whole ? 'STRING' : typeText(type)}`;
  });
  const sql = `CREATE TABLE IF NOT EXISTS ${quoteName(handle.table)} (${columns.join(', ')}) LIFECYCLE ${LIFECYCLE}`;
  await repeatable(http, context, sql, signal, `Creating a staging table for ${table.name}`);
}

/** Publishes the staging table, whose upload is committed. @throws ConnectorError; `stagingOutcome` tells what happened */
export async function publishStaging(
  http: Http,
  context: OpenContext,
  handle: Handle,
  dynamic: Dynamic,
  signal: AbortSignal,
): Promise<void> {
  if (await exists(http, doneName(handle), signal)) return;
  // Looked up before anything is renamed: what it refuses leaves the run open.
  const sql = await insertSql(http, handle, dynamic, signal);
  if (await exists(http, handle.table, signal)) {
    if (dynamic.primaryKey.length > 0) await refuseRepeated(http, handle, dynamic, signal);
    await rename(http, context, handle.table, nowName(handle), signal);
  } else if (!dynamic.replace || !(await exists(http, nowName(handle), signal))) throw undecided(handle, dynamic);
  const began = performance.now();
  try {
    // A Guid of its own each time: by that of one that was refused the service would give the refusal again.
    await runSql(http, sql, { signal });
  } catch (error) {
    // The statement ended without success: it has published nothing, and may be tried again.
    if (error instanceof MaxComputeError && error.status === null && /^(ODPS-|TaskFailed)/.test(error.code))
      await rename(http, context, nowName(handle), handle.table, signal);
    throw asConnectorError(error, `Publishing into ${dynamic.table}`);
  }
  context.statement(sql, performance.now() - began, null);
  await rename(http, context, nowName(handle), doneName(handle), signal);
}

/** The INSERT would keep one of the rows with a key, and not say so. @throws ConnectorError `KEY_REPEATED` */
async function refuseRepeated(http: Http, handle: Handle, dynamic: Dynamic, signal: AbortSignal): Promise<void> {
  const keys = [...dynamic.keys, ...dynamic.primaryKey].map(quoteName).join(', ');
  const sql = `SELECT COUNT(*) AS times FROM (SELECT ${keys} FROM ${quoteName(handle.table)} GROUP BY ${keys} HAVING COUNT(*) > 1) AS repeated`;
  const { rows } = await told(`Looking for repeated keys in ${handle.table}`, runSql(http, sql, { signal }));
  if (Number(rows[0][0]) > 0) throw repeatedKey(`${rows[0][0]} keys of ${dynamic.table}`);
}

async function insertSql(http: Http, handle: Handle, dynamic: Dynamic, signal: AbortSignal): Promise<string> {
  const table = await told(`Looking at ${dynamic.table}`, getTable(http, dynamic.table, signal));
  if (table === undefined)
    throw new ConnectorError({
      kind: 'missing',
      code: 'TABLE_NOT_FOUND',
      message: `There is no table "${dynamic.table}" any more.`,
      hint: 'Run the task again.',
    });
  const gone = handle.columns.find(
    (name) => ![...table.columns, ...table.partitionColumns].some((one) => one.name === name),
  );
  if (gone !== undefined)
    throw new ConnectorError({
      kind: 'missing',
      code: 'COLUMN_GONE',
      message: `"${dynamic.table}" has no column "${gone}" any more.`,
      hint: 'Correct the mapping, and run the task again.',
    });
  const values = table.columns.map((column) =>
    handle.columns.includes(column.name) ? quoteName(column.name) : `CAST(NULL AS ${typeText(column.type)})`,
  );
  const fixed = dynamic.fixed.length === 0 ? [] : [partitionSql(dynamic.fixed)];
  const keys = [...fixed, ...dynamic.keys.map(quoteName)];
  const spec = keys.length === 0 ? '' : ` PARTITION (${keys.join(', ')})`;
  return `INSERT ${dynamic.replace ? 'OVERWRITE' : 'INTO'} TABLE ${quoteName(dynamic.table)}${spec} SELECT ${[...values, ...dynamic.keys.map(quoteName)].join(', ')} FROM ${quoteName(nowName(handle))}`;
}

/** `open` also where the INSERT may have run but bears repeating, as OVERWRITE does. */
export async function stagingOutcome(
  http: Http,
  handle: Handle,
  dynamic: Dynamic,
  signal: AbortSignal,
): Promise<Outcome> {
  if (await exists(http, doneName(handle), signal)) return 'committed';
  if (await exists(http, nowName(handle), signal)) return dynamic.replace ? 'open' : 'unknown';
  return (await exists(http, handle.table, signal)) ? 'open' : 'unknown';
}

/** Removes what is staged; what an INSERT may be reading stays. */
export async function dropStaging(http: Http, handle: Pick<Handle, 'table'>, signal: AbortSignal): Promise<void> {
  await told(`Removing ${handle.table}`, runSql(http, `DROP TABLE IF EXISTS ${quoteName(handle.table)}`, { signal }));
}

export async function forgetStaging(http: Http, handle: Handle, signal: AbortSignal): Promise<void> {
  await told(
    `Removing ${doneName(handle)}`,
    runSql(http, `DROP TABLE IF EXISTS ${quoteName(doneName(handle))}`, { signal }),
  );
}

const exists = async (http: Http, name: string, signal: AbortSignal) =>
  (await told(`Looking at ${name}`, getTable(http, name, signal))) !== undefined;

const rename = (http: Http, context: OpenContext, from: string, to: string, signal: AbortSignal) =>
  repeatable(http, context, `ALTER TABLE ${quoteName(from)} RENAME TO ${quoteName(to)}`, signal, `Renaming ${from}`);

const undecided = (handle: Handle, dynamic: Dynamic) =>
  new ConnectorError({
    kind: 'data',
    code: 'COMMIT_UNKNOWN',
    message: `Whether ${handle.table} was inserted into ${dynamic.table} cannot be found out.`,
    hint: `Compare ${nowName(handle)} with ${dynamic.table}, and say whether it was committed.`,
  });
