import { ConnectorError } from '@sampan/connector';
import { type Http, MaxComputeError, reloadUpload, type UploadSession, writeBlock } from '@sampan/maxcompute';
import { told } from './errors.ts';
import { type Handle, uploadOf } from './handle.ts';

/** The last block id there is. A split never has it. */
export const FENCE_BLOCK = 19_999;

export const isFenced = (session: UploadSession): boolean => session.blocks.some((block) => block.id === FENCE_BLOCK);

/**
 * The tunnel knows no attempts and cannot end a session. What a later attempt can do is to put a block of no rows into the
 * earlier one's session: whoever comes to commit that finds a block that no receipt names, and is refused.
 * @throws ConnectorError where the earlier attempt has published, or is about to: a second one would double its rows
 */
export async function fenceOff(http: Http, earlier: Handle, signal: AbortSignal): Promise<void> {
  const session = await sessionOf(http, earlier, signal);
  if (session === null || isFenced(session)) return;
  if (session.status === 'NORMAL') {
    try {
      const block = await writeBlock(http, uploadOf(earlier), session, FENCE_BLOCK, signal);
      await block.finish();
      return;
    } catch (error) {
      const now = await sessionOf(http, earlier, signal);
      if (now === null || isFenced(now)) return;
      if (now.status === 'NORMAL') throw error;
      session.status = now.status;
    }
  }
  const done = session.status === 'CLOSED' ? 'published' : session.status;
  if (['CANCELED', 'EXPIRED', 'CRITICAL'].includes(session.status)) return;
  throw new ConnectorError({
    kind: session.status === 'CLOSED' ? 'data' : 'busy',
    code: 'EARLIER_ATTEMPT_PUBLISHED',
    message: `An earlier attempt of this run has an upload session into ${earlier.table} that is ${done}.`,
    hint: 'Nothing more was written. Look at the target before the task is run again.',
  });
}

/** Null where it is gone: then nothing can be published from it. */
async function sessionOf(http: Http, handle: Handle, signal: AbortSignal): Promise<UploadSession | null> {
  try {
    return await told('Looking for an earlier attempt', reloadUpload(http, uploadOf(handle), handle.session, signal));
  } catch (error) {
    if ((error as ConnectorError).cause instanceof MaxComputeError && (error as ConnectorError).kind === 'missing')
      return null;
    throw error;
  }
}
