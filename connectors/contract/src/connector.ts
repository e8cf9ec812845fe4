import type { Socket } from 'node:net';
import type { ConfigSpec } from './config.ts';
import type { Source } from './source.ts';
import type { Target, WriteMode } from './target.ts';
import type { ObjectKind, Schema } from './types.ts';

export type CheckStep = 'dns' | 'tcp' | 'tls' | 'login' | 'privileges' | 'version' | 'clock';

/** One step of a connection test. A step that was not reached is not reported. */
export interface CheckResult {
  step: CheckStep;
  ok: boolean;
  millis: number | null;
  message: string;
  hint: string | null;
}

export interface ObjectSummary {
  name: string;
  kind: ObjectKind;
  rowEstimate: number | null;
  byteEstimate: number | null;
  comment?: string;
}

export interface ObjectQuery {
  /** Part of the name, letter case ignored; null: all. */
  search: string | null;
}

/** What a session may use of the process it runs in. */
export interface OpenContext {
  /**
   * The only way to the network: resolves once, refuses denied addresses, connects to what it checked.
   * Rejects with a `ConnectorError` (`HOST_NOT_FOUND`, `ADDRESS_DENIED`, `CONNECT_FAILED`, `CONNECT_TIMEOUT`).
   */
  dial(address: { host: string; port: number } | { path: string }, signal?: AbortSignal): Promise<Socket>;
  log(level: 'debug' | 'info' | 'warn' | 'error', message: string, fields?: { [key: string]: unknown }): void;
  /** A statement that ran, for the instance's list of statements. Literals that are secret must be left out. */
  statement(sql: string, millis: number, rows: number | null): void;
}

/** One open connection (or pool of them). Disposing it closes everything it opened; it never publishes. */
export interface Session extends AsyncDisposable {
  /** Steps in order; ends after the first one that fails. A refused connection is a result, not a throw. */
  check(signal: AbortSignal): AsyncIterable<CheckResult>;
  objects(query: ObjectQuery, signal: AbortSignal): AsyncIterable<ObjectSummary>;
  /** @throws ConnectorError `missing` where there is no such object. */
  describe(object: string, signal: AbortSignal): Promise<Schema>;
  readonly source?: Source;
  readonly target?: Target;
}

export type ConnectorRole = 'SOURCE' | 'TARGET';

export interface Connector<Options = unknown> {
  /** Version of this contract. */
  api: 1;
  /** Lower case, unique among the connectors of a server. */
  name: string;
  title: string;
  /** Which ends it can be; a session has `source` and `target` accordingly. Told to people before anything is opened. */
  roles: readonly ConnectorRole[];
  /** What `traits.modes` of its target are; none where it is no target. */
  writeModes: readonly WriteMode[];
  config: ConfigSpec<Options>;
  /** Connects lazily: opening itself reaches nothing, so that `check` can report each step. */
  open(options: Options, context: OpenContext): Promise<Session> | Session;
}

/** Declares a connector; its package's default export. */
export function defineConnector<Options>(connector: Connector<Options>): Connector<Options> {
  return connector;
}
