import { ConnectorError, type Outcome, type Receipt, type Verdict } from '@sampan/connector';
import {
  abortUpsert,
  commitUpsert,
  createUpsert,
  type Http,
  MaxComputeError,
  reloadUpsert,
  type UpsertStatus,
} from '@sampan/maxcompute';
import { told } from './errors.ts';
import { type Handle, uploadOf } from './handle.ts';
import type { UpsertLedgers } from './upsert-ledger.ts';

/** The longest that the service keeps one. */
const LIFECYCLE_HOURS = 24;

/** @returns the id of a new session */
export async function openUpsertSession(http: Http, handle: Handle, signal: AbortSignal): Promise<string> {
  const target = { ...uploadOf(handle), lifecycle: LIFECYCLE_HOURS };
  return (await told(`Opening an upsert session for ${handle.table}`, createUpsert(http, target, signal))).id;
}

type Found = UpsertStatus | 'GONE';

async function statusOf(http: Http, handle: Handle, signal: AbortSignal): Promise<Found> {
  try {
    return (await reloadUpsert(http, uploadOf(handle), handle.session, signal)).status;
  } catch (error) {
    if (error instanceof MaxComputeError && error.kind === 'missing') return 'GONE';
    throw error;
  }
}

/**
 * The session of an earlier attempt is ended: it cannot be committed any more, by anybody.
 * @throws ConnectorError where it has been published, or is about to be
 */
export async function endEarlier(http: Http, earlier: Handle, signal: AbortSignal): Promise<void> {
  const doing = 'Ending an earlier attempt';
  try {
    await told(doing, abortUpsert(http, uploadOf(earlier), earlier.session, signal));
  } catch (error) {
    const status = await told(doing, statusOf(http, earlier, signal));
    if (['ABORTED', 'EXPIRED', 'CRITICAL', 'GONE'].includes(status)) return;
    if (status === 'NORMAL') throw error;
    throw new ConnectorError({
      kind: status === 'COMMITTED' ? 'data' : 'busy',
      code: 'EARLIER_ATTEMPT_PUBLISHED',
      message: `An earlier attempt of this run has an upsert session into ${earlier.table} that is ${status.toLowerCase()}.`,
      hint: 'Nothing more was written. Look at the target before the task is run again.',
    });
  }
}

/** The service gives no count of what it has taken: each pack was acknowledged with its rows, or its split is not sealed. */
export async function verifyUpsert(
  http: Http,
  handle: Handle,
  receipts: readonly Receipt[],
  ledgers: UpsertLedgers,
  signal: AbortSignal,
): Promise<Verdict> {
  const status = await told('Verifying the upsert', statusOf(http, handle, signal));
  if (status !== 'NORMAL') return { ok: false, rows: null, message: `The upsert session is ${status.toLowerCase()}.` };
  if (ledgers.known(handle.session)?.agrees(receipts) === false)
    return { ok: false, rows: null, message: 'The upsert session holds other splits than were sealed.' };
  const rows = receipts.reduce((sum, receipt) => sum + receipt.rows, 0);
  return { ok: true, rows: null, message: `The service has acknowledged ${rows} rows, as written.` };
}

export async function commitUpserts(
  http: Http,
  handle: Handle,
  receipts: readonly Receipt[],
  ledgers: UpsertLedgers,
  signal: AbortSignal,
): Promise<void> {
  if (ledgers.known(handle.session)?.agrees(receipts) === false)
    throw new ConnectorError({
      kind: 'data',
      code: 'RECEIPTS_NOT_MATCH',
      message: 'The upsert session holds other splits than those that are to be published.',
      hint: 'Nothing was published. Run it again.',
    });
  await told(
    `Committing to ${handle.table}`,
    commitUpsert(http, uploadOf(handle), handle.session, signal).catch((error: unknown) => {
      throw fenced(error, handle) ?? error;
    }),
  );
}

function fenced(error: unknown, handle: Handle): ConnectorError | null {
  if (!(error instanceof MaxComputeError) || error.code !== 'SessionLost' || !error.message.includes('ABORTED'))
    return null;
  return new ConnectorError({
    kind: 'busy',
    code: 'FENCED',
    message: `The upsert session into ${handle.table} was ended: a later attempt has taken over, or a seal failed.`,
    hint: 'The later attempt goes on; this one publishes nothing.',
    cause: error,
  });
}

/**
 * A session that is gone may have been committed and forgotten, or have expired: a person decides. While it commits,
 * committing again waits for the end of it.
 */
export async function upsertOutcome(http: Http, handle: Handle, signal: AbortSignal): Promise<Outcome> {
  const status = await statusOf(http, handle, signal);
  if (status === 'COMMITTED') return 'committed';
  if (status === 'ABORTED' || status === 'EXPIRED') return 'gone';
  return status === 'NORMAL' || status === 'COMMITTING' ? 'open' : 'unknown';
}

/** What has been committed stays. */
export async function abortUpserts(http: Http, handle: Handle, signal: AbortSignal): Promise<void> {
  try {
    await abortUpsert(http, uploadOf(handle), handle.session, signal);
  } catch (error) {
    const status = await statusOf(http, handle, signal);
    if (status === 'NORMAL') throw error;
  }
}
