import {
  ConnectorError,
  isConnectorError,
  type Json,
  type Lease,
  type Outcome,
  type Publish,
  type Receipt,
  type Target,
  toFailure,
} from '@sampan/connector';
import type { RunEnd } from './run-store.ts';
import { pause } from './throttle.ts';

export interface Commit {
  target: Target;
  handle: Json;
  receipts: Receipt[];
  lease: Lease;
  /** An earlier attempt may have committed already. */
  outcomeFirst: boolean;
  /** How long publishing may take in this attempt, in milliseconds. */
  limitMs: number;
  /** Cuts publishing off, where its way is one that can be; null: it cannot. */
  stop: AbortSignal | null;
}

/** Session and swap take a moment and cannot be cut off; the others take as long as the rows do. */
export const canBeCutOff = (publish: Publish | null): boolean => publish === 'transaction' || publish === 'stepped';

/** A target that does not answer what became of a commit is asked again after this long: it waits for locks itself. */
const ASK_MS = 180_000;
/** What law 4 gives a connector to free what it holds. */
const LET_GO_MS = 5_000;

/** About two minutes in all: a service that restarts is back by then. */
const PAUSES_MS = [200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 20_000, 30_000, 30_000];

/**
 * Commits, and finds out what became of it when the answer is lost. From here on nothing is aborted: a throw, or a stop,
 * means only that the answer is not known. The limit of its own is for a target that never answers.
 */
export async function settleCommit(commit: Commit): Promise<RunEnd> {
  let known: Outcome | null = commit.outcomeFirst ? null : 'open';
  let failure: Error | null = null;
  const until = performance.now() + commit.limitMs;
  for (const millis of [0, ...PAUSES_MS]) {
    if (millis > 0) await pause(millis, new AbortController().signal);
    try {
      known ??= await outcomeOf(commit);
      if (known === 'open') {
        if (commit.stop?.aborted) return { end: 'stopped', unpublished: true };
        const left = until - performance.now();
        // Not for ever in this attempt: what was cut off may have been frozen, and the next one begins it anew.
        if (left <= 0) return { end: 'undecided', message: (failure ?? tooLong()).message, again: true };
        const { target, handle, receipts, lease, stop } = commit;
        await within(left, (signal) => target.commit(handle, receipts, lease, signal), stop);
        known = 'committed';
      }
    } catch (error) {
      failure = error as Error;
      // The target refused for good: it says so by another kind than `busy`, and then nothing was published.
      known = isConnectorError(error) && error.kind !== 'busy' && known === 'open' ? await afterRefusal(commit) : null;
      if (known === 'open') return { end: 'failed', failure: toFailure(error, 'writer') };
    }
    if (known === 'committed') return { end: 'committed' };
    if (known === 'gone') return { end: 'failed', failure: toFailure(gone(), 'writer') };
    if (known === 'unknown')
      return { end: 'undecided', message: 'The target cannot say whether this run was committed.', again: false };
  }
  const why = (failure as Error | null)?.message;
  return { end: 'undecided', message: `Whether this run was committed could not be found out: ${why}`, again: true };
}

const outcomeOf = ({ target, handle, lease }: Commit): Promise<Outcome> =>
  within(ASK_MS, (signal) => target.outcome(handle, lease, signal));

const afterRefusal = (commit: Commit): Promise<Outcome | null> => outcomeOf(commit).catch(() => null);

/** @throws ConnectorError `COMMIT_TIMEOUT` where it has not ended some seconds after it was told to, or fails for that */
async function within<T>(
  millis: number,
  work: (signal: AbortSignal) => Promise<T>,
  stop: AbortSignal | null = null,
): Promise<T> {
  const ending = new AbortController();
  const working = work(ending.signal);
  let timer: NodeJS.Timeout | undefined;
  let cutOff = () => {};
  const late = new Promise<never>((_, reject) => {
    cutOff = () => {
      ending.abort();
      clearTimeout(timer);
      timer = setTimeout(() => reject(tooLong()), LET_GO_MS);
    };
    timer = setTimeout(cutOff, millis);
    stop?.addEventListener('abort', cutOff, { once: true });
  });
  try {
    return await Promise.race([working, late]);
  } catch (error) {
    throw ending.signal.aborted ? tooLong() : error;
  } finally {
    clearTimeout(timer);
    stop?.removeEventListener('abort', cutOff);
    working.catch(() => {});
  }
}

const tooLong = () =>
  new ConnectorError({
    kind: 'busy',
    code: 'COMMIT_TIMEOUT',
    message: 'The target took too long to publish, or to say what became of it.',
    hint: 'Look at the target. Publishing may take as long as the timeout of the task, from one hour to six.',
    side: 'writer',
  });

const gone = () =>
  new ConnectorError({
    kind: 'busy',
    code: 'STAGED_GONE',
    message: 'What was staged is gone: nothing was published.',
    hint: 'Run it again. If it stays, look for what removes the staging of runs.',
  });
