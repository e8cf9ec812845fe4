import type { HostPool } from '@sampan/hosts/pool';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import type { Logger } from 'pino';
import type { Sql } from 'postgres';
import type * as tables from './tables/index.ts';

export type Database = PostgresJsDatabase<typeof tables>;
export type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0];

/** What every function of this package is given first. */
export interface Control {
  db: Database;
  /** A client of its own for raw statements, LISTEN and cursors (drizzle changes how the client it wraps reads times). */
  sql: Sql;
  hosts: HostPool;
  log: Logger;
  /** Connectors found at start, by connector name. */
  connectors: Map<string, ConnectorEntry>;
  keys: Keys;
}

export interface ConnectorEntry {
  name: string;
  title: string;
  version: string;
  module: string;
  schema: { [key: string]: import('@sampan/connector').Json };
  secrets: string[];
  endpoint: string[];
  roles: ('SOURCE' | 'TARGET')[];
  writeModes: string[];
  /** Why it cannot be used; null where it can. */
  broken: string | null;
}

/** Key-encryption keys by id; new secrets are sealed under `current`. */
export interface Keys {
  current: string;
  byId: Map<string, Uint8Array>;
}

/** Who asks. */
export interface Actor {
  userId: string;
  name: string;
  platformRole: 'ADMIN' | 'MEMBER';
}
