import { checkArrowType } from './arrow-types.ts';
import { BlockWriter } from './block-writer.ts';
import type { BodyFormat } from './body-format.ts';
import { physicalOf } from './columns.ts';
import { type Compression, encodingOf } from './compression.ts';
import { MaxComputeError } from './errors.ts';
import type { Answer, Http } from './http.ts';
import { changesOldDates } from './old-dates.ts';
import {
  columnsOf,
  parseSession,
  requestIdOf,
  type SessionJson,
  sessionCall,
  type TunnelPlace,
  tunnelCall,
} from './tunnel.ts';
import type { OdpsColumn } from './types.ts';

export type UploadStatus =
  | 'NORMAL'
  | 'CLOSING'
  | 'COMMITTING'
  | 'CLOSED'
  | 'CANCELED'
  | 'EXPIRED'
  | 'CRITICAL'
  | 'UNKNOWN';

export interface UploadTarget extends TunnelPlace {
  /** Replace the content of table or partition at commit. */
  overwrite?: boolean;
  /** Make the partition where it is not there. Not every server can: SQL before the upload works everywhere. */
  createPartition?: boolean;
}

/** An upload session, as the service tells it. `columns` is what blocks are encoded against. */
export interface UploadSession {
  id: string;
  status: UploadStatus;
  columns: OdpsColumn[];
  maxFieldBytes: number;
  blocks: { id: number; rows: number | null }[];
  /** The service takes dates before 1900 by another calendar: blocks with such dates are refused (`OldDate`). */
  changesOldDates?: boolean | undefined;
  /** Of the answer that told this. */
  requestId?: string | undefined;
}

interface UploadJson extends SessionJson {
  UploadID?: string;
  MaxFieldSize?: number;
  UploadedBlockList?: { BlockID: number; RecordCount?: number }[];
}

const DEFAULT_FIELD_BYTES = 8 * 1024 * 1024;
const MOST_BLOCK_ID = 19_999;

/** @throws MaxComputeError `UnreadableAnswer` */
export function uploadOf(answer: Answer | string, id = ''): UploadSession {
  const json = parseSession<UploadJson>(answer);
  return {
    id: json.UploadID ?? id,
    status: (json.Status ?? 'UNKNOWN').toUpperCase() as UploadStatus,
    columns: columnsOf(json),
    maxFieldBytes: json.MaxFieldSize ?? DEFAULT_FIELD_BYTES,
    blocks: (json.UploadedBlockList ?? []).map((one) => ({ id: one.BlockID, rows: one.RecordCount ?? null })),
    ...(typeof answer !== 'string' && changesOldDates(answer.headers) ? { changesOldDates: true } : {}),
    requestId: requestIdOf(answer),
  };
}

/** Opens a session. An orphan is harmless: it expires after 24 hours and leaves nothing. */
export async function createUpload(http: Http, target: UploadTarget, signal?: AbortSignal): Promise<UploadSession> {
  const query = {
    uploads: '',
    overwrite: target.overwrite ? 'true' : undefined,
    create_partition: target.createPartition ? 'true' : undefined,
  };
  return uploadOf(await sessionCall(http, target, 'POST', query, true, signal));
}

/** The session as it is now, with its blocks. @throws MaxComputeError `NoSuchUpload` once it has expired */
export async function reloadUpload(
  http: Http,
  target: TunnelPlace,
  id: string,
  signal?: AbortSignal,
): Promise<UploadSession> {
  return uploadOf(await sessionCall(http, target, 'GET', { uploadid: id }, true, signal), id);
}

/**
 * Begins a block, 0 to 19,999. It counts only once `finish` has returned. Begin it when there are rows to send: the
 * service cuts a request that is silent for two minutes.
 * @throws MaxComputeError `UnknownType` where the table has a column that cannot be written
 */
export async function writeBlock(
  http: Http,
  target: TunnelPlace,
  session: UploadSession,
  blockId: number,
  signal?: AbortSignal,
  compression: Compression = 'identity',
  format: BodyFormat = 'records',
): Promise<BlockWriter> {
  if (!Number.isInteger(blockId) || blockId < 0 || blockId > MOST_BLOCK_ID)
    throw new MaxComputeError({
      code: 'InvalidBlockID',
      kind: 'bug',
      message: `${blockId} is not a block id.`,
      hint: `Use 0 to ${MOST_BLOCK_ID}.`,
    });
  for (const { type } of session.columns) format === 'arrow' ? checkArrowType(type) : physicalOf(type);
  const encoding: { [name: string]: string } =
    compression === 'identity' ? {} : { 'content-encoding': encodingOf(compression, format) };
  const call = await tunnelCall(http, target, {
    method: 'PUT',
    query: { uploadid: session.id, blockid: String(blockId), arrow: format === 'arrow' ? '' : undefined },
    headers: { 'transfer-encoding': 'chunked', ...encoding },
    repeatable: false,
    signal,
  });
  // On a connection of its own: a kept one may be closed by the service just now, and a streamed body cannot be resent.
  const request = await http.open(call, { 'content-type': 'application/octet-stream' }, true);
  return new BlockWriter(http, request, session.columns, compression, format, session.changesOldDates);
}
