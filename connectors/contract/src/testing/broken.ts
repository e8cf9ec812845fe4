import type { Session } from '../connector.ts';
import type { Target } from '../target.ts';
import { type MemoryStore, openMemory } from './memory.ts';

/** The reference connector with one thing wrong: each breaks the law it is named after. */
export const BROKEN: { law: 2 | 3 | 4 | 9; name: string; open(store: MemoryStore): Session }[] = [
  {
    law: 2,
    name: 'publishes at the seal',
    open: (store) =>
      changed(store, (target) => ({
        ...target,
        writer: async (handle, slot, lease, signal) => {
          const writer = await target.writer(handle, slot, lease, signal);
          return {
            ...writer,
            seal: async () => {
              const receipt = await writer.seal();
              await target.commit(handle, [receipt], lease, signal);
              return receipt;
            },
            [Symbol.asyncDispose]: () => writer[Symbol.asyncDispose](),
          };
        },
      })),
  },
  {
    law: 3,
    name: 'commits as often as it is asked',
    open: (store) =>
      changed(store, (target) => ({
        ...target,
        commit: async (handle, receipts, lease, signal) => {
          const run = store.staged.get(lease.instance);
          if (run !== undefined) run.committed = false;
          await target.commit(handle, receipts, lease, signal);
        },
      })),
  },
  {
    law: 4,
    name: 'never lets go of a writer',
    open: (store) =>
      changed(store, (target) => ({
        ...target,
        writer: async (handle, slot, lease, signal) => {
          const writer = await target.writer(handle, slot, lease, signal);
          return { ...writer, [Symbol.asyncDispose]: () => new Promise<void>(() => {}) };
        },
      })),
  },
  {
    law: 9,
    name: 'knows no attempts',
    open: (store) =>
      changed(store, (target) => ({
        ...target,
        commit: (handle, receipts, lease, signal) =>
          target.commit(handle, receipts, { ...lease, attempt: Number.MAX_SAFE_INTEGER }, signal),
      })),
  },
];

function changed(store: MemoryStore, how: (target: Target) => Target): Session {
  const session = openMemory(store);
  return { ...session, target: how(session.target!), [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() };
}
