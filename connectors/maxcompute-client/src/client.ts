import type { BlockWriter } from './block-writer.ts';
import type { BodyFormat } from './body-format.ts';
import type { Compression } from './compression.ts';
import { Http } from './http.ts';
import { getProject, getTable, hasPartition, listPartitions, listTables, type Table } from './metadata.ts';
import type { ClientOptions } from './options.ts';
import type { Partition } from './partition.ts';
import type { DecodedBatch } from './record-decoder.ts';
import { runSql, type SqlOptions, type SqlResult } from './sql.ts';
import { createDownload, type DownloadOf, type ReadOptions, readRows } from './tunnel-download.ts';
import { createUpload, reloadUpload, type UploadSession, writeBlock } from './tunnel-upload.ts';
import { commitUpload } from './upload-commit.ts';

/** One project, as a program uses it. Everything here is also a function over `Http`, with more options. */
export interface Client {
  readonly http: Http;
  project(signal?: AbortSignal): Promise<{ name: string; owner: string }>;
  tables(prefix?: string, signal?: AbortSignal): AsyncGenerator<string>;
  table(name: string): TableClient;
  sql(text: string, options?: SqlOptions): Promise<SqlResult>;
  /** The rows of a SELECT, typed and without the limit of `sql`, by the `instanceId` that it gave. */
  result(instanceId: string, signal?: AbortSignal): Promise<Download>;
  /** Closes kept-alive connections. */
  close(): void;
}

export interface UploadOptions {
  partition?: { name: string; value: string }[];
  /** Replace the content of table or partition at commit. */
  overwrite?: boolean;
  createPartition?: boolean;
  compression?: Compression;
  /** Default `records`. Arrow is faster, but holds no TIMESTAMP outside of 1677-09-21 … 2262-04-11. */
  format?: BodyFormat;
  signal?: AbortSignal;
}

export interface TableClient {
  /** Undefined where there is no such table. */
  get(signal?: AbortSignal): Promise<Table | undefined>;
  exists(signal?: AbortSignal): Promise<boolean>;
  partitions(signal?: AbortSignal): AsyncGenerator<{ name: string; value: string }[]>;
  hasPartition(partition: Partition, signal?: AbortSignal): Promise<boolean>;
  /** Nothing is visible before `commit`. */
  upload(options?: UploadOptions): Promise<Upload>;
  download(options?: { partition?: { name: string; value: string }[]; signal?: AbortSignal }): Promise<Download>;
}

export interface Upload {
  readonly session: UploadSession;
  block(id: number): Promise<BlockWriter>;
  reload(): Promise<UploadSession>;
  /** @throws MaxComputeError as `commitUpload` does */
  commit(blocks: readonly number[]): Promise<void>;
}

export interface Download {
  readonly rows: number;
  readonly columns: UploadSession['columns'];
  read(start: number, count: number, options?: ReadOptions): AsyncGenerator<DecodedBatch>;
}

/** @throws MaxComputeError `BadOption` */
export function createClient(options: ClientOptions): Client {
  const http = new Http(options);
  return {
    http,
    project: (signal) => getProject(http, signal),
    tables: (prefix, signal) => listTables(http, prefix, signal),
    table: (name) => tableClient(http, name),
    sql: (text, how) => runSql(http, text, how),
    result: (instance, signal) => openDownload(http, { instance }, signal),
    close: () => http.close(),
  };
}

function tableClient(http: Http, table: string): TableClient {
  return {
    get: (signal) => getTable(http, table, signal),
    exists: async (signal) => (await getTable(http, table, signal)) !== undefined,
    partitions: (signal) => listPartitions(http, table, signal),
    hasPartition: (partition, signal) => hasPartition(http, table, partition, signal),
    upload: (options = {}) => openUpload(http, table, options),
    download: ({ partition = [], signal } = {}) => openDownload(http, { table, partition }, signal),
  };
}

async function openDownload(http: Http, of: DownloadOf, signal?: AbortSignal): Promise<Download> {
  const session = await createDownload(http, of, signal);
  return {
    rows: session.rows,
    columns: session.columns,
    read: (start, count, how) => readRows(http, of, session, start, count, how),
  };
}

async function openUpload(http: Http, table: string, options: UploadOptions): Promise<Upload> {
  const { partition = [], overwrite = false, createPartition = false, compression, format, signal } = options;
  const target = { table, partition, overwrite, createPartition };
  const session = await createUpload(http, target, signal);
  return {
    session,
    block: (id) => writeBlock(http, target, session, id, signal, compression, format),
    reload: () => reloadUpload(http, target, session.id, signal),
    commit: (blocks) => commitUpload(http, target, session.id, blocks, signal),
  };
}
