import { errorOfAnswer, MaxComputeError } from './errors.ts';
import { type Http, networkError, text, tunnelHeaders } from './http.ts';
import { tunnelEndpoint } from './metadata.ts';
import { type DecodedBatch, RecordDecoder } from './record-decoder.ts';
import { partitionSpec } from './sql-text.ts';
import { type OdpsColumn, parseType } from './types.ts';

export interface DownloadSession {
  id: string;
  rows: number;
  columns: OdpsColumn[];
}

export interface DownloadOf {
  table: string;
  partition: { name: string; value: string }[];
}

const tablePath = (http: Http, table: string) =>
  `/projects/${http.options.project}${http.options.schema === undefined ? '' : `/schemas/${http.options.schema}`}/tables/${table}`;

/** A snapshot of table or partition to read from. */
export async function createDownload(http: Http, of: DownloadOf, signal?: AbortSignal): Promise<DownloadSession> {
  const partition = of.partition.length === 0 ? undefined : partitionSpec(of.partition);
  const { body } = await http.call({
    method: 'POST',
    base: await tunnelEndpoint(http, signal),
    resource: tablePath(http, of.table),
    query: { downloads: '', partition, quotaName: http.options.quota, curr_project: http.options.project },
    headers: tunnelHeaders,
    repeatable: true,
    signal,
  });
  const json = JSON.parse(body) as {
    DownloadID: string;
    RecordCount: number;
    Schema: { columns: { name: string; type: string; nullable?: boolean }[] };
  };
  const columns = json.Schema.columns.map((one) => ({
    name: one.name,
    type: parseType(one.type),
    nullable: one.nullable ?? true,
    comment: '',
  }));
  return { id: json.DownloadID, rows: json.RecordCount, columns };
}

/** Rows `start` to `start + count`. @throws MaxComputeError `TruncatedDataStream` where the connection ended early */
export async function* readRows(
  http: Http,
  of: DownloadOf,
  session: DownloadSession,
  start: number,
  count: number,
  signal?: AbortSignal,
): AsyncGenerator<DecodedBatch> {
  const partition = of.partition.length === 0 ? undefined : partitionSpec(of.partition);
  const request = await http.open({
    method: 'GET',
    base: await tunnelEndpoint(http, signal),
    resource: tablePath(http, of.table),
    query: {
      downloadid: session.id,
      data: '',
      rowrange: `(${start},${count})`,
      partition,
      quotaName: http.options.quota,
      curr_project: http.options.project,
    },
    headers: { ...tunnelHeaders, 'accept-encoding': 'identity' },
    ...(signal === undefined ? {} : { signal }),
  });
  const answered = http.answer(request);
  request.end();
  const response = await answered;
  if ((response.statusCode ?? 0) >= 300)
    throw errorOfAnswer(response.statusCode ?? 0, await text(response), response.headers);
  const decoder = new RecordDecoder(session.columns.map((column) => column.type));
  try {
    for await (const chunk of response) yield* decoder.push(chunk as Buffer);
  } catch (error) {
    throw error instanceof MaxComputeError ? error : networkError(error as Error);
  } finally {
    response.destroy();
  }
  const last = decoder.end();
  if (decoder.rows !== count)
    throw new MaxComputeError({
      code: 'TruncatedDataStream',
      kind: 'busy',
      message: `${decoder.rows} of ${count} rows came.`,
      hint: 'Read them again.',
    });
  if (last !== null) yield last;
}
