import { createHash } from 'node:crypto';
import { type Begun, ConnectorError, type Json, type Lease, type Load, type Previous } from '@sampan/connector';
import { adopt, deadline, fenced, ofInstance, openSeat, type RunRow, readRun, takeOver } from './fence.ts';
import { creation, findTable, prepareLoad } from './prepare.ts';
import { runBefore, type Told } from './publish.ts';
import { indexLiteral } from './sql.ts';
import {
  createBookkeeping,
  createStaging,
  dropStaging,
  type Handle,
  RUN,
  SLOT,
  stagingName,
  stagingTables,
} from './staging.ts';
import { mappedFields, stagedColumns } from './target-columns.ts';
import { type Connect, inTransaction, type Link, whileLocked } from './target-link.ts';

/** Creates what the load needs, fences off lower attempts, and takes over what they staged where it still fits. */
export async function beginLoad(
  connect: Connect,
  told: Told,
  load: Load,
  lease: Lease,
  previous: Previous | null,
  signal: AbortSignal,
): Promise<Begun> {
  await using link = await openSeat(connect, lease, signal);
  await createBookkeeping(link);
  await enterRun(link, lease);
  const before = (await readRun(link, lease)) as RunRow;
  if (before.attempt > lease.attempt) throw fenced(lease, before.attempt);
  // Whoever ended this attempt may have done so while it was still about to begin.
  if (before.state === 'aborted' && before.attempt === lease.attempt) throw fenced(lease, null);
  if (before.attempt < lease.attempt) await takeOver(link, lease);
  else await adopt(link, lease);
  const handle = await makeHandle(link, load, told);
  if (before.state === 'committed') return { handle: handle as unknown as Json, resumed: true };
  const resumed = await stageFor(link, handle, lease, before, previous);
  await runBefore(link, load.preSql, told);
  return { handle: handle as unknown as Json, resumed };
}

/** Asked first: an insert would wait for whoever is just deciding this run. */
async function enterRun(link: Link, lease: Lease): Promise<void> {
  if ((await readRun(link, lease)) !== null) return;
  const row = `${indexLiteral(lease.instance)}, ${lease.attempt}, 'open', UTC_TIMESTAMP(6)`;
  await whileLocked(link.signal, deadline(), () =>
    link.change(`INSERT IGNORE INTO ${RUN} (instance, attempt, state, changed) VALUES (${row})`, 'entering the run'),
  );
}

async function makeHandle(link: Link, load: Load, told: Told): Promise<Handle> {
  await prepareLoad(link, load);
  let schema = await findTable(link, load);
  if (schema === null) {
    const sql = creation(load);
    const begun = Date.now();
    await link.change(sql, `creating ${load.object}`);
    told(sql, Date.now() - begun, null);
    schema = await findTable(link, { ...load, create: false });
  }
  if (schema === null)
    throw new ConnectorError({
      kind: 'missing',
      code: 'TABLE_NOT_FOUND',
      message: `"${load.object}" was not created.`,
    });
  const columns = await stagedColumns(link, schema.object, mappedFields(load, schema));
  return { version: 1, table: schema.object, mode: load.mode, columns, preSql: load.preSql, postSql: load.postSql };
}

/** True where staged rows of an earlier begin count on: same shape, and staging still there. */
async function stageFor(
  link: Link,
  handle: Handle,
  lease: Lease,
  before: RunRow,
  previous: Previous | null,
): Promise<boolean> {
  const shape = createHash('sha256')
    .update(JSON.stringify([handle.table, handle.mode, handle.columns]))
    .digest('hex');
  const there = (await stagingTables(link, lease)).includes(stagingName(lease));
  const known = previous !== null || before.attempt === lease.attempt;
  if (known && there && before.state === 'open' && before.shape === shape) return true;
  await whileLocked(link.signal, deadline(), () => reopen(link, lease, shape));
  await whileLocked(link.signal, deadline(), () => dropStaging(link, lease));
  await createStaging(link, stagingName(lease), handle.columns);
  return false;
}

/** Forgets what earlier attempts staged. */
async function reopen(link: Link, lease: Lease, shape: string): Promise<void> {
  await inTransaction(link, async () => {
    const now = await readRun(link, lease, true);
    if (now?.attempt !== lease.attempt) throw fenced(lease, now?.attempt ?? null);
    await link.change(`DELETE FROM ${SLOT} WHERE ${ofInstance(lease)}`, 'clearing slots');
    await link.change(
      `UPDATE ${RUN} SET state = 'open', shape = '${shape}', post_sql_done = 0, changed = UTC_TIMESTAMP(6) WHERE ${ofInstance(lease)}`,
      'opening the run',
    );
  });
}
