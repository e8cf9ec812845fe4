import type { ClientRequest } from 'node:http';
import { type ColumnData, physicalOf } from './columns.ts';
import { errorOfAnswer, MaxComputeError } from './errors.ts';
import { type Http, text, tunnelHeaders } from './http.ts';
import { tunnelEndpoint } from './metadata.ts';
import { RecordEncoder } from './record-encoder.ts';
import { partitionSpec } from './sql-text.ts';
import { type OdpsColumn, parseType } from './types.ts';

export type UploadStatus =
  | 'NORMAL'
  | 'CLOSING'
  | 'COMMITTING'
  | 'CLOSED'
  | 'CANCELED'
  | 'EXPIRED'
  | 'CRITICAL'
  | 'UNKNOWN';

export interface UploadTarget {
  table: string;
  /** The whole partition down to the leaf; empty for a table without partitions. */
  partition: { name: string; value: string }[];
  /** Replace the content of table or partition at commit. */
  overwrite?: boolean;
}

/** An upload session, as the service tells it. `columns` is what blocks are encoded against. */
export interface UploadSession {
  id: string;
  status: UploadStatus;
  columns: OdpsColumn[];
  maxFieldBytes: number;
  blocks: { id: number; rows: number | null }[];
}

interface SessionJson {
  UploadID?: string;
  Status?: string;
  MaxFieldSize?: number;
  Schema?: { columns?: { name: string; type: string; nullable?: boolean; comment?: string }[] };
  UploadedBlockList?: { BlockID: number; RecordCount?: number }[];
}

const DEFAULT_FIELD_BYTES = 8 * 1024 * 1024;

function sessionOf(body: string, id?: string): UploadSession {
  const json = JSON.parse(body) as SessionJson;
  const columns = (json.Schema?.columns ?? []).map((one) => ({
    name: one.name,
    type: parseType(one.type),
    nullable: one.nullable ?? true,
    comment: one.comment ?? '',
  }));
  return {
    id: json.UploadID ?? id ?? '',
    status: (json.Status ?? 'UNKNOWN').toUpperCase() as UploadStatus,
    columns,
    maxFieldBytes: json.MaxFieldSize ?? DEFAULT_FIELD_BYTES,
    blocks: (json.UploadedBlockList ?? []).map((one) => ({ id: one.BlockID, rows: one.RecordCount ?? null })),
  };
}

async function sessionCall(
  http: Http,
  target: UploadTarget,
  method: 'GET' | 'POST',
  query: { [name: string]: string | undefined },
  repeatable: boolean,
  signal?: AbortSignal,
) {
  return http.call({
    method,
    base: await tunnelEndpoint(http, signal),
    resource: tablePath(http, target.table),
    query: { ...partitionQuery(target), quotaName: http.options.quota, curr_project: http.options.project, ...query },
    headers: tunnelHeaders,
    repeatable,
    signal,
  });
}

function tablePath(http: Http, table: string): string {
  const { project, schema } = http.options;
  return `/projects/${project}${schema === undefined ? '' : `/schemas/${schema}`}/tables/${table}`;
}

const partitionQuery = (target: UploadTarget) =>
  target.partition.length === 0 ? {} : { partition: partitionSpec(target.partition) };

/** Opens a session. An orphan is harmless: it expires after 24 hours and leaves nothing. */
export async function createUpload(http: Http, target: UploadTarget, signal?: AbortSignal): Promise<UploadSession> {
  const { body } = await sessionCall(
    http,
    target,
    'POST',
    { uploads: '', overwrite: target.overwrite ? 'true' : undefined },
    true,
    signal,
  );
  return sessionOf(body);
}

/** The session as it is now, with its blocks. @throws MaxComputeError `NoSuchUpload` once it has expired */
export async function reloadUpload(
  http: Http,
  target: UploadTarget,
  id: string,
  signal?: AbortSignal,
): Promise<UploadSession> {
  const { body } = await sessionCall(http, target, 'GET', { uploadid: id }, true, signal);
  return sessionOf(body, id);
}

/**
 * Commits all blocks of the session, once: looks first, and again after an answer that was lost.
 * @throws MaxComputeError `BlocksNotMatch` where the session holds other blocks than these; nothing is committed then
 */
export async function commitUpload(
  http: Http,
  target: UploadTarget,
  id: string,
  blocks: readonly number[],
  signal?: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const session = await reloadUpload(http, target, id, signal);
    if (session.status === 'CLOSED') return;
    if (session.status === 'NORMAL') {
      compareBlocks(session, blocks);
      try {
        await sessionCall(http, target, 'POST', { uploadid: id }, false, signal);
        return;
      } catch (error) {
        if (!(error instanceof MaxComputeError) || attempt >= 10 || !repeats(error)) throw error;
      }
    } else if (session.status !== 'CLOSING' && session.status !== 'COMMITTING') {
      throw new MaxComputeError({
        code: 'SessionLost',
        kind: 'data',
        message: `Upload session ${id} is ${session.status}.`,
        hint: 'Its data was not committed: upload it again.',
      });
    }
    if (attempt >= 60)
      throw new MaxComputeError({
        code: 'CommitUnfinished',
        kind: 'busy',
        message: `Upload session ${id} is still ${session.status}.`,
        hint: 'Ask for its status later.',
      });
    await new Promise((resolve) => setTimeout(resolve, Math.min(2_000, 100 * attempt)));
  }
}

const repeats = (error: MaxComputeError) => error.kind === 'busy' || error.code === 'StatusConflict';

function compareBlocks(session: UploadSession, blocks: readonly number[]): void {
  const there = session.blocks.map((block) => block.id).sort((a, b) => a - b);
  const wanted = [...blocks].sort((a, b) => a - b);
  if (there.length === wanted.length && there.every((id, at) => id === wanted[at])) return;
  throw new MaxComputeError({
    code: 'BlocksNotMatch',
    kind: 'data',
    message: `The session holds ${there.length} blocks, ${wanted.length} were written.`,
    hint: 'Upload again in a new session.',
  });
}

/** One block, in one streamed PUT. Repeat it whole, under the same id, where it fails: the last success wins. */
export class BlockWriter {
  rows = 0;
  bytes = 0;
  readonly #encoder: RecordEncoder;
  readonly #request: ClientRequest;
  readonly #answer: Promise<{
    status: number;
    body: string;
    headers: { [name: string]: string | string[] | undefined };
  }>;
  #failure: Error | null = null;

  constructor(http: Http, request: ClientRequest, columns: readonly OdpsColumn[]) {
    this.#encoder = new RecordEncoder(columns.map((column) => column.type));
    this.#request = request;
    request.setNoDelay(true);
    this.#answer = http.answer(request).then(async (response) => ({
      status: response.statusCode ?? 0,
      body: await text(response),
      headers: response.headers,
    }));
    this.#answer.then(
      ({ status, body, headers }) => {
        // An answer before the end of the body is a refusal.
        if (status >= 300) this.#failure = errorOfAnswer(status, body, headers);
      },
      (error: Error) => {
        this.#failure = error;
      },
    );
  }

  /** Columns in the order of the session's schema. Awaiting it is the back-pressure of the network. */
  async write(columns: readonly ColumnData[], rows: number): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    const bytes = this.#encoder.encode(columns, rows);
    this.rows += rows;
    this.bytes += bytes.length;
    if (!this.#request.write(bytes)) await this.#drained();
  }

  async #drained(): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#request.removeListener('drain', done);
        resolve();
      };
      this.#request.once('drain', done);
      this.#answer.then(done, done);
    });
    if (this.#failure !== null) throw this.#failure;
  }

  /** Sends the trailer and waits until the service has taken the block. */
  async finish(): Promise<{ rows: number; bytes: number }> {
    if (this.#failure !== null) throw this.#failure;
    const end = this.#encoder.end();
    this.bytes += end.length;
    this.#request.end(end);
    const { status, body, headers } = await this.#answer;
    if (status >= 300) throw errorOfAnswer(status, body, headers);
    return { rows: this.rows, bytes: this.bytes };
  }

  /** Breaks the request off: the service drops what it has of the block. */
  abort(): void {
    this.#answer.catch(() => {});
    this.#request.destroy();
  }
}

/** Begins a block. The block counts only once `finish` has returned. */
export async function writeBlock(
  http: Http,
  target: UploadTarget,
  session: UploadSession,
  blockId: number,
  signal?: AbortSignal,
): Promise<BlockWriter> {
  for (const column of session.columns) physicalOf(column.type);
  const request = await http.open(
    {
      method: 'PUT',
      base: await tunnelEndpoint(http, signal),
      resource: tablePath(http, target.table),
      query: {
        uploadid: session.id,
        blockid: String(blockId),
        ...partitionQuery(target),
        quotaName: http.options.quota,
        curr_project: http.options.project,
      },
      headers: { ...tunnelHeaders, 'transfer-encoding': 'chunked' },
      ...(signal === undefined ? {} : { signal }),
    },
    { 'content-type': 'application/octet-stream' },
  );
  return new BlockWriter(http, request, session.columns);
}
