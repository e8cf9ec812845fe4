import { type Compression, encodingOf, packedWhole } from './compression.ts';
import { MaxComputeError } from './errors.ts';
import type { Http } from './http.ts';
import { type TunnelPlace, tunnelCall } from './tunnel.ts';
import { reloadUpsert, type UpsertSession } from './tunnel-upsert.ts';
import type { UpsertPack } from './upsert-packs.ts';

const TRIES = 4;
/** The server of a slot has changed, or is not there. */
const MOVED = new Set([308, 502, 504]);
/** Buckets that are sent to at the same time. */
const AT_ONCE = 4;
const KEEP_ALIVE_MS = 30_000;

/**
 * Sends a pack, and again where that fails: by its keys it has its effect once. The session's servers are learnt anew
 * where one has moved. @throws MaxComputeError; the pack may or may not be part of the session then
 */
export async function sendPack(
  http: Http,
  of: TunnelPlace,
  session: UpsertSession,
  pack: UpsertPack,
  compression: Compression = 'identity',
  signal?: AbortSignal,
): Promise<void> {
  const body = await packedWhole(pack.body, compression);
  const encoding: { [name: string]: string } =
    compression === 'identity' ? {} : { 'content-encoding': encodingOf(compression, 'records') };
  for (let tries = 1; ; tries++) {
    const { slot, server } = session.buckets[pack.bucket];
    const call = await tunnelCall(http, of, {
      method: 'PUT',
      part: 'upserts',
      query: {
        upsertid: session.id,
        bucketid: String(pack.bucket),
        slotid: slot,
        record_count: String(pack.rows),
      },
      headers: { 'content-type': 'application/octet-stream', 'odps-tunnel-routed-server': server, ...encoding },
      repeatable: true,
      signal,
    });
    try {
      await http.call({ ...call, body });
      return;
    } catch (error) {
      const status = error instanceof MaxComputeError ? error.status : null;
      if (tries === TRIES || status === null || !MOVED.has(status)) throw error;
      const now = await reloadUpsert(http, of, session.id, signal);
      // Another number of buckets would put keys elsewhere.
      if (now.buckets.length !== session.buckets.length) throw error;
      session.buckets = now.buckets;
    }
  }
}

/** Sends packs: several buckets at a time, those of one bucket one after another. The first failure ends it. */
export async function sendPacks<Pack extends { bucket: number }>(
  packs: readonly Pack[],
  send: (pack: Pack) => Promise<void>,
): Promise<void> {
  const byBucket = new Map<number, Pack[]>();
  for (const pack of packs) {
    const queue = byBucket.get(pack.bucket);
    if (queue === undefined) byBucket.set(pack.bucket, [pack]);
    else queue.push(pack);
  }
  const queues = [...byBucket.values()];
  let failure: unknown;
  const lane = async () => {
    for (let queue = queues.shift(); queue !== undefined && failure === undefined; queue = queues.shift()) {
      for (const pack of queue) {
        if (failure !== undefined) return;
        await send(pack).catch((error: unknown) => {
          failure ??= error;
        });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, queues.length) }, lane));
  if (failure !== undefined) throw failure;
}

/** Asks for the session twice a minute, as the official clients do, so that it is not given up. Ends when called. */
export function keepAlive(http: Http, of: TunnelPlace, id: string): () => void {
  const stop = new AbortController();
  const timer = setInterval(() => void reloadUpsert(http, of, id, stop.signal).catch(() => {}), KEEP_ALIVE_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    stop.abort();
  };
}
