import { batchOf } from '../columns.ts';
import type { Session } from '../connector.ts';
import type { Source } from '../source.ts';
import type { Broken } from './broken-shape.ts';
import { objectOf, sizeOf } from './memory-store.ts';

const source = (session: Session, how: (sound: Source) => Partial<Source>): Session => {
  const sound = session.source!;
  return { ...session, source: { ...sound, ...how(sound) } };
};

/** Sources with one thing wrong. */
export const BROKEN_SOURCES: readonly Broken[] = [
  {
    law: 1,
    name: 'loses the rows whose key is NULL',
    finds: 'NULLs, 4 splits',
    change: (session, store) =>
      source(session, (sound) => ({
        async *read(split, after, signal) {
          const { object } = split.read as { object: string };
          const { rows, fields } = objectOf(store, object);
          const nulls = rows.filter(([id]) => id === null).length;
          if (nulls === 0) return yield* sound.read(split, after, signal);
          if (split.number === 0)
            yield batchOf(
              fields,
              rows.filter(([id]) => id !== null),
            );
        },
      })),
  },
  {
    law: 1,
    name: 'reads the row at the border of two splits twice',
    finds: 'whole numbers, 4 splits',
    change: (session) =>
      source(session, (sound) => ({
        async plan(read, signal) {
          const plan = await sound.plan(read, signal);
          for (const { read: range, number } of plan.splits) if (number > 0) (range as { from: number }).from--;
          return plan;
        },
      })),
  },
  {
    law: 1,
    name: 'goes on at a position, not behind it',
    finds: 'goes on behind any position',
    change: (session) =>
      source(session, (sound) => ({
        read: (split, after, signal) => sound.read(split, after === null ? null : (after as number) - 1, signal),
      })),
  },
  {
    law: 1,
    name: 'does not say that there is no key to split by',
    finds: 'no key, 4 splits',
    change: (session) =>
      source(session, (sound) => ({ plan: (read, signal) => sound.plan({ ...read, splits: 1 }, signal) })),
  },
  {
    law: 4,
    name: 'reads on after it was told to stop',
    finds: 'ends a read within',
    change: (session) =>
      source(session, (sound) => ({
        async *read(split, after, signal) {
          for await (const batch of sound.read(split, after, new AbortController().signal)) {
            if (signal.aborted) await new Promise(() => {});
            yield batch;
          }
        },
      })),
  },
  {
    law: 6,
    name: 'takes all before it gives any',
    finds: 'many small rows',
    change: (session) =>
      source(session, (sound) => ({
        async *read(split, after, signal) {
          const batches = [];
          for await (const batch of sound.read(split, after, signal)) batches.push(batch);
          yield* batches;
        },
      })),
  },
  {
    law: 6,
    name: 'closes a batch by rows alone',
    finds: 'rows of megabytes',
    change: (session, store) =>
      source(session, (sound) => ({
        async *read(split, after, signal) {
          const { object, columns } = split.read as { object: string; columns: string[] };
          const { rows, fields } = objectOf(store, object);
          if (after !== null || columns.length !== fields.length) return yield* sound.read(split, after, signal);
          for (const row of rows)
            row.forEach((value, at) => {
              store.taken += sizeOf(value, fields[at].type);
            });
          yield batchOf(fields, rows);
        },
      })),
  },
  {
    law: 6,
    name: 'says that its batches are small',
    finds: 'rows of megabytes',
    change: (session) =>
      source(session, (sound) => ({
        async *read(split, after, signal) {
          for await (const batch of sound.read(split, after, signal)) yield { ...batch, bytes: batch.rows * 100 };
        },
      })),
  },
  {
    law: 7,
    name: 'answers with an error of its own',
    finds: 'an object that is not there',
    change: (session) =>
      source(session, (sound) => ({
        plan: (read, signal) =>
          sound.plan(read, signal).catch((error: Error) => {
            throw new Error(error.message);
          }),
      })),
  },
  {
    law: 7,
    name: 'stores a condition and does not obey it',
    finds: 'a condition that is none',
    change: (session) =>
      source(session, (sound) => ({ plan: (read, signal) => sound.plan({ ...read, where: null }, signal) })),
  },
];
