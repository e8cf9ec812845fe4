import { MaxComputeError } from './errors.ts';
import type { Http } from './http.ts';
import { type Partition, partitionText } from './partition.ts';
import { resourceOf } from './resource.ts';
import { parseType } from './type-parser.ts';
import type { OdpsColumn } from './types.ts';
import { attributeOf, elements, textOf } from './xml.ts';

export interface Table {
  name: string;
  comment: string;
  isView: boolean;
  columns: OdpsColumn[];
  partitionColumns: OdpsColumn[];
  /** Columns of the primary key of a Delta table; empty for ordinary ones. */
  primaryKey: string[];
  /** Days, or null. */
  lifecycle: number | null;
  /** The service's own figures; rough. */
  rows: number | null;
  bytes: number | null;
}

interface ColumnJson {
  name: string;
  type: string;
  comment?: string;
  isNullable?: boolean;
  nullable?: boolean;
}

const columnOf = (one: ColumnJson): OdpsColumn => ({
  name: one.name,
  type: parseType(one.type),
  comment: one.comment ?? '',
  nullable: one.isNullable ?? one.nullable ?? true,
});

const get = (http: Http, resource: string, query: { [name: string]: string | undefined }, signal?: AbortSignal) =>
  http.call({
    method: 'GET',
    base: http.options.endpoint,
    resource,
    query: { curr_project: http.options.project, curr_schema: http.options.schema, ...query },
    repeatable: true,
    signal,
  });

const tablePath = (http: Http, table: string) =>
  resourceOf('projects', http.options.project, 'tables', table.toLowerCase());

/** Checks that the project can be reached with these credentials. */
export async function getProject(http: Http, signal?: AbortSignal): Promise<{ name: string; owner: string }> {
  const { body, headers } = await get(http, resourceOf('projects', http.options.project), {}, signal);
  if (textOf(body, 'Project') === undefined) throw strange();
  return { name: textOf(body, 'Name') ?? http.options.project, owner: String(headers['x-odps-owner'] ?? '') };
}

function strange(): MaxComputeError {
  return new MaxComputeError({
    code: 'UnreadableAnswer',
    kind: 'config',
    message: 'This endpoint answers, but not as MaxCompute does.',
    hint: 'Check the endpoint: it should end in /api.',
  });
}

/** True for the 404 of a thing that is not there, and not for that of the project around it. */
function isAbsent(error: unknown): boolean {
  return (
    error instanceof MaxComputeError &&
    error.status === 404 &&
    error.code !== 'NoSuchProject' &&
    !`${error.code} ${error.message}`.includes('ODPS-0420111')
  );
}

/** Undefined where there is no such table. */
export async function getTable(http: Http, name: string, signal?: AbortSignal): Promise<Table | undefined> {
  try {
    return tableOf((await get(http, tablePath(http, name), {}, signal)).body);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function parseJson(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw strange();
  }
}

function tableOf(xml: string): Table {
  const schema = parseJson(textOf(xml, 'Schema') ?? '');
  // A JSON text inside the JSON.
  const reserved: { PrimaryKey?: string[] } = typeof schema.Reserved === 'string' ? parseJson(schema.Reserved) : {};
  const count = (value: unknown) => (typeof value === 'number' && value >= 0 ? value : null);
  return {
    name: textOf(xml, 'Name') ?? String(schema.tableName ?? ''),
    comment: String(schema.comment ?? ''),
    isView: schema.isVirtualView === true,
    columns: ((schema.columns ?? []) as ColumnJson[]).map(columnOf),
    partitionColumns: ((schema.partitionKeys ?? []) as ColumnJson[]).map(columnOf),
    primaryKey: reserved.PrimaryKey ?? [],
    lifecycle: count(schema.lifecycle),
    rows: count(schema.recordNum),
    bytes: count(schema.size),
  };
}

/** The pages of a list, until the service names no further one. */
async function* pages(
  http: Http,
  resource: string,
  query: { [name: string]: string | undefined },
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  let marker: string | undefined;
  do {
    const { body } = await get(http, resource, { ...query, expectmarker: 'true', marker }, signal);
    yield body;
    marker = textOf(body, 'Marker') || undefined;
  } while (marker !== undefined);
}

/** Names of all tables, page by page. */
export async function* listTables(http: Http, prefix = '', signal?: AbortSignal): AsyncGenerator<string> {
  const resource = resourceOf('projects', http.options.project, 'tables');
  for await (const page of pages(http, resource, { name: prefix || undefined }, signal))
    for (const { content } of elements(page, 'Table')) yield textOf(content, 'Name') ?? '';
}

/** All partitions, page by page. @throws MaxComputeError kind `missing` where there is no such table */
export async function* listPartitions(
  http: Http,
  table: string,
  signal?: AbortSignal,
): AsyncGenerator<{ name: string; value: string }[]> {
  for await (const page of pages(http, tablePath(http, table), { partitions: '' }, signal)) {
    for (const { content } of elements(page, 'Partition')) {
      yield elements(content, 'Column').map(({ attributes }) => ({
        name: attributeOf(attributes, 'Name') ?? '',
        value: attributeOf(attributes, 'Value') ?? '',
      }));
    }
  }
}

/** @throws MaxComputeError kind `missing` where there is no such table */
export async function hasPartition(
  http: Http,
  table: string,
  partition: Partition,
  signal?: AbortSignal,
): Promise<boolean> {
  try {
    await get(http, tablePath(http, table), { partition: partitionText(partition) }, signal);
    return true;
  } catch (error) {
    if (isAbsent(error) && /partition|object/i.test((error as MaxComputeError).code)) return false;
    throw error;
  }
}

/** The tunnel's endpoint: the one configured, else the one the service names, which is asked once. */
export async function tunnelEndpoint(http: Http, signal?: AbortSignal): Promise<string> {
  const { tunnelEndpoint: known, endpoint, project, quota } = http.options;
  if (known !== undefined) return known;
  const { body } = await get(
    http,
    `${resourceOf('projects', project)}/tunnel`,
    { service: '', quotaName: quota },
    signal,
  );
  const place = body.trim();
  // A name or address and perhaps a port: anything else would let an answer choose the path, too.
  if (!/^(\[[0-9a-f:]+\]|[\w.-]+)(:\d{1,5})?$/i.test(place)) throw strange();
  const found = `${new URL(endpoint).protocol}//${place}`;
  http.options.tunnelEndpoint = found;
  return found;
}
