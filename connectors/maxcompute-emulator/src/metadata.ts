import { escapeXml } from '@sampan/maxcompute';
import { Refusal } from './refusal.ts';
import type { Request } from './request.ts';
import {
  bytesOf,
  type ColumnDefinition,
  type Manifest,
  partitionOf,
  partitionSpecOf,
  rowsOf,
  type Storage,
} from './storage.ts';

const PAGE = 1_000;
const seconds = (iso: string) => Math.floor(Date.parse(iso) / 1_000);
const cdata = (text: string) => `<![CDATA[${text.replaceAll(']]>', ']]]]><![CDATA[>')}]]>`;

export function projectXml(project: string): string {
  const properties = {
    'odps.sql.type.system.odps2': 'true',
    'odps.sql.decimal.odps2': 'true',
    'odps.schema.model.enabled': 'false',
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
  const reserved = manifest.primaryKey.length === 0 ? {} : { Transactional: 'true', PrimaryKey: manifest.primaryKey };
  const schema = {
    tableName: manifest.name,
    comment: manifest.comment,
    owner: 'emulator',
    columns: manifest.columns.map(columnJson),
    partitionKeys: manifest.partitionColumns.map(columnJson),
    createTime: seconds(manifest.createdAt),
    lastModifiedTime: seconds(manifest.changedAt),
    lastDDLTime: seconds(manifest.createdAt),
    lifecycle: manifest.lifecycle ?? -1,
    size: bytesOf(manifest),
    recordNum: rowsOf(manifest),
    isVirtualView: false,
    isMaterializedView: false,
    isExternal: false,
    Reserved: JSON.stringify(reserved),
  };
  return `<Table><Name>${manifest.name}</Name><TableId>${manifest.name}</TableId><Schema format="Json">${cdata(JSON.stringify(schema))}</Schema><Comment>${cdata(manifest.comment)}</Comment><Owner>emulator</Owner><Project>${project}</Project><SchemaName>default</SchemaName><CreationTime>${new Date(manifest.createdAt).toUTCString()}</CreationTime><LastModifiedTime>${new Date(manifest.changedAt).toUTCString()}</LastModifiedTime><Type>MANAGED_TABLE</Type></Table>`;
}

/** One page of a list; the marker names its last row. */
function page<T>(items: T[], key: (item: T) => string, query: Map<string, string>): { items: T[]; marker: string } {
  const after = query.get('marker') ?? '';
  const size = Number(query.get('maxitems') ?? PAGE) || PAGE;
  const rest = after === '' ? items : items.filter((item) => key(item) > Buffer.from(after, 'base64url').toString());
  const shown = rest.slice(0, size);
  return {
    items: shown,
    marker: rest.length > size ? Buffer.from(key(shown[shown.length - 1])).toString('base64url') : '',
  };
}

export async function tablesXml(storage: Storage, request: Request): Promise<string> {
  const prefix = (request.query.get('name') ?? '').toLowerCase();
  const names = (await storage.list()).filter((name) => name.startsWith(prefix));
  const { items, marker } = page(names, (name) => name, request.query);
  const rows = items.map(
    (name) => `<Table><Name>${name}</Name><Owner>emulator</Owner><Type>MANAGED_TABLE</Type></Table>`,
  );
  return `<Tables><Marker>${marker}</Marker><MaxItems>${PAGE}</MaxItems>${rows.join('')}</Tables>`;
}

const pairsOf = (spec: string) =>
  spec.split(',').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]);

export async function partitionsXml(storage: Storage, table: string, request: Request): Promise<string> {
  const manifest = await storage.require(table);
  if (manifest.partitionColumns.length === 0)
    throw new Refusal(400, 'InvalidParameter', `Table ${table} is not partitioned.`);
  const sorted = [...manifest.partitions].sort((a, b) => (a.spec < b.spec ? -1 : 1));
  const { items, marker } = page(sorted, (one) => one.spec, request.query);
  const rows = items.map((one) => {
    if (request.query.has('name'))
      return `<Partition><Name>${escapeXml(
        pairsOf(one.spec)
          .map(([name, value]) => `${name}='${value}'`)
          .join(','),
      )}</Name></Partition>`;
    const columns = pairsOf(one.spec).map(([name, value]) => `<Column Name="${name}" Value="${escapeXml(value)}"/>`);
    const count = one.blocks.reduce((sum, block) => sum + block.rows, 0);
    const bytes = one.blocks.reduce((sum, block) => sum + block.bytes, 0);
    return `<Partition>${columns.join('')}<CreationTime>${seconds(one.createdAt)}</CreationTime><PartitionSize>${bytes}</PartitionSize><PartitionRecordCount>${count}</PartitionRecordCount></Partition>`;
  });
  return `<Partitions><Marker>${marker}</Marker><MaxItems>${PAGE}</MaxItems>${rows.join('')}</Partitions>`;
}

export async function partitionXml(storage: Storage, table: string, given: string): Promise<string> {
  const manifest = await storage.require(table);
  const one = partitionOf(manifest, partitionSpecOf(manifest, given));
  if (one === undefined) throw new Refusal(404, 'NoSuchPartition', `The specified partition does not exist: ${given}`);
  const rows = one.blocks.reduce((sum, block) => sum + block.rows, 0);
  const bytes = one.blocks.reduce((sum, block) => sum + block.bytes, 0);
  const schema = {
    createTime: seconds(one.createdAt),
    lastDDLTime: seconds(one.createdAt),
    lastModifiedTime: seconds(manifest.changedAt),
    partitionSize: bytes,
    partitionRecordNum: rows,
  };
  return `<Partition><Schema>${cdata(JSON.stringify(schema))}</Schema></Partition>`;
}
