import { randomBytes } from 'node:crypto';

import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInflate } from 'node:zlib';
import type { DuckDBInstance } from '@duckdb/node-api';
import { MaxComputeError, parseType, RecordDecoder } from '@sampan/maxcompute';
import { createLocks, readJson, replaceJson } from './files.ts';
import { BlockFile } from './parquet.ts';
import { Refusal } from './refusal.ts';
import type { Request } from './request.ts';
import { type Block, type Manifest, partitionOf, partitionSpecOf, type Storage } from './storage.ts';

const MAX_FIELD_BYTES = 8 * 1024 * 1024;
const MOST_BLOCK_ID = 19_999;
const SESSION_HOURS = 24;

interface Session {
  id: string;
  table: string;
  partition: string;
  overwrite: boolean;
  status: 'NORMAL' | 'CLOSED';
  createdAt: string;
  blocks: { id: number; block: Block; version: number }[];
}

/** Batch upload sessions. A session and its blocks are on disk: they outlive the process, for 24 hours. */
export interface Uploads {
  create(request: Request, table: string): Promise<object>;
  reload(table: string, id: string): Promise<object>;
  write(request: Request, table: string, id: string): Promise<void>;
  commit(table: string, id: string): Promise<object>;
  expire(): Promise<void>;
  list(): Promise<Session[]>;
}

export async function openUploads(storage: Storage, duck: DuckDBInstance): Promise<Uploads> {
  const folder = join(storage.folder, storage.project, 'uploads');
  await mkdir(folder, { recursive: true });
  const locked = createLocks();
  const file = (id: string) => join(folder, `${id}.json`);

  const find = async (table: string, id: string): Promise<Session> => {
    const session = /^[a-z0-9]+$/i.test(id) ? await readJson<Session>(file(id)) : undefined;
    const old = session !== undefined && Date.parse(session.createdAt) < Date.now() - SESSION_HOURS * 3_600_000;
    if (session === undefined || session.table !== table.toLowerCase() || old)
      throw new Refusal(404, 'NoSuchUpload', `There is no upload session ${id} for this table, or it has expired.`);
    if (session.status === 'CLOSED') return session;
    // A crash between the commit and this note of it: the manifest knows.
    const manifest = await storage.require(table);
    return manifest.uploads.includes(id) ? { ...session, status: 'CLOSED' } : session;
  };

  return {
    async create(request, table) {
      const manifest = await storage.require(table);
      const partition = partitionSpecOf(manifest, request.query.get('partition'));
      if (partitionOf(manifest, partition) === undefined) {
        if (partition !== '' && request.query.get('create_partition') !== 'true')
          throw new Refusal(404, 'NoSuchPartition', `The specified partition does not exist: ${partition}`);
        await storage.change(table, (one) => withPartition(one, partition));
      }
      const id = `${new Date().toISOString().replace(/\D/g, '')}${randomBytes(10).toString('hex')}`;
      const session: Session = {
        id,
        table: manifest.name,
        partition,
        overwrite: request.query.get('overwrite') === 'true',
        status: 'NORMAL',
        createdAt: new Date().toISOString(),
        blocks: [],
      };
      await replaceJson(file(id), session);
      return shown(session, manifest);
    },
    reload: async (table, id) => shown(await find(table, id), await storage.require(table)),
    async write(request, table, id) {
      const session = await find(table, id);
      if (session.status !== 'NORMAL')
        throw new Refusal(409, 'StatusConflict', `The upload session is ${session.status}.`);
      const blockId = Number(request.query.get('blockid'));
      if (!Number.isInteger(blockId) || blockId < 0 || blockId > MOST_BLOCK_ID)
        throw new Refusal(400, 'InvalidBlockID', `A block id is 0 to ${MOST_BLOCK_ID}.`);
      const manifest = await storage.require(table);
      const block = await takeBlock(request, storage, duck, manifest);
      // A late block may meet a session that was committed meanwhile.
      await locked(id, async () => {
        const now = await find(table, id);
        if (now.status !== 'NORMAL') throw new Refusal(409, 'StatusConflict', `The upload session is ${now.status}.`);
        const blocks = [...now.blocks.filter((one) => one.id !== blockId), { id: blockId, block, version: Date.now() }];
        await replaceJson(file(id), { ...now, blocks });
      });
    },
    commit: (table, id) =>
      locked(id, async () => {
        const session = await find(table, id);
        if (session.status === 'NORMAL') {
          const added = session.blocks.map((one) => one.block).filter((block) => block.rows > 0);
          await storage.change(table, (manifest) =>
            manifest.uploads.includes(id) ? null : absorbed(manifest, session, added),
          );
          await replaceJson(file(id), { ...session, status: 'CLOSED' });
        }
        return shown({ ...session, status: 'CLOSED' }, await storage.require(table));
      }),
    async expire() {
      for (const name of await readdir(folder)) await rm(join(folder, name), { force: true });
    },
    async list() {
      const sessions = await Promise.all(
        (await readdir(folder))
          .filter((name) => name.endsWith('.json'))
          .map((name) => readJson<Session>(join(folder, name))),
      );
      return sessions
        .filter((one): one is Session => one !== undefined)
        .sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
    },
  };
}

export function withPartition(manifest: Manifest, spec: string): Manifest {
  if (partitionOf(manifest, spec) !== undefined) return manifest;
  return {
    ...manifest,
    partitions: [...manifest.partitions, { spec, createdAt: new Date().toISOString(), blocks: [] }],
  };
}

/** The manifest with the session's blocks in it: the one change that makes them visible. */
function absorbed(manifest: Manifest, session: Session, added: Block[]): Manifest {
  if (session.partition !== '' && partitionOf(manifest, session.partition) === undefined)
    throw new Refusal(404, 'NoSuchPartition', `The partition ${session.partition} was dropped.`);
  const partitions = withPartition(manifest, session.partition).partitions.map((one) =>
    one.spec === session.partition ? { ...one, blocks: session.overwrite ? added : [...one.blocks, ...added] } : one,
  );
  return { ...manifest, partitions, uploads: [...manifest.uploads, session.id] };
}

/** Reads the record stream as it comes, checks it whole, and makes a Parquet file of it. */
async function takeBlock(request: Request, storage: Storage, duck: DuckDBInstance, manifest: Manifest): Promise<Block> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity' && encoding !== 'deflate')
    throw new Refusal(400, 'InvalidCompression', `The emulator takes no ${encoding}: send deflate or nothing.`);
  const body = encoding === 'deflate' ? request.message.pipe(createInflate()) : request.message;
  const decoder = new RecordDecoder(
    manifest.columns.map((column) => parseType(column.type)),
    { rows: 8_192, fieldBytes: MAX_FIELD_BYTES },
  );
  const target = await BlockFile.create(duck, manifest.columns);
  try {
    for await (const chunk of body)
      for (const batch of decoder.push(chunk as Buffer)) target.append(batch.columns, batch.rows);
    const last = decoder.end();
    if (last !== null) target.append(last.columns, last.rows);
    const name = `${randomBytes(12).toString('hex')}.parquet`;
    const bytes = await target.finish(join(storage.tablePath(manifest.name), 'blocks', name));
    return { file: name, rows: target.rows, bytes };
  } catch (error) {
    await target.discard().catch(() => {});
    if (error instanceof MaxComputeError) throw new Refusal(400, error.code, error.message);
    throw error;
  }
}

function shown(session: Session, manifest: Manifest): object {
  const column = (one: Manifest['columns'][number], index: number) => ({
    name: one.name,
    type: one.type.toLowerCase(),
    comment: one.comment,
    nullable: one.nullable,
    column_id: String(index),
    default_value: '',
  });
  return {
    UploadID: session.id,
    Status: session.status.toLowerCase(),
    Initiated: new Date(session.createdAt).toUTCString(),
    Owner: 'emulator',
    IsOverwrite: session.overwrite,
    MaxFieldSize: MAX_FIELD_BYTES,
    QuotaName: '',
    Schema: {
      IsVirtualView: false,
      columns: manifest.columns.map(column),
      partitionKeys: manifest.partitionColumns.map((one) => ({ name: one.name, type: one.type.toLowerCase() })),
    },
    UploadedBlockList: session.blocks.map((one) => ({
      BlockID: one.id,
      RecordCount: one.block.rows,
      CreateTime: Math.floor(one.version / 1_000),
      Date: '',
      FileName: '',
      Version: one.version,
    })),
  };
}
