import {
  type Begun,
  ConnectorError,
  type Json,
  type Lease,
  type Load,
  type OpenContext,
  type Previous,
} from '@sampan/connector';
import {
  createUpload,
  getTable,
  type Http,
  MaxComputeError,
  partitionSql,
  quoteName,
  reloadUpload,
  type Table,
} from '@sampan/maxcompute';
import { existingTable } from './catalog.ts';
import { tableOfDdl } from './ddl-columns.ts';
import { createStaging, stagingName } from './dynamic.ts';
import { told } from './errors.ts';
import { fenceOff, isFenced } from './fence.ts';
import { asHandle, type Handle, placeOf, uploadOf } from './handle.ts';
import { columnNames, refuseTwice, tableName } from './names.ts';
import { ddlOf } from './prepare.ts';
import { refuseRows } from './publish.ts';
import { type Shape, shapeOf } from './shape.ts';
import { repeatable, statement } from './statements.ts';
import { targetOptions } from './target-options.ts';
import { checkUpsert, stayUnique } from './upsert-keys.ts';
import { endEarlier, openUpsertSession } from './upsert-publish.ts';

/** The service forgets a session after 24 hours. */
const USABLE_MS = 23 * 3_600_000;
const DELETE_SHARE = 0.2;

export async function begin(
  http: Http,
  context: OpenContext,
  load: Load,
  lease: Lease,
  previous: Previous | null,
  signal: AbortSignal,
): Promise<Begun> {
  const earlier = previous === null ? null : asHandle(previous.handle);
  if (previous?.dead && earlier?.upsert === false) {
    if (Date.now() - earlier.openedAt < USABLE_MS && (await stillOpen(http, earlier, signal)))
      return { handle: previous.handle, resumed: true };
  }
  // What an upsert session holds cannot be asked for: every split is written again, in a session of its own.
  if (earlier !== null) await (earlier.upsert ? endEarlier : fenceOff)(http, earlier, signal);
  refuseTwice(columnNames(load.fields.map((field) => field.name)));
  const name = tableName(load.object);
  await createMissing(http, context, load, name, signal);
  for (const sql of load.preSql) await statement(http, context, sql, signal);
  const table = await existingTable(http, name, signal);
  const shape = shapeOf(table, load);
  const handle = await handleOf(http, context, load, lease, table, shape, signal);
  if (handle.mustBeEmpty) await refuseRows(http, handle, signal);
  handle.session = handle.upsert
    ? await openUpsertSession(http, handle, signal)
    : await openUpload(http, handle, signal);
  handle.openedAt = Date.now();
  return { handle: handle as unknown as Json, resumed: false };
}

const openUpload = async (http: Http, handle: Handle, signal: AbortSignal) =>
  (await told(`Opening an upload session for ${handle.table}`, createUpload(http, uploadOf(handle), signal))).id;

async function stillOpen(http: Http, handle: Handle, signal: AbortSignal): Promise<boolean> {
  try {
    const session = await reloadUpload(http, uploadOf(handle), handle.session, signal);
    return session.status === 'NORMAL' && !isFenced(session);
  } catch (error) {
    if (error instanceof MaxComputeError && error.kind === 'missing') return false;
    throw error;
  }
}

async function createMissing(http: Http, context: OpenContext, load: Load, name: string, signal: AbortSignal) {
  if (!load.create || (await told(`Looking at ${name}`, getTable(http, name, signal))) !== undefined) return;
  const ddl = ddlOf(load);
  const wanted = shapeOf(tableOfDdl(ddl, name), load);
  await statement(http, context, ddl, signal, `Creating ${name}`);
  const made = shapeOf(await existingTable(http, name, signal), load);
  const other = made.fields.find((field, at) => field.native !== wanted.fields[at].native);
  if (other === undefined) return;
  throw new ConnectorError({
    kind: 'config',
    code: 'TABLE_DIFFERS',
    message: `"${name}" was created, and its column "${other.name}" is ${other.native}, other than the statement was read.`,
    hint: 'Run the task again: the table is there now, and values are converted to its own types.',
  });
}

async function handleOf(
  http: Http,
  context: OpenContext,
  load: Load,
  lease: Lease,
  table: Table,
  { fields, fixed, dynamic }: Shape,
  signal: AbortSignal,
): Promise<Handle> {
  const replace = load.mode === 'OVERWRITE' || load.mode === 'MIRROR';
  const handle: Handle = {
    table: table.name,
    partition: fixed,
    overwrite: replace,
    session: '',
    openedAt: 0,
    columns: fields.map((field) => field.name.toLowerCase()),
    postSql: load.postSql,
    mustBeEmpty: load.mode === 'ERROR_IF_NOT_EMPTY',
    maxDeleteShare: load.mode === 'MIRROR' ? (targetOptions(load.options).maxDeleteShare ?? DELETE_SHARE) : null,
    dynamic: null,
    upsert: load.mode === 'UPSERT',
    uniqueKeys: load.mode === 'UPSERT' && stayUnique(load, fields),
  };
  if (handle.upsert) checkUpsert(table, load);
  if (fixed.length > 0 && dynamic.length === 0) {
    const { partition } = placeOf(handle);
    const sql = `ALTER TABLE ${quoteName(table.name)} ADD IF NOT EXISTS PARTITION (${partitionSql(partition)})`;
    await repeatable(http, context, sql, signal, `Adding a partition to ${table.name}`);
  }
  // A Delta table takes no uploads.
  if (dynamic.length > 0 || (table.primaryKey.length > 0 && replace)) {
    const keys = dynamic.map((one) => one.name);
    const primaryKey = table.primaryKey.map((key) => key.toLowerCase());
    handle.dynamic = { table: table.name, fixed, keys, primaryKey, replace };
    handle.table = stagingName(lease);
    handle.partition = [];
    // Whatever an earlier call of this attempt has put there goes.
    handle.overwrite = true;
    await createStaging(http, context, handle, table, signal);
  }
  return handle;
}
