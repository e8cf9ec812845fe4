import { randomBytes } from 'node:crypto';
import { takeBlock } from './block-body.ts';
import { BlockFile } from './block-file.ts';
import { refuseDelta } from './delta.ts';
import { noSuchPartition, parseSpec, specOf } from './partition-spec.ts';
import { Refusal } from './refusal.ts';
import { json, type Reply } from './reply.ts';
import type { Request } from './request.ts';
import {
  type Manifest,
  newSessionId,
  partitionOf,
  SESSION_MS,
  type Storage,
  withBlocks,
  withPartition,
} from './storage.ts';
import { schemaJson } from './uploads.ts';

interface Session {
  id: string;
  tableId: string;
  partition: string;
  width: number;
  expiresAt: number;
}

const MOST_SESSIONS = 1_000;

/** Stream uploads: each pack is visible once it was answered. Sessions are forgotten when the process ends. */
export interface Streams {
  answer(request: Request, table: string): Promise<Reply>;
}

export function openStreams(storage: Storage): Streams {
  const sessions = new Map<string, Session>();
  const find = async (id: string, table: string) => {
    const manifest = await storage.require(table);
    const session = sessions.get(id);
    if (session === undefined || session.tableId !== manifest.id || session.expiresAt < Date.now())
      throw new Refusal(404, 'StreamSessionNotFound', `There is no stream session ${id} for table ${table}.`);
    return { session, manifest };
  };
  return {
    async answer(request, table) {
      const { method, query } = request;
      const id = query.get('uploadid');
      if (id === undefined && method === 'POST') {
        const { session, manifest } = await open(storage, request, table);
        sessions.set(session.id, session);
        if (sessions.size > MOST_SESSIONS) sessions.delete(sessions.keys().next().value as string);
        return json(sessionJson(session, manifest, request), 201);
      }
      const { session, manifest } = await find(id ?? '', table);
      if (method === 'GET') return json(sessionJson(session, manifest, request));
      if (method === 'PUT') {
        await takePack(storage, session, manifest, request);
        return { headers: { 'odps-tunnel-slot-num': '1', 'odps-tunnel-routed-server': String(request.headers.host) } };
      }
      if (method !== 'POST') throw new Refusal(405, 'MethodNotAllowed', `${method} is not for streams.`);
      sessions.delete(session.id);
      return json({ ...sessionJson(session, manifest, request), status: 'aborted' });
    },
  };
}

async function open(storage: Storage, { query }: Request, table: string) {
  const manifest = await storage.require(table);
  refuseDelta(manifest);
  const partition = specOf(manifest, parseSpec(query.get('partition') ?? ''));
  if (partitionOf(manifest, partition) === undefined) {
    const create = query.get('create_partition');
    if (create === undefined || create.toLowerCase() === 'false') throw noSuchPartition(partition);
    await storage.change(table, (now) => withPartition(now, partition));
  }
  const session: Session = {
    id: newSessionId(),
    tableId: manifest.id,
    partition,
    width: manifest.columns.length,
    expiresAt: Date.now() + SESSION_MS,
  };
  return { session, manifest };
}

/** Checks the pack to its last byte; then it is part of the table, in one step. */
async function takePack(storage: Storage, session: Session, manifest: Manifest, request: Request): Promise<void> {
  const columns = manifest.columns.slice(0, session.width);
  const file = `${randomBytes(12).toString('hex')}.parquet`;
  const target = await BlockFile.create(storage.blockPath(manifest.name, file), columns);
  try {
    const block = { file, width: session.width, ...(await takeBlock(request, target, columns)) };
    const told = request.query.get('record_count');
    if (told !== undefined && told !== String(block.rows))
      throw new Refusal(400, 'InvalidArgument', `The pack holds ${block.rows} records, record_count says ${told}.`);
    await storage.change(manifest.name, (now) => {
      if (now.id !== session.tableId) throw new Refusal(404, 'StreamSessionNotFound', 'The table was dropped.');
      if (partitionOf(now, session.partition) === undefined) throw noSuchPartition(session.partition);
      return block.rows === 0 ? null : withBlocks(now, session.partition, [block], false);
    });
  } catch (error) {
    const now = await storage.get(manifest.name);
    const named = now?.partitions.some((one) => one.blocks.some((block) => block.file === file)) ?? false;
    if (!named) await target.discard();
    throw error;
  }
}

function sessionJson(session: Session, manifest: Manifest, { headers }: Request): object {
  return {
    session_name: session.id,
    status: 'normal',
    schema: schemaJson(manifest, session.width),
    slots: [['0', String(headers.host)]],
    QuotaName: '',
    schema_version: '0',
  };
}
