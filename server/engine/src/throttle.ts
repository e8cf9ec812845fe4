/** Holds a run to so many rows and bytes a second. */
export interface Throttle {
  /** Waits until that much may pass; how long it took, in milliseconds. */
  take(rows: number, bytes: number, signal: AbortSignal): Promise<number>;
}

/** Debts are paid off by waiting: what passed too early is made up for before the next batch. */
export function createThrottle(rowsPerSecond: number | null, bytesPerSecond: number | null): Throttle {
  let free = performance.now();
  return {
    async take(rows, bytes, signal) {
      const cost = Math.max(
        rowsPerSecond === null ? 0 : (rows / rowsPerSecond) * 1_000,
        bytesPerSecond === null ? 0 : (bytes / bytesPerSecond) * 1_000,
      );
      if (cost === 0) return 0;
      const now = performance.now();
      const wait = Math.max(0, free - now);
      free = Math.max(free, now) + cost;
      if (wait > 0) await pause(wait, signal);
      return wait;
    },
  };
}

/** Resolves after that time, or at once when the signal is aborted. */
export async function pause(millis: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(millis, LONGEST_MS));
    signal.addEventListener('abort', done);
  });
  if (millis > LONGEST_MS) await pause(millis - LONGEST_MS, signal);
}

/** A longer timer of Node ends at once. */
const LONGEST_MS = 2 ** 31 - 1;
