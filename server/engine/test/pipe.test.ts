import { batchOf, type Field, type Json } from '@sampan/connector';
import { createMemoryStore, openMemory } from '@sampan/connector/testing';
import { describe, expect, it } from 'vitest';
import { runAttempt } from '../src/run.ts';
import type { RunSpec } from '../src/run-spec.ts';
import type { RunStore } from '../src/run-store.ts';

const fields: Field[] = [{ name: 'id', type: { kind: 'int64' }, native: '', nullable: false, generated: false }];

const spec: RunSpec = {
  instance: 'i',
  attempt: 1,
  source: { object: 'from', where: null, splitKey: null, splits: 1, fetchSize: null, options: {} },
  target: {
    object: 'to',
    create: true,
    ddl: null,
    mode: 'APPEND',
    partition: [],
    preSql: [],
    postSql: [],
    publish: 'auto',
    options: {},
  },
  links: [{ target: 'id', column: 'id', constant: null, onLossy: 'REFUSE' }],
  options: {
    parallel: 1,
    memoryMb: 128,
    dirtyRows: 0,
    dirtyShare: null,
    rowsPerSecond: null,
    bytesPerSecond: null,
    reconciliation: 'COUNT',
    idleMs: 200,
  },
  splits: null,
  resume: null,
};

/** A run-store that keeps nothing but the log. */
function quietStore(log: string[]): RunStore {
  const known: Partial<RunStore> = {
    savePlan: async (splits) => splits,
    log: async (lines) => void log.push(...lines.map((line) => line.message)),
  };
  return new Proxy(known as RunStore, {
    get: (store, name: keyof RunStore) => store[name] ?? (async (..._args: Json[]) => {}),
  });
}

describe('a source that falls silent', () => {
  it('is let go of and read again; what came before is not doubled', async () => {
    const store = createMemoryStore();
    store.objects.set('from', { fields, rows: [[1n], [2n], [3n]] });
    const session = openMemory(store);
    let reads = 0;
    const source = {
      ...session,
      source: {
        plan: session.source!.plan,
        async *read(...[split, after, signal]: Parameters<NonNullable<typeof session.source>['read']>) {
          if (++reads > 1) return yield* session.source!.read(split, after, signal);
          yield batchOf(fields, [[1n]], 1);
          // As a frozen socket: nothing comes any more, until it is told to stop.
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        },
      },
    };
    const log: string[] = [];
    const end = await runAttempt({
      spec,
      source,
      target: openMemory(store),
      store: quietStore(log),
      signal: new AbortController().signal,
    });
    expect(end).toEqual({ end: 'committed' });
    expect(log[0]).toContain('The source was silent');
    expect(store.objects.get('to')!.rows).toEqual([[1n], [2n], [3n]]);
  }, 20_000);
});
