import { alterTableSql, dropTableSql, type TableChange, truncateTableSql } from './ddl.ts';
import type { Http } from './http.ts';
import type { Partition } from './partition.ts';
import {
  findPartitions,
  getPartition,
  hasPartition,
  listPartitions,
  type PartitionDetails,
  type PartitionFilter,
  type PartitionInfo,
} from './partitions.ts';
import { type PreviewOptions, previewRows } from './preview.ts';
import type { DecodedBatch } from './record-decoder.ts';
import type { RowOptions } from './row-values.ts';
import { type Row, rowsOf } from './rows.ts';
import { runSql } from './sql.ts';
import { openStream, type Stream, type StreamOptions } from './stream-packs.ts';
import { getTable, type TableDetails } from './tables.ts';
import {
  columnNamed,
  createDownload,
  type DownloadOf,
  type DownloadSession,
  type ReadOptions,
  readRows,
} from './tunnel-download.ts';
import type { UploadSession } from './tunnel-upload.ts';
import { openUpload, type Upload, type UploadOptions } from './upload.ts';
import { openUpsert, type Upsert, type UpsertOptions } from './upsert.ts';

/** How often the easy way goes on behind a break without a whole batch in between. */
const RESUMES = 5;

export interface DownloadOptions {
  partition?: { name: string; value: string }[];
  /** One shard of a clustered table. */
  shard?: number;
  signal?: AbortSignal;
}

/** One table: what it is, its partitions, and rows in and out. */
export interface TableClient {
  /** Undefined where there is no such table. */
  get(signal?: AbortSignal): Promise<TableDetails | undefined>;
  /** The same with its files and physical size. */
  getExtended(signal?: AbortSignal): Promise<TableDetails | undefined>;
  exists(signal?: AbortSignal): Promise<boolean>;
  partitions(signal?: AbortSignal): AsyncGenerator<{ name: string; value: string }[]>;
  /** Partitions with their figures; one page is in memory at a time, so that there may be millions. */
  findPartitions(filter?: PartitionFilter, signal?: AbortSignal): AsyncGenerator<PartitionInfo>;
  /** Undefined where there is no such partition. */
  partition(partition: Partition, signal?: AbortSignal): Promise<PartitionDetails | undefined>;
  hasPartition(partition: Partition, signal?: AbortSignal): Promise<boolean>;
  /** Does nothing where it is there. */
  addPartition(partition: Partition, signal?: AbortSignal): Promise<void>;
  /** Does nothing where it is not there. */
  dropPartition(partition: Partition, signal?: AbortSignal): Promise<void>;
  alter(change: TableChange, signal?: AbortSignal): Promise<void>;
  /** Empties the table, or the partition. */
  truncate(partition?: Partition, signal?: AbortSignal): Promise<void>;
  /** Does nothing where there is no such table. */
  drop(signal?: AbortSignal): Promise<void>;
  /** Nothing is visible before `commit`. */
  upload(options?: UploadOptions): Promise<Upload>;
  /** The first rows, at once: no session, no slot, no SQL. */
  preview(options?: PreviewOptions): AsyncGenerator<Row>;
  /** Small writes that are to be seen at once: no commit, and no all or nothing. */
  stream(options?: StreamOptions): Promise<Stream>;
  /** Rows by key, into a Delta table. Nothing is visible before `commit`. */
  upsert(options?: UpsertOptions): Promise<Upsert>;
  download(options?: DownloadOptions): Promise<Download>;
}

export interface Download {
  /** Exact for this snapshot. */
  readonly rowCount: number;
  readonly columns: UploadSession['columns'];
  /** All rows as objects, the slow, easy way; see "Rows, the easy way" in the README. A stream that breaks goes on where it was. */
  rows(options?: RowOptions & ReadOptions): AsyncGenerator<Row>;
  /** Columns: the fast way. */
  read(start: number, count: number, options?: ReadOptions): AsyncGenerator<DecodedBatch>;
}

export function tableClient(http: Http, table: string): TableClient {
  const run = async (sql: string, signal?: AbortSignal) => {
    await runSql(http, sql, signal === undefined ? {} : { signal });
  };
  const alter = (change: TableChange, signal?: AbortSignal) => run(alterTableSql(table, change), signal);
  return {
    get: (signal) => getTable(http, table, signal),
    getExtended: (signal) => getTable(http, table, signal, true),
    exists: async (signal) => (await getTable(http, table, signal)) !== undefined,
    partitions: (signal) => listPartitions(http, table, signal),
    findPartitions: (filter, signal) => findPartitions(http, table, filter, signal),
    partition: (partition, signal) => getPartition(http, table, partition, signal),
    hasPartition: (partition, signal) => hasPartition(http, table, partition, signal),
    addPartition: (partition, signal) => alter({ addPartition: partition, ifNotExists: true }, signal),
    dropPartition: (partition, signal) => alter({ dropPartition: partition, ifExists: true }, signal),
    alter,
    truncate: (partition, signal) => run(truncateTableSql(table, partition), signal),
    drop: (signal) => run(dropTableSql(table, true), signal),
    preview: (options) => previewRows(http, table, options),
    stream: (options) => openStream(http, table, options),
    upload: (options = {}) => openUpload(http, table, options),
    upsert: (options = {}) => openUpsert(http, table, options),
    download: ({ partition = [], signal, ...shard } = {}) => openDownload(http, { table, partition, ...shard }, signal),
  };
}

export async function openDownload(http: Http, of: DownloadOf, signal?: AbortSignal): Promise<Download> {
  const session = await createDownload(http, of, signal);
  return {
    rowCount: session.rows,
    columns: session.columns,
    rows: (how = {}) => rowsFrom(http, of, session, how),
    read: (start, count, how) => readRows(http, of, session, start, count, how),
  };
}

async function* rowsFrom(http: Http, of: DownloadOf, session: DownloadSession, how: RowOptions & ReadOptions) {
  const wanted = how.columns?.map((name) => name.toLowerCase());
  const columns = wanted?.map((name) => columnNamed(session, name)) ?? session.columns;
  let before = 0;
  for await (const batch of readRows(http, of, session, 0, session.rows, { resumes: RESUMES, ...how })) {
    yield* rowsOf(columns, batch, before, how);
    before += batch.rows;
  }
}
