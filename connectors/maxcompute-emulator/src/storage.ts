import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createLocks, readJson, replaceJson } from './files.ts';
import { noSuchTable, Refusal } from './refusal.ts';

export interface ColumnDefinition {
  name: string;
  /** As SQL writes it, in upper case. */
  type: string;
  comment: string;
  nullable: boolean;
}

/** One immutable Parquet file. */
export interface Block {
  file: string;
  rows: number;
  bytes: number;
}

export interface Partition {
  /** `pt=20260301,hh=01`; empty for a table without partitions. */
  spec: string;
  createdAt: string;
  blocks: Block[];
}

/** All that is committed of a table. Replacing this file in one rename is the commit. */
export interface Manifest {
  name: string;
  columns: ColumnDefinition[];
  partitionColumns: ColumnDefinition[];
  primaryKey: string[];
  properties: { [name: string]: string };
  comment: string;
  lifecycle: number | null;
  createdAt: string;
  changedAt: string;
  partitions: Partition[];
  /** Upload sessions that were committed into it: a repeated commit finds itself here. */
  uploads: string[];
}

/** Ids of committed sessions that are kept; sessions live for a day, so that older ones cannot come back. */
const UPLOADS_KEPT = 5_000;

/** One data folder: `<data>/<project>/tables/<table>/manifest.json`, its Parquet files in `blocks/` beside it. */
export interface Storage {
  folder: string;
  project: string;
  tablePath(table: string): string;
  get(table: string): Promise<Manifest | undefined>;
  /** @throws Refusal */
  require(table: string): Promise<Manifest>;
  list(): Promise<string[]>;
  create(manifest: Manifest): Promise<boolean>;
  drop(table: string): Promise<boolean>;
  rename(table: string, to: string): Promise<void>;
  /** Reads, changes and replaces a manifest, one change at a time. Answering null changes nothing. */
  change(table: string, how: (manifest: Manifest) => Manifest | null): Promise<Manifest>;
}

export async function openStorage(folder: string, project: string): Promise<Storage> {
  const tables = join(folder, project, 'tables');
  await mkdir(tables, { recursive: true });
  const locked = createLocks();
  const path = (table: string) => join(tables, table.toLowerCase());
  const file = (table: string) => join(path(table), 'manifest.json');
  const get = (table: string) =>
    /^[a-z_][a-z0-9_]*$/i.test(table) ? readJson<Manifest>(file(table)) : Promise.resolve(undefined);
  const required = async (table: string) => {
    const found = await get(table);
    if (found === undefined) throw noSuchTable(project, table);
    return found;
  };
  return {
    folder,
    project,
    tablePath: path,
    get,
    require: required,
    list: async () => {
      const names = (await readdir(tables)).filter((name) => existsSync(file(name)));
      return names.sort();
    },
    create: (manifest) =>
      locked(manifest.name, async () => {
        if ((await get(manifest.name)) !== undefined) return false;
        await mkdir(join(path(manifest.name), 'blocks'), { recursive: true });
        await replaceJson(file(manifest.name), manifest);
        return true;
      }),
    drop: (table) =>
      locked(table, async () => {
        if ((await get(table)) === undefined) return false;
        // Out of the way in one step, then removed at leisure: a crash in between leaves nothing that looks like a table.
        const gone = join(folder, project, `dropped-${randomUUID()}`);
        await rename(path(table), gone);
        await rm(gone, { recursive: true, force: true });
        return true;
      }),
    rename: (table, to) =>
      locked(table, async () => {
        const manifest = await required(table);
        if ((await get(to)) !== undefined)
          throw new Refusal(400, 'ODPS-0110061', `ODPS-0110061:Table already exists - ${to}`);
        await rename(path(table), path(to));
        await replaceJson(file(to), { ...manifest, name: to.toLowerCase() });
      }),
    change: (table, how) =>
      locked(table, async () => {
        const before = await required(table);
        const after = how(structuredClone(before));
        if (after === null) return before;
        const changed = { ...after, changedAt: new Date().toISOString(), uploads: after.uploads.slice(-UPLOADS_KEPT) };
        await replaceJson(file(table), changed);
        return changed;
      }),
  };
}

export function partitionOf(manifest: Manifest, spec: string): Partition | undefined {
  return manifest.partitions.find((one) => one.spec === spec);
}

export const rowsOf = (manifest: Manifest) =>
  manifest.partitions.flatMap((one) => one.blocks).reduce((sum, block) => sum + block.rows, 0);
export const bytesOf = (manifest: Manifest) =>
  manifest.partitions.flatMap((one) => one.blocks).reduce((sum, block) => sum + block.bytes, 0);

/** Where a table's committed data lies, for programs that read it without the emulator: Parquet files by partition. */
export function tableFiles(folder: string, project: string, table: string): { partition: string; files: string[] }[] {
  const path = join(folder, project, 'tables', table.toLowerCase());
  const manifest = JSON.parse(readFileSync(join(path, 'manifest.json'), 'utf8')) as Manifest;
  return manifest.partitions.map((one) => ({
    partition: one.spec,
    files: one.blocks.map((block) => join(path, 'blocks', block.file)),
  }));
}

/** `pt=20260301,hh=01` with the partition columns in their order. @throws Refusal */
export function partitionSpecOf(manifest: Manifest, given: string | undefined): string {
  const pairs = (given ?? '')
    .split(/[,/]/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const values = new Map(
    pairs.map((pair) => [
      pair.slice(0, pair.indexOf('=')).trim().toLowerCase(),
      pair
        .slice(pair.indexOf('=') + 1)
        .trim()
        .replace(/^['"]|['"]$/g, ''),
    ]),
  );
  const names = manifest.partitionColumns.map((column) => column.name);
  if (names.length > 0 && values.size === 0)
    throw new Refusal(400, 'MissingPartitionSpec', `Table ${manifest.name} is partitioned: a partition must be named.`);
  if (values.size !== names.length || !names.every((name) => values.get(name))) {
    throw new Refusal(
      400,
      'InvalidPartitionSpec',
      `"${given ?? ''}" is not a partition of ${manifest.name} (${names.join(', ') || 'it has none'}).`,
    );
  }
  return names.map((name) => `${name}=${values.get(name)}`).join(',');
}
