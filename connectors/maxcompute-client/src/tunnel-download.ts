import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { type BodyFormat, openDecoder } from './body-format.ts';
import { type Compression, compressionOf, encodingOf, packingError, unpacker } from './compression.ts';
import { badOption } from './credentials.ts';
import { MaxComputeError } from './errors.ts';
import { type Answer, type Http, toldBy } from './http.ts';
import { kindOf, networkError } from './network-error.ts';
import { changesOldDates, refuseOldDates } from './old-dates.ts';
import { pause } from './pause.ts';
import type { DecodedBatch } from './record-decoder.ts';
import {
  columnsOf,
  type InstancePlace,
  parseSession,
  type SessionJson,
  sessionCall,
  type TunnelPlace,
  tunnelCall,
} from './tunnel.ts';
import type { OdpsColumn } from './types.ts';

/** A table, a partition of one, or the rows of a SELECT that has ended. */
export type DownloadOf = (TunnelPlace & { /** One shard of a clustered table. */ shard?: number }) | InstancePlace;

/** A snapshot of table or partition. It lives 24 hours; commits after it do not change what it reads. */
export interface DownloadSession {
  id: string;
  status: string;
  /** Exact for this snapshot. */
  rows: number;
  columns: OdpsColumn[];
  /** Whether `ReadOptions.rawBytes` is known to the service. */
  readsByRawSize: boolean;
  /** The service takes dates before 1900 by another calendar: such dates are refused (`OldDate`). */
  changesOldDates?: boolean | undefined;
}

export interface ReadOptions {
  /** Names of the columns to read, in the order in which they are to come. Absent: all. */
  columns?: readonly string[] | undefined;
  compression?: Compression | undefined;
  /** Default `records`. Arrow is faster, but holds no TIMESTAMP outside of 1677-09-21 … 2262-04-11. */
  format?: BodyFormat | undefined;
  signal?: AbortSignal | undefined;
  /** The service may end an answer after about so many bytes, unpacked; the rest is asked for by itself, in one more answer. */
  rawBytes?: number | undefined;
  /**
   * How often the rest is asked for again where the stream breaks, without a whole batch in between (default 0). It goes
   * on behind the last batch that was given.
   */
  resumes?: number | undefined;
}

interface DownloadJson extends SessionJson {
  DownloadID?: string;
  RecordCount?: number;
  SupportReadByRawSize?: boolean;
}

const POLL_MS = [100, 200, 400, 800, 1_600, 3_200, 5_000];

function downloadOf(answer: Answer, id: string): DownloadSession {
  const json = parseSession<DownloadJson>(answer);
  return {
    id: json.DownloadID ?? id,
    status: (json.Status ?? 'NORMAL').toUpperCase(),
    rows: json.RecordCount ?? 0,
    columns: columnsOf(json),
    readsByRawSize: json.SupportReadByRawSize === true,
    ...(changesOldDates(answer.headers) ? { changesOldDates: true } : {}),
  };
}

/** Opens a session and waits until it can be read. */
export async function createDownload(http: Http, of: DownloadOf, signal?: AbortSignal): Promise<DownloadSession> {
  let session = downloadOf(
    await sessionCall(http, of, 'POST', { downloads: '', shard: shardOf(of) }, true, signal),
    '',
  );
  for (let poll = 0; session.status === 'INITIATING'; poll++) {
    await pause(POLL_MS[Math.min(poll, POLL_MS.length - 1)], signal);
    session = await reloadDownload(http, of, session.id, signal);
  }
  return session;
}

/** @throws MaxComputeError `NoSuchDownload` once it has expired */
export async function reloadDownload(
  http: Http,
  of: DownloadOf,
  id: string,
  signal?: AbortSignal,
): Promise<DownloadSession> {
  return downloadOf(await sessionCall(http, of, 'GET', { downloadid: id, shard: shardOf(of) }, true, signal), id);
}

/**
 * Rows `start` to `start + count`. Batches that were given are whole and checked, even where a later one fails.
 * @throws MaxComputeError `TruncatedDataStream` where fewer rows came than were asked for; read the range again
 */
export async function* readRows(
  http: Http,
  of: DownloadOf,
  session: DownloadSession,
  start: number,
  count: number,
  options: ReadOptions = {},
): AsyncGenerator<DecodedBatch> {
  let rows = 0;
  for (let failures = 0; ; failures++) {
    try {
      for await (const batch of readOnce(http, of, session, start + rows, count - rows, options)) {
        rows += batch.rows;
        failures = 0;
        yield batch;
      }
      // With a limit of bytes an answer may hold less than was asked for.
      if (rows === count) return;
      failures = -1;
    } catch (error) {
      const again = kindOf(error) === 'busy' && !options.signal?.aborted && failures < (options.resumes ?? 0);
      if (!again) throw error;
      await pause(Math.min(5_000, 100 * 2 ** failures), options.signal);
    }
  }
}

async function* readOnce(
  http: Http,
  of: DownloadOf,
  session: DownloadSession,
  start: number,
  count: number,
  options: ReadOptions,
): AsyncGenerator<DecodedBatch> {
  const { compression = 'identity', format = 'records', rawBytes, signal } = options;
  if (rawBytes !== undefined && !session.readsByRawSize)
    throw badOption('rawBytes', 'this service does not end answers by their size');
  const columns =
    options.columns === undefined ? session.columns : options.columns.map((name) => columnNamed(session, name));
  const types = columns.map((column) => column.type);
  const decoder = openDecoder(format, types);
  const query = {
    downloadid: session.id,
    data: '',
    rowrange: `(${start},${count})`,
    columns: options.columns === undefined ? undefined : columns.map((column) => column.name).join(','),
    arrow: format === 'arrow' ? '' : undefined,
    raw_size: rawBytes === undefined ? undefined : String(rawBytes),
    shard: shardOf(of),
  };
  const headers = { 'accept-encoding': encodingOf(compression, format), 'content-length': '0' };
  const call = await tunnelCall(http, of, { method: 'GET', query, headers, repeatable: true, signal });
  const response = await http.stream(call);
  const checked = (batch: DecodedBatch) => {
    if (session.changesOldDates) refuseOldDates(columns, batch.columns, batch.rows);
    return batch;
  };
  try {
    for await (const chunk of bodyOf(response)) for (const batch of decoder.push(chunk as Buffer)) yield checked(batch);
    const rest = decoder.end();
    const short = decoder.rows < count && rawBytes !== undefined && decoder.rows > 0;
    if (decoder.rows !== count && !short) throw truncated(`${decoder.rows} of ${count} rows came.`);
    for (const batch of rest) yield checked(batch);
  } catch (error) {
    throw toldBy(readError(error as Error), response.headers);
  } finally {
    response.destroy();
  }
}

const shardOf = (of: DownloadOf) => ('shard' in of && of.shard !== undefined ? String(of.shard) : undefined);

/** The answer says how it is packed, which may differ from what was asked for. */
function bodyOf(response: IncomingMessage): Readable {
  const unpacking = unpacker(compressionOf(response.headers['content-encoding']));
  if (unpacking === null) return response;
  response.once('error', (error) => unpacking.destroy(error));
  return response.pipe(unpacking);
}

function readError(error: Error): Error {
  return packingError(error) ?? networkError(error);
}

/** @throws MaxComputeError `InvalidColumnSpec` */
export function columnNamed(session: DownloadSession, name: string): OdpsColumn {
  const found = session.columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
  if (found !== undefined) return found;
  throw new MaxComputeError({
    code: 'InvalidColumnSpec',
    kind: 'missing',
    message: `There is no column "${name}".`,
    hint: `There are ${session.columns.map((column) => column.name).join(', ')}.`,
  });
}

function truncated(message: string): MaxComputeError {
  return new MaxComputeError({ code: 'TruncatedDataStream', kind: 'busy', message, hint: 'Read them again.' });
}
