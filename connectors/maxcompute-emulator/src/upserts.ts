import { rm } from 'node:fs/promises';
import type { DuckDBInstance } from '@duckdb/node-api';
import { bucketCount, isDelta } from './delta.ts';
import { noSuchPartition, parseSpec, specOf } from './partition-spec.ts';
import { Refusal } from './refusal.ts';
import { json, type Reply } from './reply.ts';
import type { Request } from './request.ts';
import { type Manifest, newSessionId, partitionOf, type Storage } from './storage.ts';
import { schemaJson } from './uploads.ts';
import { mergeSession } from './upsert-commit.ts';
import { takePack } from './upsert-pack.ts';
import type { UpsertSession, UpsertSessions } from './upsert-sessions.ts';

/** Upsert sessions into Delta tables. */
export interface Upserts {
  answer(request: Request, table: string): Promise<Reply>;
  /** Waits for the commits under way. */
  close(): Promise<void>;
}

const HOUR_MS = 3_600_000;
const MOST_HOURS = 24;
const MOST_SLOTS = 64;
/** A commit that ends within this is answered as done; a longer one as `committing`. */
const ANSWER_MS = 100;

const conflict = ({ id, status }: UpsertSession) =>
  new Refusal(409, 'StatusConflict', `Upsert session ${id} is ${status.toLowerCase()}.`);

/** `delayMs` is how long a commit is `committing` at least. */
export function openUpserts(
  storage: Storage,
  sessions: UpsertSessions,
  duck: DuckDBInstance,
  delayMs: number,
): Upserts {
  const commits = new Map<string, Promise<void>>();
  /** Goes on with a commit that has begun, in this process or in one before it. */
  const goOn = (session: UpsertSession) => {
    let under = commits.get(session.id);
    if (under === undefined) {
      under = finish(storage, sessions, duck, session, delayMs)
        .catch((error: Error) => {
          if (!(error instanceof Refusal)) process.stderr.write(`${error.stack}\n`);
        })
        .finally(() => commits.delete(session.id));
      commits.set(session.id, under);
    }
    return under;
  };
  const find = async (request: Request, table: string) => {
    const found = await sessions.find(table, request.query.get('upsertid') ?? '');
    if (found.session.status === 'COMMITTING') void goOn(found.session);
    return found;
  };
  const commit = async (request: Request, table: string) => {
    const id = request.query.get('upsertid') ?? '';
    const begun = await sessions.locked(id, async () => {
      const { session } = await find(request, table);
      if (session.status !== 'NORMAL') return session;
      const committing: UpsertSession = { ...session, status: 'COMMITTING' };
      await sessions.save(committing);
      return committing;
    });
    if (begun.status === 'ABORTED') throw conflict(begun);
    if (begun.status === 'COMMITTING')
      await Promise.race([goOn(begun), new Promise((resolve) => setTimeout(resolve, ANSWER_MS))]);
  };
  return {
    async answer(request, table) {
      const { method, query } = request;
      if (!query.has('upsertid')) {
        if (method !== 'POST') throw new Refusal(400, 'InvalidArgument', 'upsertid is missing.');
        const { session, manifest } = await create(storage, request, table);
        await sessions.save(session);
        return json(sessionJson(session, manifest, request), 201);
      }
      if (method === 'PUT') {
        const { session, manifest } = await find(request, table);
        await write(storage, sessions, session, manifest, request);
        return {};
      }
      if (method === 'POST') await commit(request, table);
      else if (method === 'DELETE')
        await sessions.locked(query.get('upsertid') ?? '', async () =>
          abort(storage, sessions, await find(request, table)),
        );
      else if (method !== 'GET') throw new Refusal(405, 'MethodNotAllowed', `${method} is not for upserts.`);
      const { session, manifest } = await sessions.find(table, query.get('upsertid') ?? '');
      return json(sessionJson(session, manifest, request));
    },
    async close() {
      await Promise.all(commits.values());
    },
  };
}

/** Where all slots are. Not by the header `host`, which the Java SDK sends without the port. */
const serverOf = ({ message: { socket } }: Request) => `${socket.localAddress}:${socket.localPort}`;

async function create(storage: Storage, { query }: Request, table: string) {
  const manifest = await storage.require(table);
  if (!isDelta(manifest))
    throw new Refusal(
      400,
      'InvalidArgument',
      `Table ${manifest.name} is no Delta table: upserts need PRIMARY KEY and TBLPROPERTIES ("transactional"="true").`,
    );
  const partition = specOf(manifest, parseSpec(query.get('partition') ?? ''));
  if (partitionOf(manifest, partition) === undefined) throw noSuchPartition(partition);
  const buckets = bucketCount(manifest.properties) ?? 1;
  const now = Date.now();
  const hours = wholeNumber(query, 'lifecycle', MOST_HOURS, MOST_HOURS);
  const session: UpsertSession = {
    id: newSessionId(),
    table: manifest.name,
    tableId: manifest.id,
    partition,
    width: manifest.columns.length,
    buckets,
    slots: Math.min(buckets, wholeNumber(query, 'slotnum', 1, MOST_SLOTS)),
    status: 'NORMAL',
    createdAt: new Date(now).toISOString(),
    expiresAt: new Date(now + hours * HOUR_MS).toISOString(),
    packs: [],
  };
  return { session, manifest };
}

function wholeNumber(query: Request['query'], name: string, fallback: number, most: number): number {
  const text = query.get(name);
  if (text === undefined) return fallback;
  if (/^[1-9]\d{0,3}$/.test(text) && Number(text) <= most) return Number(text);
  throw new Refusal(400, 'InvalidArgument', `${name}=${text}: a whole number from 1 to ${most} is needed.`);
}

async function write(
  storage: Storage,
  sessions: UpsertSessions,
  session: UpsertSession,
  manifest: Manifest,
  request: Request,
): Promise<void> {
  if (session.status !== 'NORMAL') throw conflict(session);
  const bucket = Number(request.query.get('bucketid') ?? Number.NaN);
  if (!(bucket >= 0 && bucket < session.buckets) || request.query.get('slotid') !== String(bucket % session.slots))
    throw new Refusal(400, 'InvalidArgument', `bucketid or slotid is none of session ${session.id}.`);
  const server = request.headers['odps-tunnel-routed-server'];
  if (server === undefined)
    throw new Refusal(400, 'MissingRequiredHeaderError', 'The header odps-tunnel-routed-server is missing.');
  if (server !== serverOf(request)) throw new Refusal(308, 'SlotReassigned', `The slot is at ${serverOf(request)}.`);
  const { pack, discard } = await takePack(storage, session, manifest, request, bucket);
  let kept = false;
  try {
    await sessions.locked(session.id, async () => {
      // A late pack may meet a session that was committed or ended meanwhile.
      const { session: now } = await sessions.find(session.table, session.id);
      if (now.status !== 'NORMAL') throw conflict(now);
      kept = true;
      await sessions.save({ ...now, packs: [...now.packs, pack] });
    });
  } catch (error) {
    if (!kept) await discard();
    throw error;
  }
}

async function abort(storage: Storage, sessions: UpsertSessions, { session }: { session: UpsertSession }) {
  if (session.status === 'COMMITTING' || session.status === 'COMMITTED') throw conflict(session);
  await sessions.save({ ...session, status: 'ABORTED', packs: [] });
  await removePacks(storage, session);
}

async function removePacks(storage: Storage, { table, packs }: UpsertSession): Promise<void> {
  for (const { file } of packs) await rm(storage.blockPath(table, file), { force: true });
}

async function finish(
  storage: Storage,
  sessions: UpsertSessions,
  duck: DuckDBInstance,
  session: UpsertSession,
  delayMs: number,
): Promise<void> {
  if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
  try {
    await mergeSession(storage, duck, session);
  } catch (error) {
    // What can never be merged, such as rows for a partition that was dropped.
    if (error instanceof Refusal) await sessions.save({ ...session, status: 'CRITICAL', packs: [] });
    throw error;
  }
  await sessions.save({ ...session, status: 'COMMITTED', packs: [] });
  await removePacks(storage, session);
}

function sessionJson(session: UpsertSession, manifest: Manifest, request: Request): object {
  const slots = Array.from({ length: session.slots }, (_, slot) => ({
    slot_id: String(slot),
    buckets: Array.from({ length: session.buckets }, (_, bucket) => bucket).filter(
      (bucket) => bucket % session.slots === slot,
    ),
    worker_addr: serverOf(request),
  }));
  return {
    id: session.id,
    schema: schemaJson(manifest, session.width),
    hash_key: manifest.primaryKey,
    hasher: 'default',
    slots,
    status: session.status.toLowerCase(),
    quota_name: '',
    enable_partial_update: false,
  };
}
