import type { PhaseTiming, Progress, ProgressCounts, RunPhase, RunStore, SplitProgress } from './run-store.ts';

const EVERY_MS = 250;
const STALLED_MS = 10_000;

const zero = (): ProgressCounts => ({
  rowsRead: 0,
  rowsWritten: 0,
  rowsDirty: 0,
  rowsFiltered: 0,
  bytesRead: 0,
  bytesWritten: 0,
});

/** Counts what flows, and tells the store at most four times a second. */
export interface Meter {
  /** The counts of a split, to be changed in place. */
  split(number: number): SplitProgress;
  total(): ProgressCounts;
  /** How many splits there are. */
  planned(count: number): void;
  /** A split is whole. */
  done(number: number): void;
  phase(phase: RunPhase): Promise<void>;
  waited(side: 'reader' | 'writer', millis: number): void;
  throttled(millis: number): void;
  /** Awaiting that side now; the answer ends it. */
  waiting(side: 'READER' | 'WRITER'): () => void;
  stop(): Promise<void>;
}

export function createMeter(store: RunStore): Meter {
  const splits = new Map<number, SplitProgress>();
  const done = new Set<number>();
  let splitsTotal: number | null = null;
  const timings: PhaseTiming[] = [];
  const waits = new Map<symbol, { side: 'READER' | 'WRITER'; since: number }>();
  let began = performance.now();
  let sent = '';
  let sending: Promise<void> = Promise.resolve();

  const total = () => {
    const sum = zero();
    for (const counts of splits.values())
      for (const name of Object.keys(sum) as (keyof ProgressCounts)[]) sum[name] += counts[name];
    return sum;
  };
  const stalledOn = (): Progress['stalledOn'] => {
    const longest = [...waits.values()].sort((a, b) => a.since - b.since)[0];
    return longest !== undefined && performance.now() - longest.since > STALLED_MS ? longest.side : null;
  };
  const snapshot = (): Progress => {
    const current = timings.at(-1);
    if (current !== undefined) current.millis = performance.now() - began;
    return {
      total: total(),
      splitsTotal,
      splitsDone: done.size,
      splits: [...splits.values()].filter((one) => !done.has(one.split)).map((one) => ({ ...one })),
      stalledOn: stalledOn(),
      timings: timings.map((one) => ({ ...one })),
    };
  };
  const send = async () => {
    const progress = snapshot();
    const key = JSON.stringify([progress.total, progress.splitsDone, progress.stalledOn, progress.timings.length]);
    if (key === sent) return;
    sent = key;
    await store.progress(progress);
  };
  const timer = setInterval(() => {
    // A store that refuses tells the same at the next call that matters.
    sending = sending.then(send).catch(() => {});
  }, EVERY_MS);

  return {
    split(number) {
      const known = splits.get(number) ?? { split: number, ...zero() };
      splits.set(number, known);
      return known;
    },
    total,
    planned: (count) => {
      splitsTotal = count;
    },
    done: (number) => void done.add(number),
    async phase(phase) {
      if (timings.length > 0) snapshot();
      began = performance.now();
      timings.push({ phase, millis: 0, waitedForReaderMs: 0, waitedForWriterMs: 0, throttledMs: 0 });
      await store.phase(phase);
    },
    waited(side, millis) {
      const current = timings.at(-1);
      if (current === undefined) return;
      if (side === 'reader') current.waitedForReaderMs += millis;
      else current.waitedForWriterMs += millis;
    },
    throttled(millis) {
      const current = timings.at(-1);
      if (current !== undefined) current.throttledMs += millis;
    },
    waiting(side) {
      const key = Symbol(side);
      waits.set(key, { side, since: performance.now() });
      return () => waits.delete(key);
    },
    async stop() {
      clearInterval(timer);
      await sending;
      sent = '';
      await send().catch(() => {});
    },
  };
}
