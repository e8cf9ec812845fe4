import { MaxComputeError } from './errors.ts';
import type { Http } from './http.ts';
import { pause } from './pause.ts';
import { sessionCall, type TunnelPlace } from './tunnel.ts';
import { reloadUpload, type UploadSession, type UploadStatus, uploadOf } from './tunnel-upload.ts';

const TRIES = 10;
/** How long a commit may be under way before the caller is told that it still is. */
const PATIENCE_MS = 600_000;
const UNDER_WAY: readonly UploadStatus[] = ['CLOSING', 'COMMITTING'];

/**
 * Commits all blocks of the session, once: looks first, and again after an answer that was lost.
 * @throws MaxComputeError `BlocksNotMatch` where the session holds other blocks than these: nothing is committed then;
 * `SessionLost`: nothing was; `CommitUnknown`: the session went away behind a commit whose answer was lost;
 * `CommitUnfinished`: the service is still at it
 */
export async function commitUpload(
  http: Http,
  target: TunnelPlace,
  id: string,
  blocks: readonly number[],
  signal?: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  let sent = 0;
  for (let look = 1; ; look++) {
    const session = await lookAt(http, target, id, sent > 0, signal);
    let wait = Math.min(2_000, 100 * look);
    if (session.status === 'CLOSED') return;
    if (session.status === 'NORMAL') {
      compareBlocks(session, blocks);
      sent++;
      try {
        if (await send(http, target, id, signal)) return;
      } catch (error) {
        if (!(error instanceof MaxComputeError) || sent >= TRIES || !mayHaveHappened(error)) throw error;
        wait = error.retryAfterMs ?? wait;
      }
    } else if (!UNDER_WAY.includes(session.status)) throw lost(session);
    if (Date.now() > deadline) throw unfinished(session);
    await pause(wait, signal);
  }
}

/** True where the answer says that it is done; the answer may also say that it has begun. */
async function send(http: Http, target: TunnelPlace, id: string, signal?: AbortSignal): Promise<boolean> {
  const answer = await sessionCall(http, target, 'POST', { uploadid: id }, false, signal);
  // Old servers answer with the block list alone, or with nothing.
  return !answer.body.trimStart().startsWith('{') || !UNDER_WAY.includes(uploadOf(answer, id).status);
}

const mayHaveHappened = (error: MaxComputeError) =>
  (error.kind === 'busy' && error.code !== 'Aborted') ||
  error.code === 'StatusConflict' ||
  error.code === 'InvalidStatusChange';

async function lookAt(
  http: Http,
  target: TunnelPlace,
  id: string,
  sent: boolean,
  signal?: AbortSignal,
): Promise<UploadSession> {
  try {
    return await reloadUpload(http, target, id, signal);
  } catch (error) {
    if (!sent || !(error instanceof MaxComputeError) || error.code !== 'NoSuchUpload') throw error;
    throw new MaxComputeError({
      code: 'CommitUnknown',
      kind: 'missing',
      message: `Upload session ${id} is gone, and the answer to its commit was lost.`,
      hint: 'Count the rows of the target before anything is written again.',
      cause: error,
    });
  }
}

function compareBlocks(session: UploadSession, blocks: readonly number[]): void {
  const there = new Set(session.blocks.map((block) => block.id));
  const missing = blocks.filter((id) => !there.has(id)).length;
  if (missing === 0 && there.size === new Set(blocks).size) return;
  throw new MaxComputeError({
    ...(session.requestId === undefined ? {} : { requestId: session.requestId }),
    code: 'BlocksNotMatch',
    kind: 'data',
    message: `Upload session ${session.id} holds ${there.size} blocks, ${blocks.length} were written; ${missing} of them are missing.`,
    hint: 'Upload again in a new session.',
  });
}

function lost(session: UploadSession): MaxComputeError {
  return new MaxComputeError({
    ...(session.requestId === undefined ? {} : { requestId: session.requestId }),
    code: 'SessionLost',
    kind: 'data',
    message: `Upload session ${session.id} is ${session.status}.`,
    hint: 'Its data was not committed: upload it again.',
  });
}

function unfinished(session: UploadSession): MaxComputeError {
  return new MaxComputeError({
    ...(session.requestId === undefined ? {} : { requestId: session.requestId }),
    code: 'CommitUnfinished',
    kind: 'busy',
    message: `Upload session ${session.id} is still ${session.status}.`,
    hint: 'Ask for its status later.',
  });
}
