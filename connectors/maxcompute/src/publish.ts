import {
  ConnectorError,
  type Json,
  type OpenContext,
  type Outcome,
  type Receipt,
  type Verdict,
} from '@sampan/connector';
import { commitUpload, type Http, MaxComputeError, reloadUpload, type UploadSession } from '@sampan/maxcompute';
import { publishStaging, stagingOutcome } from './dynamic.ts';
import { told } from './errors.ts';
import { isFenced } from './fence.ts';
import { asHandle, type Handle, placeOf, uploadOf } from './handle.ts';
import { postSqlIsDue, runPostSql } from './post-sql.ts';
import { rowsThere } from './statements.ts';
import type { UpsertLedgers } from './upsert-ledger.ts';
import { commitUpserts, upsertOutcome, verifyUpsert } from './upsert-publish.ts';

/** The service's block list must equal the receipts, rows included where it counts them. */
export async function verify(
  http: Http,
  given: Json,
  receipts: readonly Receipt[],
  ledgers: UpsertLedgers,
  signal: AbortSignal,
): Promise<Verdict> {
  const handle = asHandle(given);
  if (handle.upsert) return verifyUpsert(http, handle, receipts, ledgers, signal);
  const session = await told('Verifying the upload', reloadUpload(http, uploadOf(handle), handle.session, signal));
  const verdict = compare(session, receipts);
  if (verdict.ok && handle.maxDeleteShare !== null) await refuseShrinking(http, handle, receipts, signal);
  return verdict;
}

function compare(session: UploadSession, receipts: readonly Receipt[]): Verdict {
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
}

/** MIRROR: at least as many rows go as there are fewer. */
async function refuseShrinking(
  http: Http,
  handle: Handle,
  receipts: readonly Receipt[],
  signal: AbortSignal,
): Promise<void> {
  const now = await rowsThere(http, placeOf(handle), signal);
  const then = receipts.reduce((sum, receipt) => sum + receipt.rows, 0);
  if (now === 0 || (then > 0 && (now - then) / now <= handle.maxDeleteShare!)) return;
  throw new ConnectorError({
    kind: 'data',
    code: then === 0 ? 'MIRROR_EMPTY' : 'MIRROR_DELETES',
    message: `${handle.table} holds ${now} rows, and would hold ${then}: ${then === 0 ? 'the source came out empty' : `more than the share of ${handle.maxDeleteShare} would go`}.`,
    hint: 'Nothing was published. Look at the source; raise maxDeleteShare where it is right, or use OVERWRITE.',
  });
}

/** ERROR_IF_NOT_EMPTY. @throws ConnectorError `TARGET_NOT_EMPTY` */
export async function refuseRows(http: Http, handle: Handle, signal: AbortSignal): Promise<void> {
  const place = placeOf(handle);
  const rows = await rowsThere(http, place, signal);
  if (rows === 0) return;
  const part = place.partition.map((one) => `${one.name}=${one.value}`).join(',');
  throw new ConnectorError({
    kind: 'data',
    code: 'TARGET_NOT_EMPTY',
    message: `${place.table}${part === '' ? '' : ` (${part})`} holds ${rows} rows already.`,
    hint: 'Nothing was published. Empty it, or choose another write mode.',
  });
}

export async function commit(
  http: Http,
  context: OpenContext,
  given: Json,
  receipts: readonly Receipt[],
  ledgers: UpsertLedgers,
  signal: AbortSignal,
): Promise<void> {
  const handle = asHandle(given);
  const { dynamic } = handle;
  // A staging table that has been renamed has been committed.
  if (handle.upsert) await commitUpserts(http, handle, receipts, ledgers, signal);
  else if (dynamic === null || (await stagingIsOpen(http, handle, signal)))
    await commitSession(http, handle, receipts, signal);
  if (dynamic !== null) await publishStaging(http, context, handle, dynamic, signal);
  if (await postSqlIsDue(http, handle, signal)) await runPostSql(http, context, handle, signal);
}

const sessionOf = (http: Http, handle: Handle, signal: AbortSignal) =>
  told(`Committing to ${handle.table}`, reloadUpload(http, uploadOf(handle), handle.session, signal));

async function commitSession(
  http: Http,
  handle: Handle,
  receipts: readonly Receipt[],
  signal: AbortSignal,
): Promise<void> {
  const session = await sessionOf(http, handle, signal);
  if (session.status === 'NORMAL') {
    if (isFenced(session))
      throw new ConnectorError({
        kind: 'busy',
        code: 'FENCED',
        message: `A later attempt of this run has taken over from the one that wrote to ${handle.table}.`,
        hint: 'The later attempt goes on; this one publishes nothing.',
      });
    const { ok, message } = compare(session, receipts);
    if (!ok)
      throw new ConnectorError({
        kind: 'data',
        code: 'BLOCKS_NOT_MATCH',
        message: `What is staged is not what was written: ${message}`,
        hint: 'Nothing was published. Run it again.',
      });
    if (handle.mustBeEmpty) await refuseOthers(http, handle, signal);
  }
  const blocks = receipts.map((receipt) => receipt.split);
  await told(`Committing to ${handle.table}`, commitUpload(http, uploadOf(handle), handle.session, blocks, signal));
}

/** Rows that are there now may be our own, where a commit whose answer was lost has come through meanwhile. */
async function refuseOthers(http: Http, handle: Handle, signal: AbortSignal): Promise<void> {
  try {
    await refuseRows(http, handle, signal);
  } catch (error) {
    if ((await sessionOf(http, handle, signal)).status === 'NORMAL') throw error;
  }
}

async function stagingIsOpen(http: Http, handle: Handle, signal: AbortSignal): Promise<boolean> {
  try {
    await reloadUpload(http, uploadOf(handle), handle.session, signal);
    return true;
  } catch (error) {
    if (error instanceof MaxComputeError && error.kind === 'missing') return false;
    throw error;
  }
}

/** `open` also where the rows are published and the statements after it have not run: to commit again runs them. */
export async function outcome(http: Http, given: Json, signal: AbortSignal): Promise<Outcome> {
  const handle = asHandle(given);
  const { dynamic } = handle;
  const found = await (handle.upsert
    ? upsertOutcome(http, handle, signal)
    : dynamic === null
      ? sessionOutcome(http, handle, signal)
      : stagingOutcome(http, handle, dynamic, signal));
  return found === 'committed' && (await postSqlIsDue(http, handle, signal)) ? 'open' : found;
}

async function sessionOutcome(http: Http, handle: Handle, signal: AbortSignal): Promise<Outcome> {
  try {
    const session = await reloadUpload(http, uploadOf(handle), handle.session, signal);
    const { status } = session;
    if (status === 'CLOSED') return 'committed';
    if (status === 'NORMAL' && isFenced(session)) return 'gone';
    // While it is closing, committing again waits for the end of it.
    return status === 'NORMAL' || status === 'CLOSING' || status === 'COMMITTING' ? 'open' : 'unknown';
  } catch (error) {
    if (error instanceof MaxComputeError && error.code === 'NoSuchUpload') return 'unknown';
    throw error;
  }
}
