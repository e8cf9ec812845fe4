import type { Batch } from './batch.ts';
import type { Json } from './json.ts';
import type { Field, Schema } from './types.ts';

/** What to read. A wish that the source cannot meet is refused by `plan` (kind `config`) or told as a warning. */
export interface Read {
  object: string;
  /** Columns in the order wanted. */
  columns: string[];
  /** A condition in the source's own language, or null. */
  where: string | null;
  /** Column(s) to split by; null: the source chooses. */
  splitKey: string | null;
  /** How many splits are wanted; null: the source chooses. */
  splits: number | null;
  /** The target wants no split above this many bytes, as near as can be estimated; null: any. */
  maxBytes: number | null;
  /** Rows fetched at a time; null: the source chooses. */
  fetchSize: number | null;
  options: { [key: string]: Json };
}

/** An independently readable slice of the object. `read` holds all a process needs to read it, as plain JSON. */
export interface Split {
  /** From 0, without gaps. */
  number: number;
  /** For people: `id > 100 and id <= 200`. */
  description: string;
  rowEstimate: number | null;
  read: Json;
}

export interface Plan {
  /** The columns in the order of `Read.columns`. */
  fields: Field[];
  splits: Split[];
  /** Greatest value of the increment column, for watermarks; null otherwise. */
  high: string | null;
  /** Told to the user: no key to split by, and the like. */
  warnings: string[];
}

export interface Source {
  /** Called once per instance; the result is stored before anything is read, and never planned again. */
  plan(read: Read, signal: AbortSignal): Promise<Plan>;
  /**
   * Called once per split and attempt, and again after a failure, in any process. `after` is a batch's `position`: go
   * on behind it; null: from the start. The abort signal ends the read and frees its connection within 5 s.
   */
  read(split: Split, after: Json, signal: AbortSignal): AsyncIterable<Batch>;
}

export type { Schema };
