import { escapeXml } from '@sampan/maxcompute';
import { bucketCount, isDelta, isTransactional } from './delta.ts';
import { noSuchPartition, pairsOf, parseSpec, specOf } from './partition-spec.ts';
import { Refusal } from './refusal.ts';
import type { Request } from './request.ts';
import { partsOfKey } from './schemas.ts';
import {
  bytesOf,
  type ColumnDefinition,
  type Manifest,
  type Partition,
  partitionOf,
  rowsOf,
  type Storage,
} from './storage.ts';

const PAGE = 1_000;
const OWNER = 'emulator';
const TYPE = 'MANAGED_TABLE';
const seconds = (iso: string) => Math.floor(Date.parse(iso) / 1_000);
const cdata = (text: string) => `<![CDATA[${text.replaceAll(']]>', ']]]]><![CDATA[>')}]]>`;

export function projectXml(project: string): string {
  const properties = {
    'odps.sql.type.system.odps2': 'true',
    'odps.sql.decimal.odps2': 'true',
    'odps.schema.model.enabled': 'true',
    'odps.sql.timezone': 'UTC',
  };
  const listed = Object.entries(properties).map(
    ([name, value]) => `<Property><Name>${name}</Name><Value>${value}</Value></Property>`,
  );
  return `<Project><Name>${escapeXml(project)}</Name><Type>managed</Type><Comment></Comment><Owner>emulator</Owner><State>AVAILABLE</State><Region>local</Region><Properties>${listed.join('')}</Properties></Project>`;
}

const columnJson = (one: ColumnDefinition) => ({
  name: one.name,
  type: one.type.toLowerCase(),
  comment: one.comment,
  label: '',
  isNullable: one.nullable,
});

export function tableXml(project: string, manifest: Manifest): string {
  const { schema: schemaName, table } = partsOfKey(manifest.name);
  const reserved = {
    ...(isTransactional(manifest) ? { Transactional: 'true' } : {}),
    ...(isDelta(manifest) ? { PrimaryKey: manifest.primaryKey, BucketNum: bucketCount(manifest.properties) } : {}),
  };
  const schema = {
    tableName: table,
    comment: manifest.comment,
    owner: 'emulator',
    columns: manifest.columns.map(columnJson),
    partitionKeys: manifest.partitionColumns.map(columnJson),
    createTime: seconds(manifest.createdAt),
    lastModifiedTime: seconds(manifest.changedAt),
    lastDDLTime: seconds(manifest.createdAt),
    lifecycle: manifest.lifecycle ?? -1,
    size: bytesOf(...manifest.partitions),
    recordNum: rowsOf(...manifest.partitions),
    isVirtualView: false,
    isMaterializedView: false,
    isExternal: false,
    Reserved: JSON.stringify(reserved),
  };
  return `<Table><Name>${table}</Name><TableId>${manifest.id}</TableId><Schema format="Json">${cdata(JSON.stringify(schema))}</Schema><Comment>${cdata(manifest.comment)}</Comment><Owner>emulator</Owner><Project>${project}</Project><SchemaName>${schemaName}</SchemaName><CreationTime>${new Date(manifest.createdAt).toUTCString()}</CreationTime><LastModifiedTime>${new Date(manifest.changedAt).toUTCString()}</LastModifiedTime><Type>MANAGED_TABLE</Type></Table>`;
}

/** One page of a list; the marker names its last row. */
function page<T>(
  items: T[],
  key: (item: T) => string,
  query: Map<string, string>,
  backwards = false,
): { items: T[]; marker: string } {
  const after = query.get('marker') ?? '';
  const size = Number(query.get('maxitems') ?? PAGE) || PAGE;
  const last = Buffer.from(after, 'base64url').toString();
  const behind = (item: T) => (backwards ? key(item) < last : key(item) > last);
  const rest = after === '' ? items : items.filter(behind);
  const shown = rest.slice(0, size);
  return {
    items: shown,
    marker: rest.length > size ? Buffer.from(key(shown[shown.length - 1])).toString('base64url') : '',
  };
}

export async function tablesXml(storage: Storage, request: Request, schema: string): Promise<string> {
  const prefix = (request.query.get('name') ?? '').toLowerCase();
  // All tables are of one owner and one type.
  const { owner = OWNER, type = TYPE } = Object.fromEntries(request.query);
  const none = owner !== OWNER || type.toUpperCase() !== TYPE;
  const all = none ? [] : (await storage.list(schema)).map((key) => partsOfKey(key).table);
  const names = all.filter((name) => name.startsWith(prefix));
  const { items, marker } = page(names, (name) => name, request.query);
  const rows = items.map(
    (name) =>
      `<Table><Name>${name}</Name><Owner>emulator</Owner><Project>${storage.project}</Project><SchemaName>${schema}</SchemaName><Type>MANAGED_TABLE</Type></Table>`,
  );
  return `<Tables><Marker>${marker}</Marker><MaxItems>${PAGE}</MaxItems>${rows.join('')}</Tables>`;
}

export async function partitionsXml(storage: Storage, table: string, { query }: Request): Promise<string> {
  const manifest = await storage.require(table);
  if (manifest.partitionColumns.length === 0)
    throw new Refusal(400, 'InvalidArgument', `Table ${table} is not partitioned.`);
  const wanted = parseSpec(query.get('partition') ?? '');
  const matches = (spec: string) =>
    wanted.every(({ name, value }) => pairsOf(spec).some((pair) => pair[0] === name && pair[1] === value));
  const sorted = manifest.partitions.filter((one) => matches(one.spec)).sort((a, b) => (a.spec < b.spec ? -1 : 1));
  const backwards = query.has('reverse');
  if (backwards) sorted.reverse();
  const { items, marker } = page(sorted, (one) => one.spec, query, backwards);
  const rows = items.map((one) => (query.has('name') ? partitionName(one) : partitionRow(one, manifest)));
  return `<Partitions><Marker>${marker}</Marker><MaxItems>${PAGE}</MaxItems>${rows.join('')}</Partitions>`;
}

function partitionName({ spec }: Partition): string {
  const pairs = pairsOf(spec).map(([name, value]) => `${name}='${value}'`);
  return `<Partition><Name>${escapeXml(pairs.join(','))}</Name></Partition>`;
}

function partitionRow(one: Partition, manifest: Manifest): string {
  const columns = pairsOf(one.spec).map(([name, value]) => `<Column Name="${name}" Value="${escapeXml(value)}"/>`);
  const times = `<CreationTime>${seconds(one.createdAt)}</CreationTime><LastDDLTime>${seconds(one.createdAt)}</LastDDLTime><LastModifiedTime>${seconds(manifest.changedAt)}</LastModifiedTime>`;
  return `<Partition>${columns.join('')}${times}<PartitionSize>${bytesOf(one)}</PartitionSize><PartitionRecordCount>${rowsOf(one)}</PartitionRecordCount></Partition>`;
}

export async function partitionXml(storage: Storage, table: string, given: string): Promise<string> {
  const manifest = await storage.require(table);
  const spec = specOf(manifest, parseSpec(given));
  const one = partitionOf(manifest, spec);
  if (one === undefined) throw noSuchPartition(spec);
  const schema = {
    createTime: seconds(one.createdAt),
    lastDDLTime: seconds(one.createdAt),
    lastModifiedTime: seconds(manifest.changedAt),
    partitionSize: bytesOf(one),
    partitionRecordNum: rowsOf(one),
  };
  return `<Partition><Schema>${cdata(JSON.stringify(schema))}</Schema></Partition>`;
}
