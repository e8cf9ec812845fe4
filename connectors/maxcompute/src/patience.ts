import { asConnectorError } from './errors.ts';

const TRIES = 5;
const FIRST_PAUSE_MS = 200;

/** Waits, unless the signal comes first. */
export function pause(millis: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, millis);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}

/**
 * Work that bears repeating, tried again while it is refused as `busy`: two statements that change one table at the
 * same time, for instance. @throws ConnectorError told as `doing`
 */
export async function patiently<T>(doing: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      const failure = asConnectorError(error, doing);
      if (failure.kind !== 'busy' || signal.aborted || tries === TRIES) throw failure;
      await pause(failure.retryAfterMs ?? FIRST_PAUSE_MS * 2 ** (tries - 1), signal);
    }
  }
}
