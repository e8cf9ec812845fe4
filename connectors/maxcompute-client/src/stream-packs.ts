import type { ColumnData } from './columns.ts';
import { type Compression, encodingOf, packedWhole } from './compression.ts';
import { MaxComputeError } from './errors.ts';
import type { Answer, Http } from './http.ts';
import { kindOf } from './network-error.ts';
import { pause } from './pause.ts';
import { RecordEncoder } from './record-encoder.ts';
import type { RowOptions } from './row-values.ts';
import { type GivenRow, RowEncoder } from './rows.ts';
import { tunnelCall } from './tunnel.ts';
import {
  createStream,
  packQuery,
  reloadStream,
  type StreamSession,
  type StreamTarget,
  slotOf,
} from './tunnel-stream.ts';

export interface StreamOptions extends Omit<StreamTarget, 'table' | 'partition'> {
  partition?: StreamTarget['partition'];
  compression?: Compression;
  /**
   * Send a pack again where it is not known whether it is there, which may double its rows (default false: the error is
   * the caller's to answer). What is known to have had no effect is sent again in any case.
   */
  repeat?: boolean;
  signal?: AbortSignal;
}

/** Small writes that are to be seen at once. Not for loads: each pack is a file. */
export interface Stream {
  readonly session: StreamSession;
  /** One pack: its rows are in the table when this returns. Columns in the order of `session.columns`. */
  send(columns: readonly ColumnData[], rows: number): Promise<void>;
  /** One pack of rows, the slow, easy way. @throws RowError */
  write(rows: readonly GivenRow[], options?: RowOptions): Promise<void>;
}

const TRIES = 8;
const FIELD_BYTES = 8 * 1024 * 1024;

/** @throws MaxComputeError */
export async function openStream(http: Http, table: string, options: StreamOptions = {}): Promise<Stream> {
  const { compression = 'identity', repeat = false, signal, partition = [], ...how } = options;
  const target: StreamTarget = { ...how, table, partition };
  const state = { session: await createStream(http, target, signal), next: 0 };
  const send = async (columns: readonly ColumnData[], rows: number) => {
    if (rows === 0) return;
    const encoder = new RecordEncoder(state.session.columns.map(({ type }) => type));
    const body = Buffer.concat([encoder.encode(columns, rows), encoder.end()]);
    await sendPack(
      http,
      target,
      state,
      { body: await packedWhole(body, compression), rows, compression },
      repeat,
      signal,
    );
  };
  return {
    get session() {
      return state.session;
    },
    send,
    write: (rows, more) => send(new RowEncoder(state.session.columns, FIELD_BYTES, more).encode(rows), rows.length),
  };
}

interface Pack {
  body: Buffer;
  rows: number;
  compression: Compression;
}

/** Sends a pack to the slots in turn; follows those that move. */
async function sendPack(
  http: Http,
  target: StreamTarget,
  state: { session: StreamSession; next: number },
  pack: Pack,
  repeat: boolean,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const slot = state.next++;
    try {
      follow(state.session, slot, await put(http, target, state.session, slot, pack, signal));
      return;
    } catch (error) {
      const status = error instanceof MaxComputeError ? error.status : null;
      // 308: the slot is elsewhere, and the pack nowhere.
      const again = status === 308 || (repeat && kindOf(error) === 'busy');
      if (!again || attempt >= TRIES || signal?.aborted) throw error;
      await pause(attempt === 1 ? 0 : Math.min(16_000, 100 * 2 ** attempt) * (0.5 + Math.random() / 2), signal);
      state.session = await reloadStream(http, target, state.session.id, signal);
    }
  }
}

async function put(
  http: Http,
  target: StreamTarget,
  session: StreamSession,
  slot: number,
  { body, rows, compression }: Pack,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  const { id, server } = slotOf(session, slot);
  const encoding: { [name: string]: string } =
    compression === 'identity' ? {} : { 'content-encoding': encodingOf(compression, 'records') };
  const call = await tunnelCall(http, target, {
    method: 'PUT',
    part: 'streams',
    query: {
      uploadid: session.id,
      slotid: id,
      record_count: String(rows),
      schema_version: target.schemaVersion,
      ...packQuery(target),
    },
    headers: {
      'content-type': 'application/octet-stream',
      'odps-tunnel-routed-server': server,
      'odps-tunnel-slot-num': String(session.slots.length),
      ...encoding,
    },
    repeatable: false,
    signal,
  });
  return http.call({ ...call, body });
}

/** Learns from the answer where the slot is now. */
function follow(session: StreamSession, slot: number, { headers }: Answer): void {
  const server = headers['odps-tunnel-routed-server'];
  if (typeof server === 'string' && server !== '') slotOf(session, slot).server = server;
}
