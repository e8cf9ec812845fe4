import { type Cell, cell, cellText } from '../cells.ts';
import { batchOf } from '../columns.ts';
import { defineConnector, type Session } from '../connector.ts';
import { ConnectorError } from '../errors.ts';
import type { Json } from '../json.ts';
import type { Lease, Load, Receipt, Target } from '../target.ts';
import type { Field } from '../types.ts';

interface MemoryObject {
  fields: Field[];
  rows: Cell[][];
}

interface Staged {
  attempt: number;
  committed: boolean;
  slots: Map<number, { rows: Cell[][]; sealed: boolean }>;
}

/** A system that lives in this process: what two sessions on it share. */
export interface MemoryStore {
  objects: Map<string, MemoryObject>;
  staged: Map<string, Staged>;
}

export const createMemoryStore = (): MemoryStore => ({ objects: new Map(), staged: new Map() });

const BATCH_ROWS = 100;

const missing = (object: string) =>
  new ConnectorError({
    kind: 'missing',
    code: 'NO_SUCH_OBJECT',
    message: `There is no object "${object}".`,
    hint: 'Check the name.',
  });

function objectOf(store: MemoryStore, name: string): MemoryObject {
  const found = store.objects.get(name);
  if (found === undefined) throw missing(name);
  return found;
}

const MODES = ['APPEND', 'OVERWRITE'] as const;

/** The reference connector: the contract in its simplest form, with no system behind it. */
export function createMemoryConnector(store: MemoryStore) {
  return defineConnector<{ name: string }>({
    api: 1,
    name: 'memory',
    title: 'Memory',
    roles: ['SOURCE', 'TARGET'],
    writeModes: MODES,
    config: {
      schema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
      secrets: [],
      endpoint: ['name'],
      parse(options) {
        const { name, ...rest } = (options ?? {}) as { name?: unknown };
        const unknown = Object.keys(rest)[0];
        if (unknown !== undefined)
          throw new ConnectorError({
            kind: 'config',
            code: 'BAD_OPTION',
            message: `Option "${unknown}" is not known.`,
          });
        if (typeof name !== 'string')
          throw new ConnectorError({ kind: 'config', code: 'BAD_OPTION', message: 'Option "name" is needed.' });
        return { name };
      },
    },
    open: () => openMemory(store),
  });
}

export function openMemory(store: MemoryStore): Session {
  return {
    async *check() {
      yield { step: 'login', ok: true, millis: 0, message: 'It is always there.', hint: null };
    },
    async *objects() {
      for (const name of store.objects.keys()) yield { name, kind: 'TABLE', rowEstimate: null, byteEstimate: null };
    },
    async describe(object) {
      const { fields, rows } = objectOf(store, object);
      return {
        object,
        kind: 'TABLE',
        fields,
        partitionFields: [],
        keys: [],
        rowEstimate: rows.length,
        byteEstimate: null,
      };
    },
    source: {
      async plan(read) {
        const { fields, rows } = objectOf(store, read.object);
        const count = Math.max(1, Math.min(read.splits ?? 1, rows.length));
        const bound = (at: number) => Math.floor((at * rows.length) / count);
        const splits = Array.from({ length: count }, (_, number) => ({
          number,
          description: `rows ${bound(number)} to ${bound(number + 1)}`,
          rowEstimate: null,
          read: { object: read.object, columns: read.columns, from: bound(number), to: bound(number + 1) },
        }));
        return {
          fields: read.columns.map((name) => fields.find((field) => field.name === name)!),
          splits,
          high: null,
          warnings: [],
        };
      },
      async *read(split, after, signal) {
        const { object, columns, from, to } = split.read as {
          object: string;
          columns: string[];
          from: number;
          to: number;
        };
        const { fields, rows } = objectOf(store, object);
        const places = columns.map((name) => fields.findIndex((field) => field.name === name));
        for (let at = (after as number | null) ?? from; at < to && !signal.aborted; at += BATCH_ROWS) {
          const end = Math.min(at + BATCH_ROWS, to);
          yield batchOf(
            places.map((place) => fields[place]),
            rows.slice(at, end).map((row) => places.map((place) => row[place])),
            end,
          );
        }
      },
    },
    target: memoryTarget(store),
    async [Symbol.asyncDispose]() {},
  };
}

function memoryTarget(store: MemoryStore): Target {
  const staged = (lease: Lease) => {
    const found = store.staged.get(lease.instance);
    if (found === undefined || found.attempt > lease.attempt)
      throw new ConnectorError({ kind: 'busy', code: 'FENCED', message: 'A later attempt has taken over.' });
    return found;
  };
  return {
    traits: {
      modes: MODES,
      publish: ['transaction'],
      maxWriters: 8,
      splitBytes: null,
      expires: null,
    },
    async prepare(load) {
      if (load.mode !== 'APPEND' && load.mode !== 'OVERWRITE')
        throw new ConnectorError({
          kind: 'config',
          code: 'MODE_UNAVAILABLE',
          message: `${load.mode} is not available.`,
        });
      if (!load.create && !store.objects.has(load.object)) throw missing(load.object);
      return { ddl: null, publish: 'transaction', visible: 'Nothing until the commit.', fields: load.fields };
    },
    async begin(load: Load, lease) {
      const earlier = store.staged.get(lease.instance);
      if (earlier !== undefined && earlier.attempt > lease.attempt) staged(lease);
      if (!store.objects.has(load.object)) store.objects.set(load.object, { fields: load.fields, rows: [] });
      const resumed = earlier !== undefined;
      // Sealed slots are taken over; what was not sealed is written again.
      const slots = new Map([...(earlier?.slots ?? [])].filter(([, slot]) => slot.sealed));
      store.staged.set(lease.instance, { attempt: lease.attempt, committed: earlier?.committed ?? false, slots });
      return { handle: { object: load.object, mode: load.mode }, resumed };
    },
    async writer(_handle, { split }, lease) {
      const slot = { rows: [] as Cell[][], sealed: false };
      staged(lease).slots.set(split, slot);
      return {
        async write(batch) {
          staged(lease);
          for (let row = 0; row < batch.rows; row++)
            slot.rows.push(
              batch.columns.map((column, at) =>
                ['decimal', 'utf8'].includes(batch.fields[at].type.kind)
                  ? cellText(column, batch.fields[at].type, row)
                  : cell(column, batch.fields[at].type, row),
              ),
            );
          return undefined;
        },
        async seal() {
          staged(lease);
          slot.sealed = true;
          return { split, rows: slot.rows.length, bytes: 0, detail: null };
        },
        async [Symbol.asyncDispose]() {
          if (!slot.sealed && store.staged.get(lease.instance)?.slots.get(split) === slot)
            store.staged.get(lease.instance)?.slots.delete(split);
        },
      };
    },
    async verify(_handle, receipts, lease) {
      const { slots } = staged(lease);
      const ok = receipts.every((receipt) => slots.get(receipt.split)?.rows.length === receipt.rows);
      return {
        ok,
        rows: receipts.reduce((sum, receipt) => sum + (slots.get(receipt.split)?.rows.length ?? 0), 0),
        message: 'Counted.',
      };
    },
    async commit(handle: Json, receipts: Receipt[], lease) {
      const run = staged(lease);
      if (run.committed) return;
      const { object, mode } = handle as { object: string; mode: string };
      const rows = receipts.flatMap((receipt) => run.slots.get(receipt.split)?.rows ?? []);
      const there = objectOf(store, object);
      there.rows = mode === 'OVERWRITE' ? rows : [...there.rows, ...rows];
      run.committed = true;
    },
    async outcome(_handle, lease) {
      const run = store.staged.get(lease.instance);
      return run === undefined ? 'gone' : run.committed ? 'committed' : 'open';
    },
    async abort(_handle, lease) {
      if (store.staged.has(lease.instance)) staged(lease);
      store.staged.delete(lease.instance);
    },
  };
}
