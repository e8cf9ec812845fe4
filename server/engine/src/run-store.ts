import type { DirtyRecord, Failure, Json, Publish, Receipt, Split } from '@sampan/connector';

export type RunPhase = 'CONNECTING' | 'PLANNING' | 'COPYING' | 'VERIFYING' | 'COMMITTING';

/** Totals since the attempt began, sealed slots of earlier attempts included in rows and bytes. */
export interface ProgressCounts {
  rowsRead: number;
  rowsWritten: number;
  rowsDirty: number;
  rowsFiltered: number;
  bytesRead: number;
  bytesWritten: number;
}

export interface SplitProgress extends ProgressCounts {
  split: number;
}

export interface PhaseTiming {
  phase: RunPhase;
  millis: number;
  waitedForReaderMs: number;
  waitedForWriterMs: number;
  throttledMs: number;
}

export interface Progress {
  total: ProgressCounts;
  /** Null until they are planned. */
  splitsTotal: number | null;
  splitsDone: number;
  /** Those under way: what is sealed is stored with its receipt. */
  splits: SplitProgress[];
  /** The side that has let the run wait for some seconds without a row; null: rows flow. */
  stalledOn: 'READER' | 'WRITER' | null;
  timings: PhaseTiming[];
}

export interface LogLine {
  at: string;
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  fields: { [key: string]: Json } | null;
}

export interface RanStatement {
  at: string;
  side: 'READER' | 'WRITER';
  sql: string;
  millis: number;
  rows: number | null;
}

/**
 * All that the engine needs of the world that keeps the instance. Every call is guarded by instance + attempt + lease:
 * it rejects with a `ConnectorError` of code `LEASE_LOST` when the attempt is no longer the owner, and the engine then
 * closes its writers and ends without an abort.
 */
export interface RunStore {
  phase(phase: RunPhase): Promise<void>;
  /** Stores the plan once; a plan stored earlier wins and is returned. */
  savePlan(splits: Split[], warnings: string[]): Promise<Split[]>;
  /** Before the first byte is written. `resumed` false forgets the receipts of earlier attempts. */
  saveHandle(handle: Json, how: { publish: Publish; visible: string; resumed: boolean }): Promise<void>;
  /**
   * A split began (again). Of the dirty records of an unsealed earlier try only the first `keepDirty` are kept; answers
   * how many there are.
   */
  splitStarted(split: number, how: { resumed: boolean; keepDirty: number }): Promise<number>;
  saveReceipt(receipt: Receipt, counts: SplitProgress): Promise<void>;
  dirty(records: DirtyRecord[]): Promise<void>;
  /** Last value only; at most four a second. */
  progress(progress: Progress): Promise<void>;
  log(lines: LogLine[]): Promise<void>;
  statements(ran: RanStatement[]): Promise<void>;
  reconciled(result: { ok: boolean; sourceRows: number; targetRows: number | null; message: string }): Promise<void>;
  /** The transition to COMMITTING: from here only this handle may ever publish the instance. */
  committing(): Promise<void>;
}

/**
 * How an attempt ended, told by the engine to whoever started it; who then moves the instance and, for every end but
 * `committed`, `lost` and `undecided`, calls `abort` on the target if it wins the transition to a terminal state.
 */
export type RunEnd =
  | { end: 'committed' }
  | { end: 'failed'; failure: Failure }
  /** `again`: a later attempt may find it out; else only a person can. */
  | { end: 'undecided'; message: string; again: boolean }
  /** `unpublished`: it was being published, and the target says that it is not. */
  | { end: 'stopped'; unpublished?: true }
  | { end: 'lost' };
