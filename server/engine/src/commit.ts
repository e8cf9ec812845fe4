import {
  ConnectorError,
  isConnectorError,
  type Json,
  type Lease,
  type Outcome,
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
  signal: AbortSignal;
  /** An earlier attempt may have committed already. */
  outcomeFirst: boolean;
}

/** About two minutes in all: a service that restarts is back by then. */
const PAUSES_MS = [200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 20_000, 30_000, 30_000];

/**
 * Commits, and finds out what became of it when the answer is lost. From here on nothing is aborted: a throw means only
 * that the answer is not known.
 */
export async function settleCommit(commit: Commit): Promise<RunEnd> {
  let known: Outcome | null = commit.outcomeFirst ? null : 'open';
  let failure: unknown = null;
  for (const millis of [0, ...PAUSES_MS]) {
    if (millis > 0) await pause(millis, new AbortController().signal);
    try {
      known ??= await commit.target.outcome(commit.handle, commit.lease, neverAborted());
      if (known === 'open') {
        await commit.target.commit(commit.handle, commit.receipts, commit.lease, neverAborted());
        known = 'committed';
      }
    } catch (error) {
      failure = error;
      // The target refused for good: it says so by another kind than `busy`, and then nothing was published.
      known = isConnectorError(error) && error.kind !== 'busy' && known === 'open' ? await afterRefusal(commit) : null;
      if (known === 'open') return { end: 'failed', failure: toFailure(error, 'writer') };
    }
    if (known === 'committed') return { end: 'committed' };
    if (known === 'gone') return { end: 'failed', failure: toFailure(gone(), 'writer') };
    if (known === 'unknown')
      return { end: 'undecided', message: 'The target cannot say whether this run was committed.' };
  }
  return {
    end: 'undecided',
    message: `Whether this run was committed could not be found out: ${(failure as Error).message}`,
  };
}

/** A commit must not be cut off half-way by a stop: it takes a moment, and its outcome has to be known. */
const neverAborted = () => new AbortController().signal;

async function afterRefusal({ target, handle, lease }: Commit): Promise<Outcome | null> {
  try {
    return await target.outcome(handle, lease, neverAborted());
  } catch {
    return null;
  }
}

const gone = () =>
  new ConnectorError({
    kind: 'busy',
    code: 'STAGED_GONE',
    message: 'What was staged is gone: nothing was published.',
    hint: 'Run it again. If it stays, look for what removes the staging of runs.',
  });
