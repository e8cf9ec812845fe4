import {
  ConnectorError,
  type DirtyRecord,
  type Field,
  type Json,
  type Prepared,
  type Publish,
  type Receipt,
  type Session,
  type Source,
  type Split,
  type Target,
  type Writer,
} from '@sampan/connector';
import { createMemoryStore, type MemoryStore, openMemory } from '@sampan/connector/testing';
import { runAttempt } from '../src/run.ts';
import type { Resume, RunSpec } from '../src/run-spec.ts';
import type { LogLine, Progress, RunEnd, RunPhase, RunStore, SplitProgress } from '../src/run-store.ts';

export const fields: Field[] = [
  { name: 'id', type: { kind: 'int64' }, native: 'bigint', nullable: false, generated: false },
  { name: 'name', type: { kind: 'utf8' }, native: 'text', nullable: true, generated: false },
];

export const specOf = (changes: Partial<RunSpec['options']> = {}, splits = 1): RunSpec => ({
  instance: 'i',
  attempt: 1,
  source: { object: 'from', where: null, splitKey: null, splits, fetchSize: null, options: {} },
  target: {
    object: 'to',
    create: true,
    ddl: null,
    mode: 'APPEND',
    keys: [],
    partition: [],
    preSql: [],
    postSql: [],
    publish: 'auto',
    options: {},
  },
  links: fields.map(({ name }) => ({ target: name, column: name, constant: null, onLossy: 'REFUSE' })),
  options: {
    parallel: 1,
    memoryMb: 128,
    dirtyRows: 0,
    dirtyShare: null,
    rowsPerSecond: null,
    bytesPerSecond: null,
    reconciliation: 'COUNT',
    idleMs: 5_000,
    commitMs: 60_000,
    ...changes,
  },
  splits: null,
  resume: null,
});

/** What the world keeps of an instance, over all its attempts. */
export interface Kept {
  phases: RunPhase[];
  splits: Split[] | null;
  handle: Json;
  receipts: Map<number, { receipt: Receipt; counts: SplitProgress }>;
  dirty: DirtyRecord[];
  progress: Progress | null;
  log: LogLine[];
  reconciled: { ok: boolean; sourceRows: number; targetRows: number | null }[];
  publish: Publish | null;
  committing: boolean;
}

export interface World {
  memory: MemoryStore;
  kept: Kept;
  store: RunStore;
  /** What the connectors were asked, in order: `read 0`, `write 0`, `seal 0`, `dispose 0`, `commit`, `abort`. */
  asked: string[];
  /** The next attempt at the instance, going on with what was kept. `change` puts something in the way of its ends. */
  attempt(spec: RunSpec, change?: Change): Promise<RunEnd>;
  /** Ids in the target, as numbers. */
  published(): number[];
}

export interface Change {
  source?: (source: Source) => Partial<Source>;
  target?: (target: Target) => Partial<Target>;
  session?: (session: Session) => Partial<Session>;
  store?: Partial<RunStore>;
  signal?: AbortSignal;
}

/** A source of so many rows, ids from 0; the row of each id in `nulls` has no name. */
export function createWorld(rows: number, nulls: (id: number) => boolean = () => false): World {
  const memory = createMemoryStore();
  const all = Array.from({ length: rows }, (_, id) => [BigInt(id), nulls(id) ? null : `row ${id}`]);
  memory.objects.set('from', { fields, rows: all });
  const asked: string[] = [];
  const kept: Kept = {
    phases: [],
    splits: null,
    handle: null,
    receipts: new Map(),
    dirty: [],
    progress: null,
    log: [],
    reconciled: [],
    publish: null,
    committing: false,
  };
  const store = keepingStore(kept);
  let attempts = 0;
  return {
    memory,
    kept,
    store,
    asked,
    async attempt(spec, change = {}) {
      attempts++;
      const open = openMemory(memory);
      const watched: Session = {
        ...open,
        source: watchedSource(open.source!, asked),
        target: watchedTarget(open.target!, asked),
      };
      const session: Session = {
        ...watched,
        source: { ...watched.source!, ...change.source?.(watched.source!) },
        target: { ...watched.target!, ...change.target?.(watched.target!) },
        ...change.session?.(watched),
        [Symbol.asyncDispose]: async () => {},
      };
      return runAttempt({
        spec: { ...spec, attempt: attempts, splits: kept.splits, resume: spec.resume ?? resumeOf(kept, attempts) },
        source: session,
        target: session,
        store: { ...store, ...change.store },
        signal: change.signal ?? new AbortController().signal,
      });
    },
    published: () => (memory.objects.get('to')?.rows ?? []).map(([id]) => Number(id)),
  };
}

function resumeOf(kept: Kept, attempt: number): Resume | null {
  if (attempt === 1) return null;
  const sealed = [...kept.receipts.values()];
  return {
    attempt: attempt - 1,
    dead: true,
    handle: kept.handle,
    receipts: sealed.map((one) => one.receipt),
    counts: sealed.map((one) => one.counts),
    publish: kept.publish,
    committing: kept.committing,
  };
}

/** A run-store that keeps everything in this process, by the rules of its interface. */
function keepingStore(kept: Kept): RunStore {
  return {
    phase: async (phase) => void kept.phases.push(phase),
    savePlan: async (splits) => (kept.splits ??= splits),
    async saveHandle(handle, { publish, resumed }) {
      kept.handle = handle;
      kept.publish = publish;
      if (!resumed) kept.receipts.clear();
    },
    async splitStarted(split, { keepDirty }) {
      let seen = 0;
      kept.dirty = kept.dirty.filter((record) => record.split !== split || seen++ < keepDirty);
      return kept.dirty.filter((record) => record.split === split).length;
    },
    saveReceipt: async (receipt, counts) => void kept.receipts.set(receipt.split, { receipt, counts }),
    dirty: async (records) => void kept.dirty.push(...records),
    progress: async (progress) => void (kept.progress = progress),
    log: async (lines) => void kept.log.push(...lines),
    statements: async () => {},
    reconciled: async (result) => void kept.reconciled.push(result),
    committing: async () => void (kept.committing = true),
  };
}

const watchedSource = (source: Source, asked: string[]): Source => ({
  ...source,
  read(split, after, signal) {
    asked.push(`read ${split.number}`);
    return source.read(split, after, signal);
  },
});

const watchedTarget = (target: Target, asked: string[]): Target => ({
  ...target,
  async writer(handle, slot, lease, signal) {
    const writer = await target.writer(handle, slot, lease, signal);
    asked.push(`writer ${slot.split}`);
    return {
      ...writer,
      write(batch) {
        asked.push(`write ${slot.split}`);
        return writer.write(batch);
      },
      seal() {
        asked.push(`seal ${slot.split}`);
        return writer.seal();
      },
      [Symbol.asyncDispose]() {
        asked.push(`dispose ${slot.split}`);
        return writer[Symbol.asyncDispose]();
      },
    };
  },
  commit(...args) {
    asked.push('commit');
    return target.commit(...args);
  },
  abort(...args) {
    asked.push('abort');
    return target.abort(...args);
  },
});

export const idsTo = (end: number): number[] => Array.from({ length: end }, (_, id) => id);

export const failing = (kind: ConnectorError['kind'], code = 'PUT_THERE'): ConnectorError =>
  new ConnectorError({ kind, code, message: `a failure of the kind ${kind}`, retryAfterMs: 1 });

export const leaseLost = (): ConnectorError => failing('busy', 'LEASE_LOST');

/** A target whose writers do some of it otherwise. */
export function writerWith(target: Target, change: (writer: Writer) => Partial<Writer>): Partial<Target> {
  return {
    async writer(...args) {
      const writer = await target.writer(...args);
      return { ...writer, ...change(writer), [Symbol.asyncDispose]: () => writer[Symbol.asyncDispose]() };
    },
  };
}

/** A target without room for NULL: rows with one are dirty. */
export function nothingNull(prepared: Prepared): Prepared {
  return { ...prepared, fields: prepared.fields.map((field) => ({ ...field, nullable: false })) };
}
