import { ConnectorError, type Lease, type Receipt, type Verdict } from '@sampan/connector';
import { describeObject } from './catalog.ts';
import { deadline, fenced, ofInstance, readRun } from './fence.ts';
import { sortStatements } from './publish-statements.ts';
import { quoteName } from './sql.ts';
import { type Handle, ownName, RUN, SLOT, stagingName, stagingTables } from './staging.ts';
import { errnoOf, inTransaction, type Link, whileLocked } from './target-link.ts';

export type Told = (sql: string, millis: number, rows: number | null) => void;

interface SlotRow {
  split: number;
  sealed: boolean;
  own: boolean;
  rows: number;
}

async function readSlots(link: Link, lease: Lease): Promise<SlotRow[]> {
  const found = await link.rows(
    `SELECT split, sealed, own, \`rows\` AS n FROM ${SLOT} WHERE ${ofInstance(lease)} ORDER BY split`,
    'reading slots',
  );
  return found.map((row) => ({
    split: Number(row.split),
    sealed: Number(row.sealed) === 1,
    own: Number(row.own) === 1,
    rows: Number(row.n),
  }));
}

/** What differs between receipts and slots, in words; null: nothing. */
function difference(slots: SlotRow[], receipts: Receipt[]): string | null {
  const bySplit = new Map(receipts.map((receipt) => [receipt.split, receipt]));
  if (bySplit.size !== receipts.length) return 'a split has more than one receipt';
  for (const slot of slots) {
    const receipt = bySplit.get(slot.split);
    if (receipt === undefined) return `split ${slot.split} is staged and has no receipt`;
    if (!slot.sealed) return `split ${slot.split} is not sealed`;
    if (receipt.rows !== slot.rows)
      return `split ${slot.split} holds ${slot.rows} rows, its receipt says ${receipt.rows}`;
    bySplit.delete(slot.split);
  }
  const [lost] = bySplit.keys();
  return lost === undefined ? null : `split ${lost} has a receipt and is not staged`;
}

/** The staging tables that hold the slots' rows, with how many each must hold. */
function stages(lease: Lease, slots: SlotRow[]): { name: string; rows: number }[] {
  const shared = slots.filter((slot) => !slot.own).reduce((sum, slot) => sum + slot.rows, 0);
  const own = slots.filter((slot) => slot.own).map((slot) => ({ name: ownName(lease, slot.split), rows: slot.rows }));
  return [{ name: stagingName(lease), rows: shared }, ...own];
}

/** Counts what is staged, and looks for keys that would clash. @throws ConnectorError `KEY_CONFLICT` */
export async function verifyStaged(link: Link, handle: Handle, receipts: Receipt[], lease: Lease): Promise<Verdict> {
  const slots = await readSlots(link, lease);
  const total = slots.reduce((sum, slot) => sum + slot.rows, 0);
  const wrong = difference(slots, receipts);
  if (wrong !== null) return { ok: false, rows: total, message: `Staging and receipts differ: ${wrong}.` };
  const tables = stages(lease, slots);
  let counted = 0;
  for (const { name, rows } of tables) {
    const [row] = await link.rows(`SELECT COUNT(*) AS n FROM ${quoteName(name)}`, 'counting staged rows');
    counted += Number(row.n);
    if (Number(row.n) !== rows)
      return { ok: false, rows: null, message: `Staging table ${name} holds ${row.n} rows, its slots say ${rows}.` };
  }
  await checkKeys(
    link,
    handle,
    tables.filter(({ rows }) => rows > 0).map(({ name }) => name),
  );
  return { ok: true, rows: counted, message: `${counted} rows are staged, as the receipts say.` };
}

/** Every unique key whose columns are all mapped: against the rows that stay, and among the new rows. */
async function checkKeys(link: Link, handle: Handle, tables: string[]): Promise<void> {
  if (tables.length === 0) return;
  const { keys } = await describeObject(link.connection, handle.table);
  const mapped = new Set(handle.columns.map(({ name }) => name));
  for (const key of keys.filter(({ unique, columns }) => unique && columns.every((column) => mapped.has(column)))) {
    const columns = key.columns.map(quoteName);
    const union = tables.map((name) => `SELECT ${columns.join(', ')} FROM ${quoteName(name)}`).join(' UNION ALL ');
    const staged = tables.length === 1 ? quoteName(tables[0]) : `(${union})`;
    if (rowsStay(handle)) await checkExisting(link, handle, key.name, key.columns, staged);
    await checkTwice(link, handle, key.name, key.columns, staged);
  }
}

/** True where the rows that are in the table now are there, too, when the new ones come. */
export function rowsStay({ mode, preSql }: Handle): boolean {
  return mode === 'APPEND' && sortStatements(preSql, 'the pre-SQL').inside.length === 0;
}

async function checkExisting(
  link: Link,
  handle: Handle,
  key: string,
  columns: string[],
  staged: string,
): Promise<void> {
  const on = columns.map((column) => `s.${quoteName(column)} = t.${quoteName(column)}`).join(' AND ');
  const from = `FROM ${staged} s JOIN ${quoteName(handle.table)} t ON ${on}`;
  const [{ n }] = await link.rows(`SELECT COUNT(*) AS n ${from}`, 'looking for key conflicts');
  if (Number(n) === 0) return;
  const sample = await link.rows(
    `SELECT ${columns.map((column) => `s.${quoteName(column)}`).join(', ')} ${from} LIMIT 1`,
    'looking for key conflicts',
  );
  throw conflict(handle, key, Number(n), 'rows meet a key that table already holds', sample[0]);
}

async function checkTwice(link: Link, handle: Handle, key: string, columns: string[], staged: string): Promise<void> {
  const names = columns.map(quoteName).join(', ');
  const filled = columns.map((column) => `${quoteName(column)} IS NOT NULL`).join(' AND ');
  const groups = `SELECT ${names}, COUNT(*) AS sampan_n FROM ${staged} s WHERE ${filled} GROUP BY ${names} HAVING COUNT(*) > 1`;
  const [first] = await link.rows(`${groups} LIMIT 1`, 'looking for keys that come twice');
  if (first === undefined) return;
  const [{ n }] = await link.rows(`SELECT COUNT(*) AS n FROM (${groups}) g`, 'counting keys that come twice');
  delete first.sampan_n;
  throw conflict(handle, key, Number(n), 'keys come more than once in the rows to be written to it', first);
}

function conflict(
  handle: Handle,
  key: string,
  n: number,
  what: string,
  sample: { [column: string]: unknown },
): ConnectorError {
  return new ConnectorError({
    kind: 'data',
    code: 'KEY_CONFLICT',
    message: `Table "${handle.table}", key ${key}: ${n} ${what}, such as ${keyText(sample)}. Nothing was published.`,
    hint:
      handle.mode === 'APPEND'
        ? 'Leave these rows out with a filter, or overwrite the table.'
        : 'Leave the doubled rows out with a filter, or drop the key.',
  });
}

const keyText = (row: { [column: string]: unknown }) =>
  Object.entries(row)
    .map(([name, value]) => `${name}=${(Buffer.isBuffer(value) ? value.toString('hex') : String(value)).slice(0, 200)}`)
    .join(', ');

/** Publishes in one transaction. Answers false where it had been published before. */
export async function publish(
  link: Link,
  handle: Handle,
  receipts: Receipt[],
  lease: Lease,
  told: Told,
): Promise<boolean> {
  return whileLocked(link.signal, deadline(), () =>
    inTransaction(link, async () => {
      const run = await readRun(link, lease, true);
      if (run?.state === 'committed') return false;
      if (run === null || run.attempt !== lease.attempt) throw fenced(lease, run?.attempt ?? null);
      if (run.state === 'aborted') throw fenced(lease, null);
      const slots = await readSlots(link, lease);
      const wrong = difference(slots, receipts);
      if (wrong !== null) throw refusedReceipts(wrong);
      // From here on a retry would repeat all the work: other people's locks are worth a longer wait.
      await link.change('SET SESSION innodb_lock_wait_timeout = 60, lock_wait_timeout = 60', 'setting up the session');
      await moveRows(link, handle, stages(lease, slots), told);
      await link.change(
        `UPDATE ${RUN} SET state = 'committed', changed = UTC_TIMESTAMP(6) WHERE ${ofInstance(lease)}`,
        'marking the run as committed',
      );
      return true;
    }),
  );
}

function refusedReceipts(wrong: string): ConnectorError {
  return new ConnectorError({
    kind: 'bug',
    code: 'RECEIPTS_DIFFER',
    message: `Nothing was published: ${wrong}.`,
    hint: 'Run the task anew; if it happens again, please report it.',
  });
}

async function moveRows(
  link: Link,
  handle: Handle,
  tables: { name: string; rows: number }[],
  told: Told,
): Promise<void> {
  const table = quoteName(handle.table);
  const columns = handle.columns.map(({ name }) => quoteName(name)).join(', ');
  for (const sql of sortStatements(handle.preSql, 'the pre-SQL').inside)
    await timed(link, sql, 'running pre-SQL', told);
  if (handle.mode === 'OVERWRITE') await timed(link, `DELETE FROM ${table}`, `clearing ${handle.table}`, told);
  for (const { name, rows } of tables) {
    if (rows === 0) continue;
    const sql = `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM ${quoteName(name)}`;
    const published = await timed(link, sql, `publishing to ${handle.table}`, told).catch((error) => {
      throw errnoOf(error) === 1062 ? lateConflict(error) : error;
    });
    if (published !== rows) throw refusedReceipts(`${published} of ${rows} rows could be published`);
  }
  for (const sql of sortStatements(handle.postSql, 'the post-SQL').inside)
    await timed(link, sql, 'running post-SQL', told);
}

function lateConflict(cause: Error): ConnectorError {
  return new ConnectorError({
    kind: 'data',
    code: 'KEY_CONFLICT',
    message: `${cause.message} Nothing was published.`,
    hint: 'Somebody else wrote this key while the copy ran, or a key over a part of a column or a computed column clashes.',
    cause,
  });
}

async function timed(link: Link, sql: string, doing: string, told: Told): Promise<number> {
  const begun = Date.now();
  const { affectedRows } = await link.change(sql, doing);
  // A SELECT changes nothing and has no such count.
  told(sql, Date.now() - begun, affectedRows ?? null);
  return affectedRows ?? 0;
}

/** Pre-SQL that would end a transaction, before the load; each attempt runs it. */
export async function runBefore(link: Link, preSql: string[], told: Told): Promise<void> {
  for (const sql of sortStatements(preSql, 'the pre-SQL').outside) await timed(link, sql, 'running pre-SQL', told);
}

/** Post-SQL that would end a transaction, after the commit, at least once. A failure is a warning: the rows are there. */
export async function runAfter(
  link: Link,
  handle: Handle,
  lease: Lease,
  told: Told,
  warn: (message: string) => void,
): Promise<void> {
  const { outside } = sortStatements(handle.postSql, 'the post-SQL');
  for (const sql of outside) {
    await timed(link, sql, 'running post-SQL', told).catch((error: Error) => {
      if (link.signal?.aborted) throw error;
      warn(`A post-SQL statement failed after the commit. ${error.message}`);
    });
  }
  if (outside.length > 0)
    await link.change(`UPDATE ${RUN} SET post_sql_done = 1 WHERE ${ofInstance(lease)}`, 'noting that post-SQL ran');
}

/** True while the rows of an open run are still there to be published. */
export async function stillStaged(link: Link, lease: Lease): Promise<boolean> {
  return (await stagingTables(link, lease)).includes(stagingName(lease));
}
