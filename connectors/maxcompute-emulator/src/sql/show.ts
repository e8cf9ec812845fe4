import { parseType } from '@sampan/maxcompute';
import { noSuchPartition, pairsOf, specOf } from '../partition-spec.ts';
import { partsOfKey } from '../schemas.ts';
import { bytesOf, type ColumnDefinition, type Manifest, partitionOf, rowsOf, type Storage } from '../storage.ts';
import { defaultSchema, placeOf, projectOf } from './places.ts';
import type { Settings } from './settings.ts';
import type { Show } from './show-parser.ts';

/** What SHOW and DESC say: for people. Programs ask over REST. @throws Refusal */
export async function shown(here: Storage, statement: Show, settings: Settings): Promise<string> {
  if (statement.kind === 'show' && statement.what === 'tables') {
    const keys = await projectOf(here, statement.project).list(statement.schema ?? defaultSchema(settings));
    const names = keys.map((key) => partsOfKey(key).table).filter(matching(statement.like));
    return lines(names.map((name) => `emulator:${name}`));
  }
  if (statement.kind === 'show' && statement.what === 'schemas')
    return lines((await projectOf(here, statement.project).schemas.list()).map(({ name }) => name));
  const { storage, table } = placeOf(here, statement.table, settings);
  const manifest = await storage.require(table);
  if (statement.kind === 'describe') return described(storage, manifest, statement);
  if (statement.what === 'createTable') return `${createText(storage, manifest)}\n`;
  const wanted = statement.only;
  const specs = manifest.partitions.map(({ spec }) => pairsOf(spec));
  const chosen = specs.filter((pairs) =>
    wanted.every(({ name, value }) => pairs.some((pair) => pair[0] === name && pair[1] === value)),
  );
  return lines(chosen.map((pairs) => pairs.map((pair) => pair.join('=')).join('/')).sort());
}

const lines = (all: string[]) => all.map((line) => `${line}\n`).join('');

/** `sale*`, as SHOW TABLES LIKE takes it. */
function matching(like: string | null): (name: string) => boolean {
  if (like === null) return () => true;
  const parts = like.toLowerCase().split('*');
  const pattern = new RegExp(`^${parts.map((part) => part.replace(/[^a-z0-9_]/g, '\\$&')).join('.*')}$`);
  return (name) => pattern.test(name);
}

const text = (value: string) => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const named = (name: string) => `\`${name.replaceAll('`', '``')}\``;

function columnText({ name, type, nullable, comment }: ColumnDefinition): string {
  return [named(name), type, nullable ? '' : 'NOT NULL', comment === '' ? '' : `COMMENT ${text(comment)}`]
    .filter((part) => part !== '')
    .join(' ');
}

/** The statement that makes a table like this one. */
export function createText(storage: Storage, manifest: Manifest): string {
  const { schema, table } = partsOfKey(manifest.name);
  const inside = manifest.columns.map(columnText);
  if (manifest.primaryKey.length > 0) inside.push(`PRIMARY KEY (${manifest.primaryKey.map(named).join(', ')})`);
  const keys = manifest.partitionColumns.map(columnText);
  const properties = Object.entries(manifest.properties).map(([name, value]) => `${text(name)}=${text(value)}`);
  const clauses = [
    `CREATE TABLE IF NOT EXISTS ${storage.project}.${schema}.${named(table)} (\n  ${inside.join(',\n  ')}\n)`,
    manifest.comment === '' ? '' : `COMMENT ${text(manifest.comment)}`,
    keys.length === 0 ? '' : `PARTITIONED BY (\n  ${keys.join(',\n  ')}\n)`,
    properties.length === 0 ? '' : `TBLPROPERTIES (${properties.join(', ')})`,
    manifest.lifecycle === null ? '' : `LIFECYCLE ${manifest.lifecycle}`,
  ];
  return `${clauses.filter((clause) => clause !== '').join('\n')};`;
}

function described(
  storage: Storage,
  manifest: Manifest,
  { extended, partition }: Extract<Show, { kind: 'describe' }>,
): string {
  if (partition !== null) {
    const spec = specOf(manifest, partition);
    const one = partitionOf(manifest, spec);
    if (one === undefined) throw noSuchPartition(spec);
    return box([
      [`PartitionSize: ${bytesOf(one)}`, `PartitionRecordNum: ${rowsOf(one)}`, `CreateTime: ${one.createdAt}`],
    ]);
  }
  const { schema } = partsOfKey(manifest.name);
  const facts = [
    ['Owner: emulator', `Project: ${storage.project}`, `Schema: ${schema}`],
    [`TableComment: ${manifest.comment}`],
    [`CreateTime: ${manifest.createdAt}`],
    [`LastModifiedTime: ${manifest.changedAt}`],
    [`Lifecycle: ${manifest.lifecycle ?? -1}`],
    ['InternalTable: YES', `Size: ${bytesOf(...manifest.partitions)}`],
  ];
  const more = extended
    ? [
        [`RecordNum: ${rowsOf(...manifest.partitions)}`],
        [`FileNum: ${manifest.partitions.reduce((sum, one) => sum + one.blocks.length, 0)}`],
        [`PrimaryKey: ${manifest.primaryKey.join(', ')}`],
        ...Object.entries(manifest.properties).map(([name, value]) => [`${name}: ${value}`]),
      ]
    : [];
  const row = (one: ColumnDefinition) => [
    one.name,
    parseType(one.type).kind === 'unknown' ? one.type : one.type.toLowerCase(),
    ...(extended ? [String(one.nullable)] : []),
    one.comment,
  ];
  const head = ['Field', 'Type', ...(extended ? ['Nullable'] : []), 'Comment'];
  const keys =
    manifest.partitionColumns.length === 0 ? '' : box([['Partition Columns'], ...manifest.partitionColumns.map(row)]);
  return `${box(facts)}${box([['Native Columns'], head, ...manifest.columns.map(row)])}${keys}${more.length === 0 ? '' : box([['Extended Info'], ...more])}`;
}

function box(rows: string[][]): string {
  const shownRows = rows.map((cells) => `| ${cells.join(' | ')} |`);
  const width = Math.max(...shownRows.map((row) => row.length));
  const rule = `+${'-'.repeat(width - 2)}+`;
  return lines([rule, ...shownRows.map((row) => `${row.slice(0, -1).padEnd(width - 1)}|`), rule]);
}
