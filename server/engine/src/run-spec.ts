import type { Json, PartitionValue, Publish, Receipt, Split, WriteMode } from '@sampan/connector';
import type { SplitProgress } from './run-store.ts';

/** What to do with values that fit the target's type only by losing something. */
export type OnLossy = 'REFUSE' | 'ALLOW' | 'DIRTY';

/** One link of the field mapping; exactly one of `column` and `constant` is set. */
export interface LinkSpec {
  target: string;
  column: string | null;
  constant: string | null;
  onLossy: OnLossy;
}

/** What an earlier attempt of the instance left behind, as stored. */
export interface Resume {
  attempt: number;
  /** True only where its process is known to have ended. */
  dead: boolean;
  handle: Json;
  receipts: Receipt[];
  /** Counts of the sealed splits. */
  counts: SplitProgress[];
  /** How it is published; null where that was not decided. */
  publish: Publish | null;
  /** The transition to COMMITTING was stored: only `outcome` and `commit` of this handle may follow. */
  committing: boolean;
}

/** Everything one attempt needs to know, as plain JSON. Options of the connections travel beside it, never in it. */
export interface RunSpec {
  instance: string;
  attempt: number;
  source: {
    object: string;
    where: string | null;
    splitKey: string | null;
    splits: number | null;
    fetchSize: number | null;
    options: { [key: string]: Json };
  };
  target: {
    object: string;
    create: boolean;
    ddl: string | null;
    mode: WriteMode;
    /** Target columns that tell rows apart; empty: the source's primary key, where it has one. */
    keys: string[];
    partition: PartitionValue[];
    preSql: string[];
    postSql: string[];
    publish: Publish | 'auto';
    options: { [key: string]: Json };
  };
  links: LinkSpec[];
  options: {
    /** Splits copied at the same time. */
    parallel: number;
    memoryMb: number;
    /** The run fails when dirty rows exceed either; null: no such limit. */
    dirtyRows: number | null;
    dirtyShare: number | null;
    rowsPerSecond: number | null;
    bytesPerSecond: number | null;
    reconciliation: 'OFF' | 'COUNT';
    /** How long a silent end is waited for, in milliseconds. */
    idleMs: number;
    /** How long publishing may take, in milliseconds: the run's timeout does not count then. */
    commitMs: number;
  };
  /** The stored plan of an earlier attempt, or null where none was stored. */
  splits: Split[] | null;
  resume: Resume | null;
}
