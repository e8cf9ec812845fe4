import { BlockWriter } from './block-writer.ts';
import { physicalOf } from './columns.ts';
import { type Compression, encodingOf } from './compression.ts';
import { MaxComputeError } from './errors.ts';
import type { Http } from './http.ts';
import { pause } from './pause.ts';
import { columnsOf, parseSession, type SessionJson, type TunnelPlace, type TunnelQuery, tunnelCall } from './tunnel.ts';
import type { OdpsColumn } from './types.ts';

export interface StreamTarget extends TunnelPlace {
  /** Make the partition where it is not there. */
  createPartition?: boolean;
  /** Each record names its own partition: no `partition` then. The session's columns tell where. */
  dynamicPartition?: boolean;
  /** Columns by which the service orders what it writes, by their Z-order. */
  zorderColumns?: readonly string[];
  /** Packs for other columns than the table's newest are refused (`SchemaModified`). */
  checkLatestSchema?: boolean;
  /** Version of the columns to write; the service's choice where absent. */
  schemaVersion?: string;
  /** How many slots of the tunnel's quota the session asks for; the service's choice where absent. */
  slots?: number;
}

/** A stream session. Its slots are servers that take packs; they may move: reload then. */
export interface StreamSession {
  id: string;
  status: string;
  columns: OdpsColumn[];
  slots: { id: string; server: string }[];
  schemaVersion: string | null;
}

interface StreamJson {
  schema_version?: string | number;
  session_name?: string;
  status?: string;
  schema?: SessionJson['Schema'];
  slots?: [string, string][];
}

const POLL_MS = [100, 200, 400, 800, 1_600, 3_200, 5_000];

/** What goes with the session's opening and with each pack. */
export const packQuery = (target: StreamTarget): TunnelQuery => ({
  dynamic_partition: target.dynamicPartition ? 'true' : undefined,
  zorder_columns: target.zorderColumns?.join(','),
  check_latest_schema: target.checkLatestSchema === undefined ? undefined : String(target.checkLatestSchema),
});

async function ask(
  http: Http,
  of: TunnelPlace,
  method: 'GET' | 'POST',
  query: TunnelQuery,
  signal: AbortSignal | undefined,
  more: { [name: string]: string } = {},
): Promise<StreamSession> {
  const headers = { 'content-length': '0', ...more };
  const call = await tunnelCall(http, of, { method, query, headers, part: 'streams', repeatable: true, signal });
  const json = parseSession<StreamJson & SessionJson>(await http.call(call));
  return {
    id: json.session_name ?? query.uploadid ?? '',
    status: (json.status ?? 'NORMAL').toUpperCase(),
    columns: columnsOf(json.schema === undefined ? {} : { Schema: json.schema }),
    slots: (json.slots ?? []).map(([id, server]) => ({ id: String(id), server })),
    schemaVersion: json.schema_version === undefined ? null : String(json.schema_version),
  };
}

/** Opens a stream session and waits until it takes packs. For small writes that are to be seen at once; not for loads. */
export async function createStream(http: Http, target: StreamTarget, signal?: AbortSignal): Promise<StreamSession> {
  const query = {
    create_partition: target.createPartition ? 'true' : undefined,
    schema_version: target.schemaVersion,
    ...packQuery(target),
  };
  // Of the official clients one sends this name, the other that one.
  const slots = String(target.slots);
  const headers: { [name: string]: string } =
    target.slots === undefined ? {} : { 'odps-tunnel-slot-num': slots, 'odps-slot-num': slots };
  let session = await ask(http, target, 'POST', query, signal, headers);
  for (let poll = 0; session.status === 'INIT'; poll++) {
    await pause(POLL_MS[Math.min(poll, POLL_MS.length - 1)], signal);
    session = await reloadStream(http, target, session.id, signal);
  }
  return session;
}

/** The session as it is now. @throws MaxComputeError `StreamSessionNotFound` */
export function reloadStream(http: Http, of: TunnelPlace, id: string, signal?: AbortSignal): Promise<StreamSession> {
  return ask(http, of, 'GET', { uploadid: id }, signal);
}

/** Ends a session. What was written stays. */
export async function abortStream(http: Http, of: TunnelPlace, id: string, signal?: AbortSignal): Promise<void> {
  await ask(http, of, 'POST', { uploadid: id }, signal);
}

/**
 * Begins a pack: its rows are in the table once `finish` has returned. At least once: a pack whose answer was lost may be
 * there, and sending it again may double it.
 * @param slot which of the session's slots takes it; spread parallel packs over them
 */
export async function writePack(
  http: Http,
  of: StreamTarget,
  session: StreamSession,
  slot = 0,
  signal?: AbortSignal,
  compression: Compression = 'identity',
): Promise<BlockWriter> {
  for (const { type } of session.columns) physicalOf(type);
  const { id, server } = slotOf(session, slot);
  const encoding: { [name: string]: string } =
    compression === 'identity' ? {} : { 'content-encoding': encodingOf(compression, 'records') };
  const call = await tunnelCall(http, of, {
    method: 'PUT',
    query: { uploadid: session.id, slotid: id, schema_version: of.schemaVersion, ...packQuery(of) },
    part: 'streams',
    headers: {
      'transfer-encoding': 'chunked',
      'odps-tunnel-routed-server': server,
      'odps-tunnel-slot-num': String(session.slots.length),
      ...encoding,
    },
    repeatable: false,
    signal,
  });
  const request = await http.open(call, { 'content-type': 'application/octet-stream' }, true);
  return new BlockWriter(http, request, session.columns, compression);
}

/** @throws MaxComputeError `StatusConflict` where the session has none */
export function slotOf(session: StreamSession, slot: number): { id: string; server: string } {
  if (session.slots.length > 0) return session.slots[slot % session.slots.length];
  throw new MaxComputeError({
    code: 'StatusConflict',
    kind: 'busy',
    message: `Stream session ${session.id} is ${session.status} and has no slot.`,
    hint: 'Reload it, or open another one.',
  });
}
