import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { MAX_FIELD_BYTES, takeBlock } from './block-body.ts';
import { BlockFile } from './block-file.ts';
import { refuseDelta } from './delta.ts';
import { noSuchPartition, parseSpec, specOf } from './partition-spec.ts';
import { Refusal } from './refusal.ts';
import type { Request } from './request.ts';
import type { Session, Sessions } from './sessions.ts';
import {
  type Block,
  type ColumnDefinition,
  type Manifest,
  newSessionId,
  partitionOf,
  type Storage,
  withBlocks,
  withPartition,
} from './storage.ts';

const MOST_BLOCK_ID = 19_999;

/** Batch upload sessions: the answers are what the service's JSON says. */
export interface Uploads {
  create(request: Request, table: string): Promise<object>;
  reload(table: string, id: string): Promise<object>;
  write(request: Request, table: string, id: string): Promise<void>;
  commit(table: string, id: string): Promise<object>;
}

/** Over which time a table's blocks are counted. */
const QUOTA_MS = 300_000;
const MOST_HOLD_MS = 10_000;

/** `mostBlocks` is how many blocks a table may be sent in five minutes. */
export function openUploads(
  storage: Storage,
  sessions: Sessions,
  mostBlocks: number = Number.POSITIVE_INFINITY,
): Uploads {
  const sent = new Map<string, number[]>();
  return {
    create: (request, table) => create(storage, sessions, request, table),
    async reload(table, id) {
      const { session, manifest } = await sessions.find(table, id);
      return sessionJson(session, manifest);
    },
    write(request, table, id) {
      sent.set(table, withinQuota(sent.get(table) ?? [], mostBlocks));
      return write(storage, sessions, request, table, id);
    },
    commit: (table, id) => sessions.locked(id, () => commit(storage, sessions, table, id)),
  };
}

/** The times of the last blocks, this one among them. @throws Refusal where it is one too many */
function withinQuota(times: readonly number[], most: number): number[] {
  if (most === Number.POSITIVE_INFINITY) return [];
  const now = Date.now();
  const recent = times.filter((time) => time > now - QUOTA_MS);
  if (recent.length < most) return [...recent, now];
  const free = Math.min(MOST_HOLD_MS, (recent[0] ?? now) + QUOTA_MS - now);
  throw new Refusal(429, 'RequestQuotaExceeded', `More than ${most} blocks in five minutes for one table.`, free);
}

async function create(storage: Storage, sessions: Sessions, { query }: Request, table: string): Promise<object> {
  const manifest = await storage.require(table);
  refuseDelta(manifest);
  const partition = specOf(manifest, parseSpec(query.get('partition') ?? ''));
  if (partitionOf(manifest, partition) === undefined) {
    if (query.get('create_partition')?.toLowerCase() !== 'true') throw noSuchPartition(partition);
    await storage.change(table, (now) => withPartition(now, partition));
  }
  const session: Session = {
    id: newSessionId(),
    table: manifest.name,
    tableId: manifest.id,
    partition,
    overwrite: query.get('overwrite')?.toLowerCase() === 'true',
    width: manifest.columns.length,
    status: 'NORMAL',
    createdAt: new Date().toISOString(),
    blocks: [],
  };
  await sessions.save(session);
  return sessionJson(session, manifest);
}

async function write(storage: Storage, sessions: Sessions, request: Request, table: string, id: string): Promise<void> {
  const { session, manifest } = await sessions.find(table, id);
  refuseClosed(session);
  const blockId = blockIdOf(request);
  const columns = manifest.columns.slice(0, session.width);
  const file = `${randomBytes(12).toString('hex')}.parquet`;
  let target: BlockFile | undefined;
  let replaced: Session['blocks'][number] | undefined;
  try {
    target = await BlockFile.create(storage.blockPath(manifest.name, file), columns);
    const block: Block = { file, width: session.width, ...(await takeBlock(request, target, columns)) };
    replaced = await sessions.locked(id, async () => {
      // A late block may meet a session that was committed meanwhile.
      const { session: now } = await sessions.find(table, id);
      refuseClosed(now);
      const others = now.blocks.filter((one) => one.id !== blockId);
      await sessions.save({ ...now, blocks: [...others, { id: blockId, block, version: Date.now() }] });
      return now.blocks.find((one) => one.id === blockId);
    });
  } catch (error) {
    const isNamed = ({ session: now }: { session: Session }) => now.blocks.some((one) => one.block.file === file);
    const named = await sessions.find(table, id).then(isNamed, (gone: Error) => gone);
    if (named !== true) await target?.discard();
    // Where the table went away under the block, that is what the client should hear.
    throw named instanceof Error ? named : error;
  }
  if (replaced !== undefined) await rm(storage.blockPath(manifest.name, replaced.block.file), { force: true });
}

function blockIdOf({ query }: Request): number {
  const text = query.get('blockid') ?? '';
  if (/^\d{1,5}$/.test(text) && Number(text) <= MOST_BLOCK_ID) return Number(text);
  throw new Refusal(400, 'InvalidBlockID', `"${text}" is not a block id: 0 to ${MOST_BLOCK_ID}.`);
}

async function commit(storage: Storage, sessions: Sessions, table: string, id: string): Promise<object> {
  const { session, manifest } = await sessions.find(table, id);
  const closed: Session = { ...session, status: 'CLOSED' };
  if (session.status === 'NORMAL') {
    const blocks = session.blocks.map((one) => one.block).filter((block) => block.rows > 0);
    await storage.change(table, (now) => {
      if (now.uploads.includes(id)) return null;
      if (partitionOf(now, session.partition) === undefined) throw noSuchPartition(session.partition);
      return { ...withBlocks(now, session.partition, blocks, session.overwrite), uploads: [...now.uploads, id] };
    });
    await sessions.save(closed);
  }
  return sessionJson(closed, manifest);
}

function refuseClosed(session: Session): void {
  if (session.status !== 'NORMAL')
    throw new Refusal(
      409,
      'StatusConflict',
      `Upload session ${session.id} is ${session.status}: it takes no more blocks.`,
    );
}

function sessionJson(session: Session, manifest: Manifest): object {
  const block = ({ id, block, version }: Session['blocks'][number]) => ({
    BlockID: id,
    RecordCount: block.rows,
    CreateTime: Math.floor(version / 1_000),
    Date: '',
    FileName: '',
    Version: version,
  });
  return {
    UploadID: session.id,
    Status: session.status.toLowerCase(),
    Initiated: new Date(session.createdAt).toUTCString(),
    Owner: 'emulator',
    IsOverwrite: session.overwrite,
    MaxFieldSize: MAX_FIELD_BYTES,
    QuotaName: '',
    Schema: schemaJson(manifest, session.width),
    UploadedBlockList: session.blocks.map(block),
  };
}

/** The first `width` columns of a table, and its keys, as the tunnel tells them. */
export function schemaJson(manifest: Manifest, width: number): object {
  const column = (one: ColumnDefinition, index: number) => ({
    name: one.name,
    type: one.type.toLowerCase(),
    comment: one.comment,
    nullable: one.nullable,
    column_id: String(index),
    default_value: '',
  });
  return {
    IsVirtualView: false,
    columns: manifest.columns.slice(0, width).map(column),
    partitionKeys: manifest.partitionColumns.map((one) => ({ name: one.name, type: one.type.toLowerCase() })),
  };
}
