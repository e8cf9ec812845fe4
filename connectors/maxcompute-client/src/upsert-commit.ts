import { MaxComputeError } from './errors.ts';
import type { Http } from './http.ts';
import { pause } from './pause.ts';
import type { TunnelPlace } from './tunnel.ts';
import { postUpsert, reloadUpsert, type UpsertStatus } from './tunnel-upsert.ts';

const TRIES = 10;
/** How long a commit may be under way before the caller is told that it still is. */
const PATIENCE_MS = 600_000;
const MOST_WAIT_MS = 8_000;
const LOST: readonly UpsertStatus[] = ['EXPIRED', 'CRITICAL', 'ABORTED'];

/**
 * Commits the session, once, and waits for the end of it: the service works on it meanwhile, and is asked again. Looks
 * first, and again after an answer that was lost. A session that is forgotten after the service has begun to commit it
 * is committed, as the official clients take it.
 * @throws MaxComputeError `SessionLost`: nothing was committed; `CommitUnknown`: the session went away behind a commit
 * whose answer was lost; `CommitUnfinished`: the service is still at it
 */
export async function commitUpsert(http: Http, of: TunnelPlace, id: string, signal?: AbortSignal): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  let begun = false;
  let failures = 0;
  for (let look = 0; ; look++) {
    const found = await statusOf(http, of, id, signal);
    if (found === 'GONE') {
      if (begun) return;
      throw failures > 0 ? unknown(id) : lost(id, found);
    }
    begun ||= found === 'COMMITTING';
    let status: UpsertStatus | 'GONE' = found;
    if (found === 'NORMAL' || found === 'COMMITTING') {
      try {
        status = await postUpsert(http, of, id, signal);
        begun = true;
      } catch (error) {
        if (!(error instanceof MaxComputeError) || ++failures >= TRIES || !mayHaveHappened(error)) throw error;
      }
    }
    if (status === 'COMMITTED') return;
    if (LOST.includes(status as UpsertStatus)) throw lost(id, status);
    if (Date.now() > deadline) throw unfinished(id, status);
    await pause(Math.min(MOST_WAIT_MS, 100 * 2 ** Math.min(look, 8)), signal);
  }
}

async function statusOf(
  http: Http,
  of: TunnelPlace,
  id: string,
  signal: AbortSignal | undefined,
): Promise<UpsertStatus | 'GONE'> {
  try {
    return (await reloadUpsert(http, of, id, signal)).status;
  } catch (error) {
    if (error instanceof MaxComputeError && error.code === 'UpsertSessionNotFound') return 'GONE';
    throw error;
  }
}

/** What a look at the session can settle: whether this commit has had its effect. */
const mayHaveHappened = (error: MaxComputeError) =>
  (error.kind === 'busy' && error.code !== 'Aborted') ||
  error.code === 'UpsertSessionNotFound' ||
  error.code === 'StatusConflict';

const unknown = (id: string) =>
  new MaxComputeError({
    code: 'CommitUnknown',
    kind: 'missing',
    message: `Upsert session ${id} is gone, and the answer to its commit was lost.`,
    hint: 'Look at the rows of the target before anything is written again.',
  });

const lost = (id: string, status: string) =>
  new MaxComputeError({
    code: 'SessionLost',
    kind: 'data',
    message: `Upsert session ${id} is ${status}.`,
    hint: 'Its rows were not committed: write them again in a new session.',
  });

const unfinished = (id: string, status: string) =>
  new MaxComputeError({
    code: 'CommitUnfinished',
    kind: 'busy',
    message: `Upsert session ${id} is still ${status}.`,
    hint: 'Ask for its status later.',
  });
