import { MaxComputeError } from './errors.ts';
import { type Answer, type Call, type Http, toldBy } from './http.ts';
import { partitionSpec } from './partition.ts';
import { resourceOf } from './resource.ts';
import { tunnelEndpoint } from './tunnel-endpoint.ts';
import { parseType } from './type-parser.ts';
import type { OdpsColumn } from './types.ts';

/** A table, or one partition of it. */
export interface TunnelPlace {
  table: string;
  /** The whole partition down to the leaf; empty for a table without partitions. */
  partition: { name: string; value: string }[];
}

/** A SQL instance, whose SELECT has rows. */
export interface InstancePlace {
  instance: string;
}

export interface TunnelQuery {
  [name: string]: string | undefined;
}

/** On every request to the tunnel. */
export const TUNNEL_HEADERS = {
  'x-odps-tunnel-version': '6',
  'odps-tunnel-date-transform': 'v1',
  'odps-tunnel-sdk-support-schema-evolution': 'true',
};

/** A request to the tunnel about a table or an instance. */
export async function tunnelCall(
  http: Http,
  place: TunnelPlace | InstancePlace,
  call: Pick<Call, 'method' | 'repeatable' | 'signal'> & {
    query: TunnelQuery;
    headers?: { [name: string]: string };
    /** What of the table is meant, behind its name. */
    part?: 'streams' | 'upserts';
  },
): Promise<Call> {
  const { project, schema, quota } = http.options;
  const own = schema === undefined ? [] : ['schemas', schema];
  const [resource, partition] =
    'instance' in place
      ? [resourceOf('projects', project, 'instances', place.instance), undefined]
      : [
          resourceOf('projects', project, ...own, 'tables', place.table),
          place.partition.length === 0 ? undefined : partitionSpec(place.partition),
        ];
  return {
    method: call.method,
    base: await tunnelEndpoint(http, call.signal),
    resource: call.part === undefined ? resource : `${resource}/${call.part}`,
    query: { ...call.query, partition, quotaName: quota, curr_project: project },
    headers: { ...TUNNEL_HEADERS, ...call.headers },
    repeatable: call.repeatable,
    signal: call.signal,
  };
}

/** Asks about a session, or changes its state. */
export async function sessionCall(
  http: Http,
  place: TunnelPlace | InstancePlace,
  method: 'GET' | 'POST',
  query: TunnelQuery,
  repeatable: boolean,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  const headers = { 'content-length': '0' };
  return http.call(await tunnelCall(http, place, { method, query, headers, repeatable, signal }));
}

interface ColumnJson {
  name: string;
  type: string;
  nullable?: boolean;
  comment?: string;
}

/** What both kinds of session tell. Old servers send little of it. */
export interface SessionJson {
  Status?: string;
  Schema?: { columns?: ColumnJson[] };
}

/** The JSON of an answer, or of its body. @throws MaxComputeError `UnreadableAnswer` */
export function parseSession<T extends SessionJson>(answer: Answer | string): T {
  const { body, headers } = typeof answer === 'string' ? { body: answer, headers: {} } : answer;
  try {
    const json: unknown = JSON.parse(body);
    if (typeof json === 'object' && json !== null) return json as T;
  } catch {
    // Told below, as for any other text.
  }
  const error = new MaxComputeError({
    code: 'UnreadableAnswer',
    kind: 'config',
    message: `This is not an answer of the tunnel: ${body.slice(0, 120)}`,
    hint: 'Check the tunnel endpoint.',
  });
  throw toldBy(error, headers);
}

export const requestIdOf = (answer: Answer | string): string | undefined =>
  typeof answer === 'string' ? undefined : (answer.headers['x-odps-request-id'] as string | undefined);

export function columnsOf(json: SessionJson): OdpsColumn[] {
  return (json.Schema?.columns ?? []).map((one) => ({
    name: one.name,
    type: parseType(one.type),
    nullable: one.nullable ?? true,
    comment: one.comment ?? '',
  }));
}
