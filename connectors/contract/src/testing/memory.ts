import { defineConnector, type Session } from '../connector.ts';
import { ConnectorError } from '../errors.ts';
import type { Line } from './line.ts';
import { memorySource } from './memory-source.ts';
import { directWire, type MemoryStore, type MemoryWire, memoryLine, objectOf } from './memory-store.ts';
import { MODES, memoryTarget } from './memory-target.ts';

export { createMemoryStore, type MemoryStore } from './memory-store.ts';

/** The reference connector: the contract in its simplest form, with no system behind it. */
export function createMemoryConnector(store: MemoryStore) {
  return defineConnector<{ name: string }>({
    api: 1,
    name: 'memory',
    title: 'Memory',
    roles: ['SOURCE', 'TARGET'],
    writeModes: MODES,
    config: {
      schema: {
        type: 'object',
        properties: { name: { type: 'string', title: 'Name', description: 'Of the store.' } },
        required: ['name'],
        additionalProperties: false,
      },
      secrets: [],
      endpoint: ['name'],
      parse(options) {
        if (options === null || typeof options !== 'object') throw badOption('Options must be an object.');
        const { name, ...rest } = options as { name?: unknown };
        if (typeof name !== 'string') throw badOption('Option "name" is needed, as text.');
        const unknown = Object.keys(rest)[0];
        if (unknown !== undefined) throw badOption(`Option "${unknown}" is not known.`);
        return { name };
      },
    },
    open: () => openMemory(store),
  });
}

const badOption = (message: string) =>
  new ConnectorError({ kind: 'config', code: 'BAD_OPTION', message, hint: 'The only option is "name".' });

export function openMemory(store: MemoryStore, wire: MemoryWire = directWire): Session {
  return {
    async *check() {
      yield { step: 'login', ok: true, millis: 0, message: 'It is always there.', hint: null };
    },
    async *objects({ search }) {
      for (const name of store.objects.keys())
        if (search === null || name.toLowerCase().includes(search.toLowerCase()))
          yield { name, kind: 'TABLE', rowEstimate: null, byteEstimate: null };
    },
    async describe(object) {
      const { fields, rows } = objectOf(store, object);
      const none = { partitionFields: [], keys: [], byteEstimate: null };
      return { object, kind: 'TABLE', fields, rowEstimate: rows.length, ...none };
    },
    source: memorySource(store),
    target: memoryTarget(store, wire),
    async [Symbol.asyncDispose]() {},
  };
}

/** A line to the store for the kit. @param change makes a broken session of a sound one */
export async function openMemoryLine(
  store: MemoryStore,
  change: (session: Session, store: MemoryStore, wire: MemoryWire) => Session = (session) => session,
): Promise<Line> {
  const { wire, line } = memoryLine();
  return { ...line, open: async () => change(openMemory(store, wire), store, wire) };
}
