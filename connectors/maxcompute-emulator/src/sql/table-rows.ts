import { parseType } from '@sampan/maxcompute';
import { duckType, literal, quoted } from '../duck.ts';
import { pairsOf } from '../partition-spec.ts';
import { Refusal } from '../refusal.ts';
import type { Block, ColumnDefinition, Manifest, Storage } from '../storage.ts';
import { type Expr, partsOf, type Select, type Source, type TableName } from './ast.ts';
import { type Place, placeOf } from './places.ts';
import type { Settings } from './settings.ts';
import type { Surroundings } from './translate.ts';

const semantic = (what: string) =>
  new Refusal(400, 'ODPS-0130071', `ODPS-0130071:Semantic analysis exception - ${what}`);

const typed = (column: ColumnDefinition, sql: string) =>
  `CAST(${sql} AS ${duckType(parseType(column.type))}) AS ${quoted(column.name)}`;

/** A table's committed rows as a sub-query: its columns, then its partition keys. Rows come block by block, in order. */
export function rowsSql(storage: Storage, manifest: Manifest): string {
  const parts = manifest.partitions.flatMap((partition) => {
    const keys = new Map(pairsOf(partition.spec));
    const values = manifest.partitionColumns.map((column) => typed(column, literal(keys.get(column.name) as string)));
    return byWidth(partition.blocks).map(({ width, files }) => {
      const columns = manifest.columns.map((column, index) =>
        index < width ? quoted(column.name) : typed(column, 'NULL'),
      );
      const paths = files.map((file) => literal(storage.blockPath(manifest.name, file)));
      return `SELECT ${[...columns, ...values].join(', ')} FROM read_parquet([${paths.join(', ')}], union_by_name = false, hive_partitioning = false)`;
    });
  });
  if (parts.length > 0) return `(${parts.join(' UNION ALL ')})`;
  return `(SELECT ${[...manifest.columns, ...manifest.partitionColumns].map((column) => typed(column, 'NULL')).join(', ')} WHERE false)`;
}

/** Neighbouring blocks that have the same columns, side columns included, are read together. */
function byWidth(blocks: Block[]): { width: number; files: string[] }[] {
  const groups: { key: string; width: number; files: string[] }[] = [];
  for (const block of blocks) {
    const key = `${block.width}:${block.nanos.join()}:${(block.raw ?? []).join()}`;
    const last = groups.at(-1);
    if (last?.key === key) last.files.push(block.file);
    else groups.push({ key, width: block.width, files: [block.file] });
  }
  return groups;
}

/** Tables by name, as they are at this moment, for one statement or a part of one. @throws Refusal */
export async function surroundingsOf(storage: Storage, query: object, settings: Settings): Promise<Surroundings> {
  const manifests = new Map<string, Manifest | undefined>();
  const idOf = (place: Place) => `${place.storage.project}.${place.table}`;
  for (const name of namesIn(query)) {
    const place = placeOf(storage, name, settings);
    manifests.set(idOf(place), await place.storage.get(place.table));
  }
  return {
    settings,
    project: storage.project,
    table(name, select) {
      const place = placeOf(storage, name, settings);
      const manifest = manifests.get(idOf(place));
      if (manifest === undefined) {
        throw new Refusal(
          400,
          'ODPS-0130131',
          `ODPS-0130131:[1,${name.at + 1}] Table not found - table ${idOf(place)} cannot be resolved`,
        );
      }
      const columns = columnsIn(select);
      refuseFullScan(manifest, columns.filter, settings);
      refuseBeyond(manifest, columns);
      return rowsSql(place.storage, manifest);
    },
  };
}

function refuseFullScan(manifest: Manifest, filtered: ReadonlySet<string>, settings: Settings): void {
  if (manifest.partitionColumns.length === 0 || settings.get('odps.sql.allow.fullscan') === 'true') return;
  if (manifest.partitionColumns.some((column) => filtered.has(column.name))) return;
  throw semantic(
    `table ${manifest.name} is a full scan with all partitions: filter on ${manifest.partitionColumns[0].name}, or set odps.sql.allow.fullscan=true`,
  );
}

/** What SQL would answer wrongly: columns that have more than the column that it reads. */
function refuseBeyond(manifest: Manifest, columns: ColumnsUsed): void {
  const blocks = manifest.partitions.flatMap((one) => one.blocks);
  const isUsed = (name: string) => columns.all || columns.names.has(name);
  const precise = blocks.flatMap((block) => block.nanos).find(isUsed);
  if (precise !== undefined)
    throw semantic(
      `column ${precise} has times below the microsecond, which SQL in the emulator does not keep: read them by a download`,
    );
  const raw = blocks.flatMap((block) => block.raw ?? []).find(isUsed);
  if (raw !== undefined)
    throw semantic(
      `column ${raw} has texts that are not UTF-8, which SQL in the emulator does not keep: read them by a download`,
    );
}

interface ColumnsUsed {
  all: boolean;
  names: ReadonlySet<string>;
  /** Names in WHERE and ON. */
  filter: ReadonlySet<string>;
}

function columnsIn(select: Select): ColumnsUsed {
  const filter = new Set<string>();
  let all = false;
  const walk = (expr: Expr, filters: boolean) => {
    if (expr.kind === 'column' && filters) filter.add(expr.path[expr.path.length - 1]);
    // The star of COUNT(*) reads nothing.
    if (expr.kind === 'star') all = true;
    if (expr.kind === 'call' && expr.name === 'count' && expr.args[0]?.kind === 'star') return;
    for (const part of partsOf(expr)) walk(part, filters);
  };
  for (const { value } of select.items) walk(value, false);
  for (const expr of [
    ...(select.where === null ? [] : [select.where]),
    ...(select.from === null ? [] : conditionsOf(select.from)),
  ])
    walk(expr, true);
  return { all, names: namesUsed(select), filter };
}

/** Every name that may be a column's, sub-queries included: those may read what is outside of them. */
function namesUsed(select: Select): Set<string> {
  const names = new Set<string>();
  const seen = (value: unknown): void => {
    if (Array.isArray(value)) for (const one of value) seen(one);
    else if (typeof value === 'object' && value !== null) {
      if ('kind' in value && value.kind === 'column')
        for (const part of (value as unknown as { path: string[] }).path) names.add(part);
      if ('using' in value && Array.isArray(value.using)) for (const name of value.using) names.add(name as string);
      for (const one of Object.values(value)) seen(one);
    }
  };
  seen(select);
  return names;
}

function conditionsOf(source: Source): Expr[] {
  if (source.kind === 'lateral') return [...source.args, ...conditionsOf(source.left)];
  if (source.kind !== 'join') return [];
  return [...(source.on === null ? [] : [source.on]), ...conditionsOf(source.left), ...conditionsOf(source.right)];
}

/** Every table that a query names anywhere. */
function namesIn(query: object): TableName[] {
  const found: TableName[] = [];
  const seen = (value: unknown): void => {
    if (Array.isArray(value)) for (const one of value) seen(one);
    else if (typeof value === 'object' && value !== null) {
      if ('kind' in value && value.kind === 'table' && 'name' in value) found.push(value.name as TableName);
      for (const one of Object.values(value)) seen(one);
    }
  };
  seen(query);
  return found;
}
