import { batchOf } from '../columns.ts';
import type { Session } from '../connector.ts';
import type { Target, Writer } from '../target.ts';
import type { Broken } from './broken-shape.ts';
import { objectOf, rowsOf } from './memory-store.ts';
import { memoryTarget } from './memory-target.ts';

const target = (session: Session, how: (sound: Target) => Partial<Target>): Session => {
  const sound = session.target!;
  return { ...session, target: { ...sound, ...how(sound) } };
};

const writer = (session: Session, how: (sound: Writer, parts: Parameters<Target['writer']>) => Partial<Writer>) =>
  target(session, (sound) => ({
    async writer(...parts) {
      const opened = await sound.writer(...parts);
      return {
        ...opened,
        [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
        ...how(opened, parts),
      };
    },
  }));

const HIGHEST = Number.MAX_SAFE_INTEGER;

/** Targets with one thing wrong. */
export const BROKEN_TARGETS: readonly Broken[] = [
  {
    law: 2,
    name: 'publishes at the seal',
    finds: 'nothing is visible before the commit',
    change: (session) => {
      const sound = session.target!;
      return writer(session, (opened, [handle, , lease, signal]) => ({
        async seal() {
          const receipt = await opened.seal();
          await sound.commit(handle, [receipt], lease, signal);
          return receipt;
        },
      }));
    },
  },
  {
    law: 2,
    name: 'clears the object before it writes',
    finds: 'a run that is aborted leaves the old rows',
    change: (session, store) =>
      target(session, (sound) => ({
        async begin(load, lease, previous, signal) {
          const begun = await sound.begin(load, lease, previous, signal);
          if (load.mode === 'OVERWRITE') objectOf(store, load.object).rows = [];
          return begun;
        },
      })),
  },
  {
    law: 2,
    name: 'publishes slots without a receipt',
    finds: 'a slot whose receipt does not come',
    change: (session, store) =>
      target(session, (sound) => ({
        async commit(handle, receipts, lease, signal) {
          const slots = [...(store.staged.get(lease.instance)?.slots ?? [])].filter(([, slot]) => slot.sealed);
          const all = slots.map(([split, { rows }]) => ({ split, rows: rows.length, bytes: 0, detail: null }));
          await sound.commit(handle, all.length === 0 ? receipts : all, lease, signal);
        },
      })),
  },
  {
    law: 3,
    name: 'commits as often as it is asked',
    finds: 'begin and commit twice are once',
    change: (session, store) =>
      target(session, (sound) => ({
        async commit(handle, receipts, lease, signal) {
          const run = store.staged.get(lease.instance);
          if (run?.state === 'committed') run.state = 'open';
          await sound.commit(handle, receipts, lease, signal);
        },
      })),
  },
  {
    law: 3,
    name: 'takes a commit whose answer was lost for one that did not happen',
    finds: 'whose answer was lost',
    change: (session, store, wire) =>
      target(session, () =>
        memoryTarget(store, {
          async send(moment, signal, effect) {
            try {
              return await wire.send(moment, signal, effect);
            } catch (error) {
              // The mark is a step of its own, and was not reached.
              if (moment === 'publish') for (const run of store.staged.values()) run.state = 'open';
              throw error;
            }
          },
        }),
      ),
  },
  {
    law: 4,
    name: 'never lets go of a writer',
    finds: 'frees what a writer holds',
    change: (session) => writer(session, () => ({ [Symbol.asyncDispose]: () => new Promise<void>(() => {}) })),
  },
  {
    law: 4,
    name: 'does not hear that it is to stop while the system is silent',
    finds: 'ends a commit that the system does not answer',
    change: (session) =>
      target(session, (sound) => ({
        commit: (handle, receipts, lease) => sound.commit(handle, receipts, lease, new AbortController().signal),
      })),
  },
  {
    law: 4,
    name: 'throws away what is staged when a writer is disposed of',
    finds: 'what is staged stays when its process ends',
    change: (session, store) =>
      writer(session, (opened, [, , lease]) => ({
        async [Symbol.asyncDispose]() {
          await opened[Symbol.asyncDispose]();
          if (lease.attempt === 1 && /-\d+$/.test(lease.instance)) store.staged.get(lease.instance)?.slots.clear();
        },
      })),
  },
  {
    law: 5,
    name: 'writes NULL for what it does not understand',
    finds: 'nasty values of uint64',
    change: (session) =>
      writer(session, (opened) => ({
        write: (batch) =>
          opened.write(
            batchOf(
              batch.fields,
              rowsOf(batch).map((row) => row.map((value) => (value === 2n ** 64n - 1n ? null : value))),
            ),
          ),
      })),
  },
  {
    law: 5,
    name: 'cuts microseconds',
    finds: 'nasty values of datetime(6)',
    change: (session) =>
      writer(session, (opened) => ({
        write: (batch) =>
          opened.write(
            batchOf(
              batch.fields,
              rowsOf(batch).map((row) =>
                row.map((value, at) =>
                  batch.fields[at].type.kind === 'datetime' && value !== null
                    ? ((value as bigint) / 1_000n) * 1_000n
                    : value,
                ),
              ),
            ),
          ),
      })),
  },
  {
    law: 5,
    name: 'names another row than the one that is dirty',
    finds: 'nasty values of bool',
    change: (session) =>
      writer(session, (opened) => ({
        async write(batch) {
          const [first, ...rest] = rowsOf(batch);
          await opened.write(batchOf(batch.fields, rest));
          return first === undefined
            ? undefined
            : [{ row: 1, column: 'v', value: 'false', reason: 'it does not fit in' }];
        },
      })),
  },
  {
    law: 7,
    name: 'gives no hint',
    finds: 'modes and ways of publishing',
    change: (session) =>
      target(session, (sound) => ({
        prepare: (load, signal) =>
          sound.prepare(load, signal).catch((error: Error) => {
            throw Object.assign(error, { hint: null });
          }),
      })),
  },
  {
    law: 9,
    name: 'knows no attempts',
    finds: 'an attempt that was replaced',
    change: (session) =>
      target(session, (sound) => ({
        commit: (handle, receipts, lease, signal) =>
          sound.commit(handle, receipts, { ...lease, attempt: HIGHEST }, signal),
      })),
  },
  {
    law: 9,
    name: 'looks at the lease only before it sends a commit',
    finds: 'a commit that slept',
    change: (session, store, wire) =>
      target(session, (sound) => ({
        async commit(handle, receipts, lease, signal) {
          await sound.outcome(handle, lease, signal);
          const { object } = handle as { object: string };
          const rows = receipts.flatMap(({ split }) => store.staged.get(lease.instance)?.slots.get(split)?.rows ?? []);
          if (store.staged.get(lease.instance)?.state === 'committed') return;
          await wire.send('publish', signal, () => {
            objectOf(store, object).rows.push(...rows);
            store.staged.get(lease.instance)!.state = 'committed';
          });
        },
      })),
  },
  {
    law: 9,
    name: 'looks at the lease only before it sends rows',
    finds: 'a writer that slept',
    change: (session, store, wire) =>
      writer(session, (opened, [, { split }, lease, signal]) => ({
        async write(batch) {
          const rows = rowsOf(batch);
          await wire.send('write', signal, () => {
            const slots = store.staged.get(lease.instance)!.slots;
            // Whoever has the slot by now gets these rows.
            slots.set(split, { rows: [...(slots.get(split)?.rows ?? []), ...rows], sealed: true });
          });
          return undefined;
        },
        seal: () => opened.seal(),
      })),
  },
];
