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
}

/** A stream session. Its slots are servers that take packs; they may move: reload then. */
export interface StreamSession {
  id: string;
  status: string;
  columns: OdpsColumn[];
  slots: { id: string; server: string }[];
}

interface StreamJson {
  session_name?: string;
  status?: string;
  schema?: SessionJson['Schema'];
  slots?: [string, string][];
}

const POLL_MS = [100, 200, 400, 800, 1_600, 3_200, 5_000];

async function ask(
  http: Http,
  of: TunnelPlace,
  method: 'GET' | 'POST',
  query: TunnelQuery,
  signal: AbortSignal | undefined,
): Promise<StreamSession> {
  const headers = { 'content-length': '0' };
  const call = await tunnelCall(http, of, { method, query, headers, part: 'streams', repeatable: true, signal });
  const { body } = await http.call(call);
  const json = parseSession<StreamJson & SessionJson>(body);
  return {
    id: json.session_name ?? query.uploadid ?? '',
    status: (json.status ?? 'NORMAL').toUpperCase(),
    columns: columnsOf(json.schema === undefined ? {} : { Schema: json.schema }),
    slots: (json.slots ?? []).map(([id, server]) => ({ id: String(id), server })),
  };
}

/** Opens a stream session and waits until it takes packs. For small writes that are to be seen at once; not for loads. */
export async function createStream(http: Http, target: StreamTarget, signal?: AbortSignal): Promise<StreamSession> {
  const query = { create_partition: target.createPartition ? 'true' : undefined };
  let session = await ask(http, target, 'POST', query, signal);
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
  of: TunnelPlace,
  session: StreamSession,
  slot = 0,
  signal?: AbortSignal,
  compression: Compression = 'identity',
): Promise<BlockWriter> {
  if (session.slots.length === 0)
    throw new MaxComputeError({
      code: 'StatusConflict',
      kind: 'busy',
      message: `Stream session ${session.id} is ${session.status} and has no slot.`,
      hint: 'Reload it, or open another one.',
    });
  for (const { type } of session.columns) physicalOf(type);
  const { id, server } = session.slots[slot % session.slots.length];
  const encoding: { [name: string]: string } =
    compression === 'identity' ? {} : { 'content-encoding': encodingOf(compression, 'records') };
  const call = await tunnelCall(http, of, {
    method: 'PUT',
    query: { uploadid: session.id, slotid: id },
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
