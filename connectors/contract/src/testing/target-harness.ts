import assert from 'node:assert/strict';
import type { Cell } from '../cells.ts';
import { batchOf } from '../columns.ts';
import type { Session } from '../connector.ts';
import type { DirtyRow } from '../errors.ts';
import type { Json } from '../json.ts';
import type { Lease, Load, Receipt, Target } from '../target.ts';
import type { Field, LogicalType } from '../types.ts';
import { calm } from './kit.ts';
import type { Line } from './line.ts';

/** What the kit needs of a system to hold its target to the laws. */
export interface TargetHarness {
  /** A session of its own, as another process would have. */
  open(): Promise<Session>;
  /** A way to the system that can be stopped or cut at the request that writes, or that publishes. */
  line(): Promise<Line>;
  /**
   * The rows of an object by a client that is not ours, as `id|v`, NULL as `id|~`, in any order; [] where there is none.
   * `v` holds values of the type: they are shown as `cellText` shows them.
   */
  read(object: string, type: LogicalType): Promise<string[]>;
  /** Nasty values, by name, that the system cannot hold, each with the reason: they must be dirty, all others arrive. */
  refuses: { [name: string]: string };
  /** What is staged now and does not go away by itself (`traits.expires`): names of tables, files, sessions. */
  staged(): Promise<string[]>;
  /** Sockets to the system that sessions have open now; 0 where it has none. */
  sockets(): number;
}

export const field = (name: string, type: LogicalType): Field => ({
  name,
  type,
  native: '',
  nullable: true,
  generated: false,
});
export const TEXT: LogicalType = { kind: 'utf8' };
export const FIELDS = [field('id', { kind: 'int64' }), field('v', TEXT)];

let named = 0;
/** An object and an instance that nobody has used. */
export const fresh = () => ({
  object: `kit_${process.pid}_${++named}`,
  instance: `kit-${process.pid}-${Date.now()}-${named}`,
});

export function loadOf(object: string, changes: Partial<Load> = {}): Load {
  return {
    object,
    create: true,
    ddl: null,
    fields: FIELDS,
    keys: [],
    mode: 'APPEND',
    partition: [],
    preSql: [],
    postSql: [],
    publish: 'auto',
    options: {},
    ...changes,
  };
}

export interface Begun {
  handle: Json;
  fields: Field[];
}

export async function begun(target: Target, load: Load, lease: Lease): Promise<Begun> {
  const { fields } = await target.prepare(load, calm());
  const { handle } = await target.begin(load, lease, null, calm());
  return { handle, fields };
}

export interface Slot {
  split: number;
  lease: Lease;
  rows: Cell[][];
}

/** One split, written and sealed. */
export async function write(
  target: Target,
  { handle, fields }: Begun,
  { split, lease, rows }: Slot,
): Promise<{ receipt: Receipt; dirty: DirtyRow[] }> {
  const writer = await target.writer(handle, { split }, lease, calm());
  try {
    const dirty = (await writer.write(batchOf(fields, rows, null))) ?? [];
    return { receipt: await writer.seal(), dirty };
  } finally {
    await writer[Symbol.asyncDispose]();
  }
}

/** A whole run. */
export async function copy(target: Target, load: Load, instance: string, rows: Cell[][]): Promise<void> {
  const lease = { instance, attempt: 1 };
  const run = await begun(target, load, lease);
  const { receipt } = await write(target, run, { split: 0, lease, rows });
  await target.commit(run.handle, [receipt], lease, calm());
  await target.forget?.(run.handle, lease);
}

export const rowsOf = (from: number, count: number): Cell[][] =>
  Array.from({ length: count }, (_, at) => [BigInt(from + at), `row ${from + at}`]);
export const shown = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${from + at}|row ${from + at}`).sort();

/** Fails where the object does not hold exactly these rows. */
export async function holds(
  harness: TargetHarness,
  object: string,
  rows: readonly string[],
  message?: string,
): Promise<void> {
  assert.deepEqual((await harness.read(object, TEXT)).sort(), [...rows].sort(), message);
}
