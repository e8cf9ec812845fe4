import type {
  CheckResult,
  Failure,
  Json,
  Lease,
  Load,
  ObjectQuery,
  ObjectSummary,
  Prepared,
  Schema,
} from '@sampan/connector';
import type { RunEnd, RunSpec, RunStore } from '@sampan/engine';

export type {
  LinkSpec,
  LogLine,
  OnLossy,
  Progress,
  RanStatement,
  Resume,
  RunEnd,
  RunPhase,
  RunSpec,
  RunStore,
  SplitProgress,
} from '@sampan/engine';

/** One end of a copy: where its connector's code is, and the options, secrets included, to open it with. */
export interface End {
  /** Whose data source it is: a process that has seen one workspace's secrets serves no other. */
  workspace: string;
  connector: string;
  /** Absolute path of the connector's module, from its manifest. */
  module: string;
  options: { [key: string]: Json };
}

/** What a host is told of the network (`SAMPAN_NET_DENY`): networks in CIDR form, and whether loopback is allowed. */
export interface NetworkPolicy {
  deny: string[];
  allowLoopback: boolean;
  /** The metadata database: its port at any of its addresses is none of a data source's business. */
  database?: { host: string; port: number };
}

/** A connector's own description, asked of it once per version. */
export interface ConnectorInfo {
  name: string;
  title: string;
  schema: { [key: string]: Json };
  secrets: string[];
  endpoint: string[];
  roles: ('SOURCE' | 'TARGET')[];
  writeModes: string[];
}

export interface Preview {
  fields: Schema['fields'];
  /** Values as exact text; null for NULL. */
  rows: (string | null)[][];
}

/** What a host can be asked, with the type of each answer. */
export interface Operations {
  info: { ask: { module: string }; answer: ConnectorInfo };
  /** Options with defaults filled in; rejects with kind `config`. Opens nothing. */
  parse: { ask: { end: End }; answer: { [key: string]: Json } };
  check: { ask: { end: End }; answer: CheckResult[] };
  objects: { ask: { end: End; query: ObjectQuery; limit: number }; answer: ObjectSummary[] };
  describe: { ask: { end: End; object: string }; answer: Schema };
  preview: { ask: { end: End; object: string; rows: number }; answer: Preview };
  prepare: { ask: { end: End; load: Load }; answer: Prepared };
  run: { ask: { spec: RunSpec; source: End; target: End }; answer: RunEnd };
  abort: { ask: { end: End; handle: Json; lease: Lease }; answer: null };
  forget: { ask: { end: End; handle: Json; lease: Lease }; answer: null };
}

export type Operation = keyof Operations;

/**
 * How a run ended, as its pool tells it. `failed` is the engine's own word. `died`: its process ended, or was ended,
 * without an answer that can be believed. What it did last, a commit too, is then not known.
 */
export type HostEnd = RunEnd | { end: 'died'; failure: Failure };

/** Parent to child. */
export type ToChild =
  /** `user`: whom the process becomes before it loads anything; null: it stays who it is. */
  | { type: 'ask'; operation: Operation; ask: Json; network: NetworkPolicy; user: number | null }
  | { type: 'stored'; id: number; value: Json; failure: Failure | null }
  | { type: 'cancel'; reason: string };

/** Child to parent. `store` is a call of the run-store, answered by `stored`. */
export type FromChild =
  | { type: 'store'; id: number; method: keyof RunStore; args: Json[] }
  | { type: 'answer'; value: Json; failure: Failure | null };
