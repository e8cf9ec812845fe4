import {
  ConnectorError,
  type Field,
  type Json,
  type Lease,
  type Load,
  type OpenContext,
  type Outcome,
  type Prepared,
  type Receipt,
  type Target,
  type Verdict,
} from '@sampan/connector';
import {
  commitUpload,
  createUpload,
  getTable,
  type Http,
  MaxComputeError,
  partitionSql,
  quoteName,
  reloadUpload,
  runSql,
  type Table,
  type UploadTarget,
  writeBlock,
} from '@sampan/maxcompute';
import { createTable } from './ddl.ts';
import { told } from './errors.ts';
import { fieldOf, logicalTypeOf, odpsTypeFor } from './types.ts';
import { createWriter } from './writer.ts';

/** All that later calls need, in any process. */
interface Handle {
  table: string;
  partition: { name: string; value: string }[];
  overwrite: boolean;
  session: string;
  /** When the session was opened, in milliseconds since 1970. */
  openedAt: number;
  /** Target columns of the batches, in their order. */
  columns: string[];
  postSql: string[];
}

/** The service forgets a session after 24 hours. */
const USABLE_MS = 23 * 3_600_000;
/** One split is one block, sent in one piece: small enough to send again, large enough not to leave small files. */
const SPLIT_BYTES = 128 * 1024 * 1024;

const asHandle = (handle: Json) => handle as unknown as Handle;
const uploadOf = (handle: Handle): UploadTarget => ({
  table: handle.table,
  partition: handle.partition,
  overwrite: handle.overwrite,
});

export function createTarget(http: Http, context: OpenContext): Target {
  return {
    traits: {
      modes: ['APPEND', 'OVERWRITE'],
      publish: ['session'],
      maxWriters: 8,
      splitBytes: SPLIT_BYTES,
      expires: 'What was uploaded but not committed goes away 24 hours after the run began.',
    },
    prepare: (load, signal) => prepare(http, load, signal),
    async begin(load, _lease, previous, signal) {
      if (previous?.dead) {
        const earlier = asHandle(previous.handle);
        if (Date.now() - earlier.openedAt < USABLE_MS && (await stillOpen(http, earlier, signal)))
          return { handle: previous.handle, resumed: true };
      }
      await createMissing(http, load, signal);
      for (const sql of load.preSql) await statement(http, context, sql, signal);
      const target: UploadTarget = {
        table: load.object.toLowerCase(),
        partition: load.partition,
        overwrite: load.mode === 'OVERWRITE',
      };
      const session = await told(`Opening an upload session for ${load.object}`, createUpload(http, target, signal));
      const handle: Handle = {
        ...target,
        overwrite: load.mode === 'OVERWRITE',
        session: session.id,
        openedAt: Date.now(),
        columns: load.fields.map((field) => field.name.toLowerCase()),
        postSql: load.postSql,
      };
      return { handle: handle as unknown as Json, resumed: false };
    },
    async writer(given, slot, _lease, signal) {
      const handle = asHandle(given);
      const session = await told('Opening a block', reloadUpload(http, uploadOf(handle), handle.session, signal));
      return createWriter(session, handle.columns, slot.split, () =>
        told('Opening a block', writeBlock(http, uploadOf(handle), session, slot.split, signal)),
      );
    },
    async verify(given, receipts, _lease, signal): Promise<Verdict> {
      const handle = asHandle(given);
      const session = await told('Verifying the upload', reloadUpload(http, uploadOf(handle), handle.session, signal));
      const there = new Map(session.blocks.map((block) => [block.id, block.rows]));
      const wrong = receipts.filter(
        (receipt) => !there.has(receipt.split) || (there.get(receipt.split) ?? receipt.rows) !== receipt.rows,
      );
      const rows = session.blocks.some((block) => block.rows === null)
        ? null
        : session.blocks.reduce((sum, block) => sum + (block.rows as number), 0);
      if (wrong.length === 0 && there.size === receipts.length)
        return { ok: true, rows, message: `The session holds ${there.size} blocks, as written.` };
      return {
        ok: false,
        rows,
        message: `The session holds ${there.size} blocks, ${receipts.length} were written; ${wrong.length} differ.`,
      };
    },
    async commit(given, receipts, _lease, signal) {
      const handle = asHandle(given);
      await told(
        `Committing to ${handle.table}`,
        commitUpload(
          http,
          uploadOf(handle),
          handle.session,
          receipts.map((receipt: Receipt) => receipt.split),
          signal,
        ),
      );
      for (const sql of handle.postSql) {
        await statement(http, context, sql, signal).catch((error: Error) =>
          context.log('warn', `A statement after the commit failed: ${error.message}`),
        );
      }
    },
    outcome: (given: Json, _lease: Lease, signal) => outcome(http, asHandle(given), signal),
    // The tunnel knows no abort: a session that nobody commits leaves nothing and expires.
    abort: async () => {},
  };
}

async function outcome(http: Http, handle: Handle, signal: AbortSignal): Promise<Outcome> {
  try {
    const { status } = await reloadUpload(http, uploadOf(handle), handle.session, signal);
    if (status === 'CLOSED') return 'committed';
    // While it is closing, committing again waits for the end of it.
    return status === 'NORMAL' || status === 'CLOSING' || status === 'COMMITTING' ? 'open' : 'unknown';
  } catch (error) {
    if (error instanceof MaxComputeError && error.code === 'NoSuchUpload') return 'unknown';
    throw error;
  }
}

async function stillOpen(http: Http, handle: Handle, signal: AbortSignal): Promise<boolean> {
  try {
    return (await reloadUpload(http, uploadOf(handle), handle.session, signal)).status === 'NORMAL';
  } catch (error) {
    if (error instanceof MaxComputeError && error.code === 'NoSuchUpload') return false;
    throw error;
  }
}

async function prepare(http: Http, load: Load, signal: AbortSignal): Promise<Prepared> {
  if (load.mode !== 'APPEND' && load.mode !== 'OVERWRITE')
    throw refused(
      'MODE_UNAVAILABLE',
      `Write mode ${load.mode} is not available for MaxCompute yet.`,
      'Use APPEND or OVERWRITE.',
    );
  if (load.publish !== 'auto' && load.publish !== 'session')
    throw refused(
      'PUBLISH_UNAVAILABLE',
      'MaxCompute publishes by upload session.',
      'Leave the way of publishing to AUTO.',
    );
  const table = await told(`Looking at ${load.object}`, getTable(http, load.object, signal));
  const visible =
    load.mode === 'OVERWRITE'
      ? 'Others see the old data until the commit, and all of the new at once.'
      : 'Others see none of the new rows until the commit, and then all of them at once.';
  if (table === undefined) {
    if (!load.create)
      throw new ConnectorError({
        kind: 'missing',
        code: 'TABLE_NOT_FOUND',
        message: `There is no table "${load.object}" in project ${http.options.project}.`,
        hint: 'Choose another, or have it created.',
      });
    const fields = load.fields.map((field): Field => {
      const type = odpsTypeFor(field.type);
      return fieldOf({ name: field.name.toLowerCase(), type, nullable: true, comment: field.comment ?? '' });
    });
    return { ddl: load.ddl ?? createTable(load), publish: 'session', visible, fields };
  }
  return { ddl: null, publish: 'session', visible, fields: existingFields(table, load) };
}

function existingFields(table: Table, load: Load): Field[] {
  if (table.isView) throw refused('NOT_A_TABLE', `"${table.name}" is a view.`, 'Write to a table.');
  if (table.primaryKey.length > 0)
    throw refused(
      'DELTA_TABLE',
      `"${table.name}" is a Delta table, which is written by upsert sessions; these are not available yet.`,
      'Write to an ordinary table.',
    );
  const named = load.partition.map((one) => one.name.toLowerCase());
  const wanted = table.partitionColumns.map((column) => column.name);
  if (named.length !== wanted.length || !wanted.every((name, at) => named[at] === name)) {
    throw refused(
      'PARTITION_NEEDED',
      wanted.length === 0
        ? `"${table.name}" has no partitions.`
        : `"${table.name}" is partitioned by ${wanted.join(', ')}: give a value for each, in that order.`,
      'Correct the partition of the target.',
    );
  }
  return load.fields.map((field) => {
    const column = table.columns.find((one) => one.name === field.name.toLowerCase());
    if (column === undefined)
      throw new ConnectorError({
        kind: 'missing',
        code: 'COLUMN_NOT_FOUND',
        message: `"${table.name}" has no column "${field.name}".`,
        hint: 'Correct the mapping.',
      });
    if (logicalTypeOf(column.type) === null)
      throw refused(
        'TYPE_UNAVAILABLE',
        `Columns of the type of "${column.name}" cannot be written yet.`,
        'Leave it out of the mapping.',
      );
    return fieldOf(column);
  });
}

async function createMissing(http: Http, load: Load, signal: AbortSignal): Promise<void> {
  if (load.create && (await told(`Looking at ${load.object}`, getTable(http, load.object, signal))) === undefined) {
    await told(`Creating ${load.object}`, runSql(http, load.ddl ?? createTable(load), { signal }));
  }
  if (load.partition.length === 0) return;
  const sql = `ALTER TABLE ${quoteName(load.object)} ADD IF NOT EXISTS PARTITION (${partitionSql(load.partition)})`;
  await told(`Adding a partition to ${load.object}`, runSql(http, sql, { signal }));
}

async function statement(http: Http, context: OpenContext, sql: string, signal: AbortSignal): Promise<void> {
  const began = performance.now();
  await told('Running a statement of the task', runSql(http, sql, { signal }));
  context.statement(sql, performance.now() - began, null);
}

function refused(code: string, message: string, hint: string): ConnectorError {
  return new ConnectorError({ kind: 'config', code, message, hint });
}
