import type { Http } from './http.ts';
import { resourceOf } from './resource.ts';
import { ask, figure, instant, isAbsent, pages, parseJson } from './rest.ts';
import { parseType } from './type-parser.ts';
import type { OdpsColumn } from './types.ts';
import { elements, escapeXml, textOf } from './xml.ts';

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
  /** The service's own figures; rough, and behind what was committed. */
  rows: number | null;
  bytes: number | null;
}

/** Hash or range clustering. */
export interface Clustering {
  type: string;
  buckets: number | null;
  columns: string[];
  sortColumns: string[];
}

export interface TableDetails extends Table {
  owner: string;
  schema: string | null;
  /** `MANAGED_TABLE`, `VIRTUAL_VIEW`, `MATERIALIZED_VIEW`, `EXTERNAL_TABLE`, `OBJECT_TABLE`. */
  type: string;
  isTransactional: boolean;
  /** The statement of a view. */
  viewText: string | null;
  clustering: Clustering | null;
  createdAt: Date | null;
  ddlChangedAt: Date | null;
  changedAt: Date | null;
  accessedAt: Date | null;
  /** Only where asked for. */
  extended: { isArchived: boolean; physicalBytes: number | null; files: number | null; location: string | null } | null;
}

/** What a list tells of a table. */
export interface TableSummary {
  name: string;
  owner: string;
  type: string | null;
}

export const tablePath = (http: Http, table: string) =>
  resourceOf('projects', http.options.project, 'tables', table.toLowerCase());

/** Undefined where there is no such table. @param extended asks for files and physical size, too */
export async function getTable(
  http: Http,
  name: string,
  signal?: AbortSignal,
  extended = false,
): Promise<TableDetails | undefined> {
  try {
    const answer = await ask(http, tablePath(http, name), { extended: extended ? '' : undefined }, signal);
    return tableOf(answer.body, extended, answer);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** The service takes at most a hundred names at a time. */
const BATCH = 100;

/** Many tables in few requests; those that are not there are left out. Their order is the service's. */
export async function* getTables(
  http: Http,
  names: readonly string[],
  signal?: AbortSignal,
): AsyncGenerator<TableDetails> {
  const { endpoint, project, schema } = http.options;
  for (let at = 0; at < names.length; at += BATCH) {
    const rows = names.slice(at, at + BATCH).map((name) => {
      const inner = schema === undefined ? '' : `<Schema>${escapeXml(schema)}</Schema>`;
      return `<Table><Project>${escapeXml(project)}</Project><Name>${escapeXml(name.toLowerCase())}</Name>${inner}</Table>`;
    });
    const answer = await http.call({
      method: 'POST',
      base: endpoint,
      resource: resourceOf('projects', project, 'tables'),
      query: { query: '', curr_project: project, curr_schema: schema },
      body: `<?xml version="1.0" encoding="utf-8"?><Tables>${rows.join('')}</Tables>`,
      repeatable: true,
      signal,
    });
    for (const { content } of elements(answer.body, 'Table'))
      if (textOf(content, 'Schema')) yield tableOf(content, false, answer);
  }
}

export interface TableFilter {
  /** What names begin with. */
  prefix?: string | undefined;
  owner?: string | undefined;
  /** As in `TableDetails.type`. */
  type?: string | undefined;
}

/** Tables page by page, with what the list tells of each; `getTable` and `getTables` tell the rest. */
export async function* findTables(
  http: Http,
  { prefix, owner, type }: TableFilter = {},
  signal?: AbortSignal,
): AsyncGenerator<TableSummary> {
  const resource = resourceOf('projects', http.options.project, 'tables');
  for await (const page of pages(http, resource, { name: prefix || undefined, owner, type }, signal)) {
    for (const { content } of elements(page, 'Table'))
      yield {
        name: textOf(content, 'Name') ?? '',
        owner: textOf(content, 'Owner') ?? '',
        type: textOf(content, 'Type') || null,
      };
  }
}

/** Names of all tables, page by page. */
export async function* listTables(http: Http, prefix = '', signal?: AbortSignal): AsyncGenerator<string> {
  for await (const { name } of findTables(http, { prefix }, signal)) yield name;
}

interface ColumnJson {
  name: string;
  type: string;
  comment?: string;
  isNullable?: boolean;
  nullable?: boolean;
  defaultValue?: string;
}

const columnOf = (one: ColumnJson): OdpsColumn => ({
  name: one.name,
  type: parseType(one.type),
  comment: one.comment ?? '',
  nullable: one.isNullable ?? one.nullable ?? true,
  ...(one.defaultValue ? { defaultValue: one.defaultValue } : {}),
});

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const namesOf = (value: unknown) =>
  list(value).map((one) => (typeof one === 'string' ? one : String((one as { name?: unknown })?.name ?? '')));

function tableOf(xml: string, extended: boolean, answer: Parameters<typeof parseJson>[1]): TableDetails {
  const json = parseJson(textOf(xml, 'Schema') ?? '', answer);
  // A JSON text inside the JSON.
  const reserved = typeof json.Reserved === 'string' && json.Reserved !== '' ? parseJson(json.Reserved, answer) : {};
  return {
    name: textOf(xml, 'Name') ?? String(json.tableName ?? ''),
    comment: String(json.comment ?? ''),
    isView: json.isVirtualView === true,
    columns: (list(json.columns) as ColumnJson[]).map(columnOf),
    partitionColumns: (list(json.partitionKeys) as ColumnJson[]).map(columnOf),
    primaryKey: namesOf(reserved.PrimaryKey),
    lifecycle: figure(json.lifecycle),
    rows: figure(json.recordNum),
    bytes: figure(json.size),
    owner: textOf(xml, 'Owner') ?? String(json.owner ?? ''),
    schema: textOf(xml, 'SchemaName') || null,
    type: textOf(xml, 'Type') || typeOf(json),
    isTransactional: String(reserved.Transactional).toLowerCase() === 'true',
    viewText: typeof json.viewText === 'string' && json.viewText !== '' ? json.viewText : null,
    clustering: clusteringOf(reserved),
    createdAt: instant(json.createTime),
    ddlChangedAt: instant(json.lastDDLTime),
    changedAt: instant(json.lastModifiedTime),
    accessedAt: instant(json.lastAccessTime),
    extended: extended ? extendedOf(json) : null,
  };
}

function typeOf(json: Record<string, unknown>): string {
  if (json.isMaterializedView === true) return 'MATERIALIZED_VIEW';
  if (json.isVirtualView === true) return 'VIRTUAL_VIEW';
  return json.isExternal === true ? 'EXTERNAL_TABLE' : 'MANAGED_TABLE';
}

function clusteringOf(reserved: Record<string, unknown>): Clustering | null {
  if (typeof reserved.ClusterType !== 'string' || reserved.ClusterType === '') return null;
  return {
    type: reserved.ClusterType,
    buckets: figure(reserved.BucketNum),
    columns: namesOf(reserved.ClusterCols),
    sortColumns: namesOf(reserved.SortCols),
  };
}

const extendedOf = (json: Record<string, unknown>): TableDetails['extended'] => ({
  isArchived: json.IsArchived === true,
  physicalBytes: figure(json.PhysicalSize),
  files: figure(json.FileNum),
  location: typeof json.location === 'string' && json.location !== '' ? json.location : null,
});
