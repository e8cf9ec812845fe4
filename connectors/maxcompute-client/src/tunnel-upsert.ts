import { physicalOf } from './columns.ts';
import { MaxComputeError } from './errors.ts';
import type { Answer, Http } from './http.ts';
import type { Hasher } from './key-hash.ts';
import {
  columnsOf,
  parseSession,
  requestIdOf,
  type SessionJson,
  type TunnelPlace,
  type TunnelQuery,
  tunnelCall,
} from './tunnel.ts';
import type { OdpsColumn } from './types.ts';

export type UpsertStatus = 'NORMAL' | 'COMMITTING' | 'COMMITTED' | 'EXPIRED' | 'CRITICAL' | 'ABORTED' | 'UNKNOWN';

export interface UpsertTarget extends TunnelPlace {
  /** How many slots of the tunnel's quota the session asks for (default 1). */
  slots?: number;
  /** Hours until the session expires, 1 to 24; the service's own default where absent. */
  lifecycle?: number;
}

/** An upsert session into a Delta table, as the service tells it. */
export interface UpsertSession {
  id: string;
  status: UpsertStatus;
  /** The table's columns: what rows are given as. */
  columns: OdpsColumn[];
  /** Places of the primary key among the columns. */
  keys: number[];
  hasher: Hasher;
  /** For each bucket the slot that takes it and the server behind that. Servers move: `reloadUpsert` tells where to. */
  buckets: { slot: string; server: string }[];
}

interface UpsertJson {
  id?: string;
  schema?: SessionJson['Schema'];
  hash_key?: string[];
  hasher?: string;
  slots?: { slot_id?: string | number; buckets?: number[]; worker_addr?: string }[];
  status?: string;
}

async function ask(
  http: Http,
  of: TunnelPlace,
  method: 'GET' | 'POST' | 'DELETE',
  query: TunnelQuery,
  repeatable: boolean,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  const headers = { 'content-length': '0' };
  return http.call(await tunnelCall(http, of, { method, query, headers, part: 'upserts', repeatable, signal }));
}

/** @throws MaxComputeError `UnreadableAnswer`; `UnknownType` where the table has a column that cannot be written */
export function upsertOf(answer: Answer | string): UpsertSession {
  const json = parseSession<UpsertJson & SessionJson>(answer);
  const columns = columnsOf(json.schema === undefined ? {} : { Schema: json.schema });
  for (const { type } of columns) physicalOf(type);
  const hashKeys = json.hash_key ?? [];
  const keys = hashKeys.map((name) => columns.findIndex((one) => one.name.toLowerCase() === name.toLowerCase()));
  const buckets: UpsertSession['buckets'] = [];
  for (const { slot_id, buckets: taken = [], worker_addr = '' } of json.slots ?? [])
    for (const bucket of taken) buckets[bucket] = { slot: String(slot_id), server: worker_addr };
  const hasher = (json.hasher ?? 'default').toLowerCase();
  // A bucket without a server, or keys hashed in another way: rows would go where nobody looks for them.
  const gap = buckets.length === 0 || Array.from(buckets).includes(undefined as never);
  if (json.id === undefined || gap || keys.length === 0 || keys.includes(-1) || !/^(default|legacy)$/.test(hasher))
    throw new MaxComputeError({
      code: 'UnreadableAnswer',
      kind: 'config',
      message: `This is no upsert session: ${(typeof answer === 'string' ? answer : answer.body).slice(0, 200)}`,
      hint: 'Check the tunnel endpoint, and that this version knows the service.',
      ...(requestIdOf(answer) === undefined ? {} : { requestId: String(requestIdOf(answer)) }),
    });
  const status = (json.status ?? 'UNKNOWN').toUpperCase() as UpsertStatus;
  return { id: json.id, status, columns, keys, hasher: hasher as Hasher, buckets };
}

/**
 * Opens a session into a Delta table: one with a primary key and TBLPROPERTIES("transactional"="true").
 * Nothing of it is visible before its commit. An orphan expires and leaves nothing.
 */
export async function createUpsert(http: Http, target: UpsertTarget, signal?: AbortSignal): Promise<UpsertSession> {
  const { slots = 1, lifecycle } = target;
  const query = { slotnum: String(slots), lifecycle: lifecycle === undefined ? undefined : String(lifecycle) };
  return upsertOf(await ask(http, target, 'POST', query, true, signal));
}

/** The session as it is now; asking also keeps it alive. @throws MaxComputeError `UpsertSessionNotFound` */
export async function reloadUpsert(
  http: Http,
  of: TunnelPlace,
  id: string,
  signal?: AbortSignal,
): Promise<UpsertSession> {
  return upsertOf(await ask(http, of, 'GET', { upsertid: id }, true, signal));
}

/** Begins the commit, or asks again for the one that has begun: what the session has become. */
export async function postUpsert(http: Http, of: TunnelPlace, id: string, signal?: AbortSignal): Promise<UpsertStatus> {
  const json = parseSession<UpsertJson & SessionJson>(await ask(http, of, 'POST', { upsertid: id }, false, signal));
  return (json.status ?? 'UNKNOWN').toUpperCase() as UpsertStatus;
}

/**
 * Ends a session: nothing of it will ever be visible, and whoever comes to commit it is refused. One that is gone has
 * ended. @throws MaxComputeError `StatusConflict` where it has been committed, or is about to be
 */
export async function abortUpsert(http: Http, of: TunnelPlace, id: string, signal?: AbortSignal): Promise<void> {
  try {
    await ask(http, of, 'DELETE', { upsertid: id }, true, signal);
  } catch (error) {
    if (!(error instanceof MaxComputeError) || error.code !== 'UpsertSessionNotFound') throw error;
  }
}
