import type { Json, PartitionValue, WriteMode } from '@sampan/connector';

/** The parts of a task that are versioned, as stored: every default filled in. Field names are those of the API. */
export interface TaskDefinition {
  source: SourceDefinition;
  target: TargetDefinition;
  mapping: LinkDefinition[];
  schedule: Schedule;
  options: RunOptions;
}

export interface SourceDefinition {
  dataSourceId: string;
  objects: string[];
  where: string | null;
  splitKey: string | null;
  splits: number | null;
  parallel: number;
  fetchSize: number | null;
  options: { [key: string]: Json };
}

export interface TargetDefinition {
  dataSourceId: string;
  object: string;
  create: boolean;
  ddl: string | null;
  writeMode: WriteMode;
  /** Target columns that tell rows apart; absent or empty: the source's primary key, where it has one. */
  keys?: string[];
  partition: PartitionValue[];
  preSql: string[];
  postSql: string[];
  publish: 'AUTO' | 'SWAP' | 'TRANSACTION' | 'STEPPED';
  options: { [key: string]: Json };
}

export interface LinkDefinition {
  target: string;
  column: string | null;
  constant: string | null;
  onLossy: 'REFUSE' | 'ALLOW' | 'DIRTY';
}

export type Period = 'MINUTE' | 'HOUR' | 'DAY';
export type Misfire = 'ALL' | 'LATEST' | 'SKIP';

/** A schedule as product.md states it; dates `2026-03-02` and times `02:30:00` belong to `timeZone`. */
export interface Schedule {
  type: 'PERIODIC' | 'ONCE';
  timeZone: string;
  effectiveFrom: string | null;
  effectiveTo: string | null;
  period: Period | null;
  every: number | null;
  windowFrom: string | null;
  windowTo: string | null;
  minute: number | null;
  at: string | null;
  /** RFC 3339, UTC. */
  runAt: string | null;
  dependsOnPrevious: 'NONE' | 'ENDED' | 'SUCCEEDED';
  offlineOnFailure: boolean;
  runOnOnline: boolean;
  misfire: Misfire;
  maxWaiting: number;
}

export type FailureKindName = 'CONFIG' | 'AUTH' | 'MISSING' | 'BUSY' | 'DATA' | 'BUG';

export interface RunOptions {
  cpu: number;
  memoryMb: number;
  timeoutMinutes: number;
  priority: 'LOW' | 'NORMAL' | 'HIGH';
  /** Row counts are decimal text, as BigInt is on the API. Null: no such limit. */
  dirtyRows: string | null;
  dirtyShare: number | null;
  rowsPerSecond: number | null;
  bytesPerSecond: string | null;
  reconciliation: 'OFF' | 'COUNT';
  retries: number;
  retryDelaySeconds: number;
  retryBackoff: number;
  retryOn: FailureKindName[];
}
