import { MaxComputeError } from './errors.ts';
import type { Http } from './http.ts';
import { partitionSql } from './sql-text.ts';
import { type OdpsColumn, parseType } from './types.ts';
import { elements, textOf } from './xml.ts';

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

const tablePath = (http: Http, table: string) => `/projects/${http.options.project}/tables/${table}`;

/** Checks that the project can be reached with these credentials. */
export async function getProject(http: Http, signal?: AbortSignal): Promise<{ name: string; owner: string }> {
  const { body, headers } = await get(http, `/projects/${http.options.project}`, {}, signal);
  if (textOf(body, 'Project') === undefined) {
    throw new MaxComputeError({
      code: 'UnreadableAnswer',
      kind: 'config',
      message: 'This endpoint answers, but not as MaxCompute does.',
      hint: 'Check the endpoint: it should end in /api.',
    });
  }
  return { name: textOf(body, 'Name') ?? http.options.project, owner: String(headers['x-odps-owner'] ?? '') };
}

/** Undefined where there is no such table. */
export async function getTable(http: Http, name: string, signal?: AbortSignal): Promise<Table | undefined> {
  try {
    return tableOf((await get(http, tablePath(http, name.toLowerCase()), {}, signal)).body);
  } catch (error) {
    if (error instanceof MaxComputeError && error.status === 404 && error.code !== 'NoSuchProject') return undefined;
    throw error;
  }
}

function tableOf(xml: string): Table {
  const schema = JSON.parse(textOf(xml, 'Schema') ?? '{}') as Record<string, unknown>;
  const reserved =
    typeof schema.Reserved === 'string' ? (JSON.parse(schema.Reserved) as { PrimaryKey?: string[] }) : {};
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

/** Names of all tables, page by page. */
export async function* listTables(http: Http, prefix = '', signal?: AbortSignal): AsyncGenerator<string> {
  let marker: string | undefined;
  do {
    const { body } = await get(
      http,
      `/projects/${http.options.project}/tables`,
      { expectmarker: 'true', name: prefix || undefined, marker },
      signal,
    );
    for (const { content } of elements(body, 'Table')) yield textOf(content, 'Name') ?? '';
    marker = textOf(body, 'Marker') || undefined;
  } while (marker !== undefined);
}

/** All partitions, page by page. */
export async function* listPartitions(
  http: Http,
  table: string,
  signal?: AbortSignal,
): AsyncGenerator<{ name: string; value: string }[]> {
  let marker: string | undefined;
  do {
    const { body } = await get(http, tablePath(http, table), { partitions: '', expectmarker: 'true', marker }, signal);
    for (const { content } of elements(body, 'Partition')) {
      yield elements(content, 'Column').map(({ attributes }) => ({
        name: /Name="([^"]*)"/.exec(attributes)?.[1] ?? '',
        value: /Value="([^"]*)"/.exec(attributes)?.[1] ?? '',
      }));
    }
    marker = textOf(body, 'Marker') || undefined;
  } while (marker !== undefined);
}

export async function hasPartition(
  http: Http,
  table: string,
  partition: readonly { name: string; value: string }[],
  signal?: AbortSignal,
): Promise<boolean> {
  try {
    await get(http, tablePath(http, table), { partition: partitionSql(partition).replaceAll('`', '') }, signal);
    return true;
  } catch (error) {
    if (error instanceof MaxComputeError && error.status === 404 && /partition|object/i.test(error.code)) return false;
    throw error;
  }
}

/** The tunnel's endpoint: the one configured, else the one the service names. */
export async function tunnelEndpoint(http: Http, signal?: AbortSignal): Promise<string> {
  const { tunnelEndpoint: configured, endpoint, project, quota } = http.options;
  if (configured !== undefined) return configured;
  const { body } = await get(http, `/projects/${project}/tunnel`, { service: '', quotaName: quota }, signal);
  const found = `${new URL(endpoint).protocol}//${body.trim()}`;
  http.options.tunnelEndpoint = found;
  return found;
}
