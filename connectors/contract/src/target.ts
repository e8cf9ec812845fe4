import type { Batch } from './batch.ts';
import type { DirtyRow } from './errors.ts';
import type { Json } from './json.ts';
import type { Field } from './types.ts';

export type WriteMode = 'APPEND' | 'OVERWRITE' | 'UPSERT' | 'MIRROR' | 'ERROR_IF_NOT_EMPTY';
export type Publish = 'swap' | 'transaction' | 'stepped' | 'session';

/** The fence: every call carries it, and a target refuses a lower attempt than the highest it has seen. */
export interface Lease {
  instance: string;
  attempt: number;
}

export interface PartitionValue {
  name: string;
  value: string;
}

/**
 * What to write and how. A wish that the target cannot meet is refused by `prepare` (kind `config`). `fields` are the
 * mapped target columns: name and comment as wanted, type as it arrives.
 */
export interface Load {
  object: string;
  /** Create the object where it is missing. */
  create: boolean;
  /** The user's own statement for that; null: the target's. */
  ddl: string | null;
  fields: Field[];
  /**
   * What tells rows apart, as target columns: the columns chosen for it, else the source's primary key where all of it is
   * mapped; empty: nothing. UPSERT and MIRROR find the rows to replace by it, and a created object has it for its key.
   */
  keys: string[];
  /** True where a unique index of the source says that no two of its rows have the same key. Absent: nobody says so. */
  uniqueKeys?: boolean;
  mode: WriteMode;
  partition: PartitionValue[];
  preSql: string[];
  postSql: string[];
  publish: Publish | 'auto';
  options: { [key: string]: Json };
}

export interface Prepared {
  /** The statement that `begin` will run to create the object; null where it exists. */
  ddl: string | null;
  publish: Publish;
  /** What others see of the object meanwhile, in one sentence. */
  visible: string;
  /** For each of `Load.fields`, in that order, the column as the target wants its values: the engine converts to these types. */
  fields: Field[];
}

/** What an earlier attempt of the same instance left. */
export interface Previous {
  attempt: number;
  handle: Json;
  /** True only where its process is known to have ended. */
  dead: boolean;
}

export interface Begun {
  handle: Json;
  /** True: sealed slots of the earlier attempt count. False: everything is to be written again. */
  resumed: boolean;
}

/** What a sealed slot holds. `detail` is the target's own. */
export interface Receipt {
  split: number;
  rows: number;
  bytes: number;
  detail: Json;
}

export interface Verdict {
  ok: boolean;
  /** Rows the target has taken; null where it gives no count. */
  rows: number | null;
  message: string;
}

/**
 * `committed`: published. `open`: not published, and `commit` may be called. `gone`: not published and never will be
 * from this handle, so a new one may be begun. `unknown`: cannot be found out; a person decides.
 */
export type Outcome = 'committed' | 'open' | 'gone' | 'unknown';

/** Takes the batches of one split. One writer a slot at a time; `dispose` never publishes. */
export interface Writer extends AsyncDisposable {
  /** Position of the last batch that is already durable in this slot: the source goes on behind it. Absent: none. */
  readonly resumeAfter?: Json;
  /** Rows already durable in this slot before this writer, with `resumeAfter`. */
  readonly resumedRows?: number;
  /**
   * Awaiting it is the back-pressure. Rows returned were not written and are counted as dirty.
   * The batch's columns are `Prepared.fields`, in that order; its buffers may be used until the promise settles.
   */
  write(batch: Batch): Promise<DirtyRow[] | undefined>;
  /** Makes the slot durable. Nothing may be written after it. */
  seal(): Promise<Receipt>;
}

export interface TargetTraits {
  modes: readonly WriteMode[];
  publish: readonly Publish[];
  /** Writers at work at once, at most. */
  maxWriters: number;
  /** Splits should stay below this many bytes; null: any size. */
  splitBytes: number | null;
  /** What staged data goes away by itself, and when, in words; null: none does. */
  expires: string | null;
}

export interface Target {
  traits: TargetTraits;
  /** Decides how it will be done; changes nothing. Called in the editor and at the start of each attempt. */
  prepare(load: Load, signal: AbortSignal): Promise<Prepared>;
  /** Idempotent. The handle is stored before the first byte is written. Fences off every lower attempt. */
  begin(load: Load, lease: Lease, previous: Previous | null, signal: AbortSignal): Promise<Begun>;
  writer(handle: Json, slot: { split: number }, lease: Lease, signal: AbortSignal): Promise<Writer>;
  /** What is staged equals the receipts; conflicts are found here. Changes nothing that others can see. */
  verify(handle: Json, receipts: Receipt[], lease: Lease, signal: AbortSignal): Promise<Verdict>;
  /** Idempotent. Publishes exactly these receipts or nothing; refuses a lower attempt. */
  commit(handle: Json, receipts: Receipt[], lease: Lease, signal: AbortSignal): Promise<void>;
  /** For a commit whose answer was lost. */
  outcome(handle: Json, lease: Lease, signal: AbortSignal): Promise<Outcome>;
  /**
   * Idempotent. Removes what is staged. Called only by whoever moved the instance to a terminal state. `handle` is null
   * where `begin` was called, or may have been, and its answer was never stored.
   */
  abort(handle: Json, lease: Lease): Promise<void>;
  /** Idempotent clean-up after a commit that is known to have happened and is recorded. Absent: nothing to clean. */
  forget?(handle: Json, lease: Lease): Promise<void>;
}
