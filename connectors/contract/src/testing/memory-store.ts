import { type Batch, isValid } from '../batch.ts';
import type { Cell } from '../cells.ts';
import { ConnectorError } from '../errors.ts';
import type { Field, LogicalType } from '../types.ts';
import type { Fate, Moment } from './line.ts';

/** Rows as a builder takes them (`columnOf`). */
export interface MemoryObject {
  fields: Field[];
  rows: Cell[][];
}

export interface MemorySlot {
  rows: Cell[][];
  sealed: boolean;
}

export interface Staged {
  attempt: number;
  state: 'open' | 'committed' | 'aborted';
  slots: Map<number, MemorySlot>;
}

/** A system that lives in this process: what two sessions on it share. */
export interface MemoryStore {
  objects: Map<string, MemoryObject>;
  staged: Map<string, Staged>;
  /** Bytes that sources have been given. */
  taken: number;
}

export const createMemoryStore = (): MemoryStore => ({ objects: new Map(), staged: new Map(), taken: 0 });

/** What stands between a session and its store: nothing, or a line of the kit. */
export interface MemoryWire {
  /** Has the effect in the store at once, or as the line's fate is. */
  send<T>(moment: Moment, signal: AbortSignal, effect: () => T): Promise<T>;
}

export const directWire: MemoryWire = { send: async (_moment, _signal, effect) => effect() };

/** A line over which requests can be held or lost. */
export function memoryLine() {
  let fated: { moment: Moment; fate: Fate } | null = null;
  let dead = false;
  let tell = () => {};
  let go = () => {};
  const struck = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const wire: MemoryWire = {
    async send(moment, signal, effect) {
      if (dead) throw lost();
      if (fated?.moment !== moment) return effect();
      const { fate } = fated;
      fated = null;
      if (fate === 'hold') {
        const held = new Promise<void>((resolve, reject) => {
          go = resolve;
          signal.addEventListener('abort', () => reject(stopped()), { once: true });
        });
        tell();
        await held;
        return effect();
      }
      dead = true;
      if (fate === 'lose answer') effect();
      tell();
      throw lost();
    },
  };
  return {
    wire,
    line: {
      strike(moment: Moment, fate: Fate) {
        fated = { moment, fate };
      },
      struck,
      release: () => go(),
      close: async () => go(),
    },
  };
}

const lost = () =>
  new ConnectorError({
    kind: 'busy',
    code: 'CONNECTION_LOST',
    message: 'The line is dead.',
    hint: 'It is tried again by itself.',
  });
const stopped = () =>
  new ConnectorError({
    kind: 'busy',
    code: 'ABORTED',
    message: 'The work was stopped.',
    hint: 'Nothing is to be done.',
  });

export const missing = (what: string) =>
  new ConnectorError({
    kind: 'missing',
    code: 'NOT_FOUND',
    message: `There is no ${what}.`,
    hint: 'Check the name.',
  });

export function objectOf(store: MemoryStore, name: string): MemoryObject {
  const found = store.objects.get(name);
  if (found === undefined) throw missing(`object "${name}"`);
  return found;
}

/** The rows of a batch as a builder takes them: exact for every type. */
export function rowsOf(batch: Batch): Cell[][] {
  return Array.from({ length: batch.rows }, (_, row) =>
    batch.columns.map((column, at): Cell => {
      if (!isValid(column, row)) return null;
      if (column.values !== undefined) return column.values[row];
      const bytes = column.data!.slice(column.offsets![row], column.offsets![row + 1]);
      return batch.fields[at].type.kind === 'binary' ? bytes : Buffer.from(bytes).toString('utf8');
    }),
  );
}

/** Near enough to what a value takes. */
export const sizeOf = (value: Cell, type: LogicalType): number =>
  typeof value === 'string'
    ? value.length + 4
    : value instanceof Uint8Array
      ? value.length + 4
      : type.kind === 'bool'
        ? 1
        : 8;
