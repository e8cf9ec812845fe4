import { ConnectorError } from '../errors.ts';
import type { Json } from '../json.ts';
import type { Lease, Load, Receipt, Target } from '../target.ts';
import {
  type MemorySlot,
  type MemoryStore,
  type MemoryWire,
  missing,
  objectOf,
  rowsOf,
  type Staged,
} from './memory-store.ts';

export const MODES = ['APPEND', 'OVERWRITE'] as const;

const refusal = (code: string, message: string, hint: string, kind: 'config' | 'busy' | 'data' | 'bug' = 'config') =>
  new ConnectorError({ kind, code, message, hint });
const fenced = () =>
  refusal('FENCED', 'A later attempt has taken over, or the run has ended.', 'Nothing is to be done.', 'busy');

interface Handle {
  object: string;
  mode: (typeof MODES)[number];
}

/**
 * The store keeps the highest attempt of each run, and looks at it in the same step that has the effect: what was looked
 * at before the request was sent is worth nothing to a process that slept meanwhile.
 */
export function memoryTarget(store: MemoryStore, wire: MemoryWire): Target {
  /** The run of a lease; an attempt that is higher takes it over. */
  const run = (lease: Lease): Staged => {
    const found = store.staged.get(lease.instance);
    if (found === undefined || found.attempt > lease.attempt) throw fenced();
    found.attempt = lease.attempt;
    return found;
  };
  const open = (lease: Lease): Staged => {
    const found = run(lease);
    if (found.state !== 'open') throw fenced();
    return found;
  };
  return {
    traits: { modes: MODES, publish: ['transaction'], maxWriters: 8, splitBytes: null, expires: null },
    async prepare(load) {
      checkLoad(store, load);
      return { ddl: null, publish: 'transaction', visible: 'Nothing until the commit.', fields: load.fields };
    },
    async begin(load: Load, lease) {
      checkLoad(store, load);
      const earlier = store.staged.get(lease.instance);
      const resumed = earlier !== undefined && run(lease).state !== 'aborted';
      if (!store.objects.has(load.object)) store.objects.set(load.object, { fields: load.fields, rows: [] });
      // Sealed slots are taken over; what was not sealed is written again.
      const slots = new Map(resumed ? [...earlier.slots].filter(([, slot]) => slot.sealed) : []);
      const state = resumed ? earlier.state : 'open';
      store.staged.set(lease.instance, { attempt: lease.attempt, state, slots });
      return { handle: { object: load.object, mode: load.mode }, resumed };
    },
    async writer(handle, { split }, lease, signal) {
      handleOf(handle);
      const slot: MemorySlot = { rows: [], sealed: false };
      open(lease).slots.set(split, slot);
      return {
        async write(batch) {
          const rows = rowsOf(batch);
          await wire.send('write', signal, () => {
            if (open(lease).slots.get(split) !== slot) throw fenced();
            slot.rows.push(...rows);
          });
          return undefined;
        },
        async seal() {
          if (open(lease).slots.get(split) !== slot) throw fenced();
          slot.sealed = true;
          return { split, rows: slot.rows.length, bytes: 0, detail: null };
        },
        async [Symbol.asyncDispose]() {
          const slots = store.staged.get(lease.instance)?.slots;
          if (!slot.sealed && slots?.get(split) === slot) slots.delete(split);
        },
      };
    },
    async verify(handle, receipts, lease) {
      handleOf(handle);
      const { slots } = run(lease);
      return {
        ok: receipts.every((receipt) => slots.get(receipt.split)?.rows.length === receipt.rows),
        rows: receipts.reduce((sum, receipt) => sum + (slots.get(receipt.split)?.rows.length ?? 0), 0),
        message: 'Counted.',
      };
    },
    async commit(handle, receipts, lease, signal) {
      const { object, mode } = handleOf(handle);
      run(lease);
      await wire.send('publish', signal, () => publish(store, object, mode, receipts, run(lease)));
    },
    async outcome(handle, lease) {
      handleOf(handle);
      const found = store.staged.get(lease.instance);
      return found === undefined || found.state === 'aborted'
        ? 'gone'
        : run(lease).state === 'committed'
          ? 'committed'
          : 'open';
    },
    async abort(_handle, lease) {
      if (!store.staged.has(lease.instance)) return;
      const found = run(lease);
      if (found.state === 'open') store.staged.set(lease.instance, { ...found, state: 'aborted', slots: new Map() });
    },
    async forget(_handle, lease) {
      run(lease).slots.clear();
    },
  };
}

/** One step: nobody comes in between. */
function publish(store: MemoryStore, object: string, mode: Handle['mode'], receipts: Receipt[], run: Staged): void {
  if (run.state === 'committed') return;
  if (run.state === 'aborted') throw fenced();
  const staged = receipts.map(({ split, rows }) => {
    const slot = run.slots.get(split);
    if (slot?.sealed !== true || slot.rows.length !== rows)
      throw refusal('RECEIPTS_DIFFER', `Slot ${split} is not what its receipt says.`, 'Run it anew.', 'data');
    return slot.rows;
  });
  if (run.slots.size !== receipts.length)
    throw refusal('RECEIPTS_DIFFER', 'There are slots without a receipt.', 'Run it anew.', 'data');
  const there = objectOf(store, object);
  there.rows = [...(mode === 'OVERWRITE' ? [] : there.rows), ...staged.flat()];
  run.state = 'committed';
}

function checkLoad(store: MemoryStore, { object, create, mode, publish, fields }: Load): void {
  if (!MODES.some((known) => known === mode))
    throw refusal('MODE_UNAVAILABLE', `${mode} is not available.`, `Use ${MODES.join(' or ')}.`);
  if (publish !== 'auto' && publish !== 'transaction')
    throw refusal('PUBLISH_UNAVAILABLE', `It cannot publish by ${publish}.`, 'Use auto or transaction.');
  if (fields.length === 0) throw refusal('NOTHING_MAPPED', 'No column is mapped.', 'Map one at least.');
  if (new Set(fields.map(({ name }) => name)).size !== fields.length)
    throw refusal('COLUMN_MAPPED_TWICE', 'A column is mapped twice.', 'Map each column once.');
  if (!create && !store.objects.has(object)) throw missing(`object "${object}"`);
}

function handleOf(json: Json): Handle {
  const handle = json as Partial<Handle> | null;
  if (typeof handle?.object === 'string' && MODES.some((mode) => mode === handle.mode)) return handle as Handle;
  throw refusal('BAD_HANDLE', 'The stored handle is not one of this connector.', 'Run the task anew.', 'bug');
}
