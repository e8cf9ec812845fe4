import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createLocks, readJson, replaceJson, syncPath } from './files.ts';
import { noSuchTable, Refusal } from './refusal.ts';
import { DEFAULT_SCHEMA, keyOf, noSuchSchema, openSchemas, partsOfKey, type Schemas } from './schemas.ts';

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
  /** How many of the table's columns it has: those added later are NULL in its rows. */
  width: number;
  /** TIMESTAMP columns with nanoseconds below the microsecond: they lie in a column `<name>__nanos` of the same file. */
  nanos: string[];
  /** STRING columns with texts that are not UTF-8: their bytes lie in a column `<name>__bytes` of the same file. */
  raw?: string[];
}

export interface Partition {
  /** `pt=20260301,hh=01`; empty for a table without partitions. */
  spec: string;
  createdAt: string;
  blocks: Block[];
}

/** All that is committed of a table. Replacing this file in one rename is the commit. */
export interface Manifest {
  /** Tells a table from an earlier one of the same name. */
  id: string;
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

export const SESSION_MS = 24 * 3_600_000;

/**
 * One project: `<data>/<project>/tables/<table>/manifest.json`, its Parquet files in `blocks/` beside it; the tables of
 * other schemas in `<data>/<project>/schemas/<schema>/tables`. Tables go by their keys (see `keyOf`).
 */
export interface Storage {
  folder: string;
  project: string;
  /** Every project that there is, this one among them, by its name. */
  projects: ReadonlyMap<string, Storage>;
  schemas: Schemas;
  blockPath(table: string, file: string): string;
  get(table: string): Promise<Manifest | undefined>;
  /** @throws Refusal */
  require(table: string): Promise<Manifest>;
  /** The keys of a schema's tables, by name. */
  list(schema?: string): Promise<string[]>;
  /** False where there is one already. `rows`: a file that becomes the first block of its first partition. @throws Refusal */
  create(manifest: Omit<Manifest, 'id'>, rows?: { path: string; rows: number; bytes: number }): Promise<boolean>;
  drop(table: string): Promise<boolean>;
  rename(table: string, to: string): Promise<void>;
  /** Reads, changes and replaces a manifest, one change at a time. Answering null changes nothing. */
  change(table: string, how: (manifest: Manifest) => Manifest | null): Promise<Manifest>;
  /** Removes block files that nothing names, unless they are younger than this. */
  sweep(named: ReadonlySet<string>, youngerMs: number): Promise<void>;
}

const TABLE_NAME = /^[a-z_][a-z0-9_]{0,127}$/;

function checked(key: string): string {
  const { table: name } = partsOfKey(key);
  if (TABLE_NAME.test(name)) return key;
  throw new Refusal(
    400,
    'ODPS-0130161',
    `ODPS-0130161:[1,1] Parse exception - "${name}" is not a name for a table: letters, digits and _, at most 128`,
  );
}

/** @param projects is to hold all of them, once they are open */
export async function openStorage(
  folder: string,
  project: string,
  projects: ReadonlyMap<string, Storage> = new Map(),
): Promise<Storage> {
  await mkdir(join(folder, project, 'tables'), { recursive: true });
  const locked = createLocks();
  const tables = (schema: string) =>
    schema === DEFAULT_SCHEMA ? join(folder, project, 'tables') : join(folder, project, 'schemas', schema, 'tables');
  const path = (key: string) => {
    const { schema, table } = partsOfKey(key.toLowerCase());
    return join(tables(schema), table);
  };
  const file = (table: string) => join(path(table), 'manifest.json');
  const get = async (key: string) => {
    const { schema, table } = partsOfKey(key.toLowerCase());
    if (!TABLE_NAME.test(table) || (await schemas.get(schema)) === undefined) return undefined;
    const found = await readJson<Manifest>(file(key));
    // The folder names the table: a crash while it is renamed leaves the old name inside.
    return found === undefined ? undefined : { ...found, name: key.toLowerCase() };
  };
  const required = async (table: string) => {
    const found = await get(table);
    if (found !== undefined) return found;
    const { schema } = partsOfKey(table);
    throw (await schemas.get(schema)) === undefined ? noSuchSchema(schema) : noSuchTable(project, table);
  };
  const list = async (schema: string = DEFAULT_SCHEMA) => {
    if ((await schemas.get(schema)) === undefined) throw noSuchSchema(schema);
    const keys = (await readdir(tables(schema))).map((table) => keyOf(schema, table));
    return keys.filter((key) => existsSync(file(key))).sort();
  };
  const opened = await openSchemas(join(folder, project), list);
  // A table is not made in a schema that goes away meanwhile.
  const schemas = { ...opened, drop: (name: string) => locked('.schemas', () => opened.drop(name)) };
  return {
    folder,
    project,
    projects,
    schemas,
    blockPath: (table, name) => join(path(table), 'blocks', name),
    get,
    require: required,
    list,
    create: (manifest, rows) =>
      locked(checked(manifest.name), () =>
        locked('.schemas', async () => {
          const { schema } = partsOfKey(manifest.name);
          if ((await schemas.get(schema)) === undefined) throw noSuchSchema(schema);
          if ((await get(manifest.name)) !== undefined) return false;
          await mkdir(join(path(manifest.name), 'blocks'), { recursive: true });
          const blocks =
            rows === undefined ? [] : [await firstBlock(rows, join(path(manifest.name), 'blocks'), manifest)];
          const [first, ...others] = manifest.partitions;
          const partitions = rows === undefined ? manifest.partitions : [{ ...first, blocks }, ...others];
          await replaceJson(file(manifest.name), { id: randomBytes(12).toString('hex'), ...manifest, partitions });
          await syncPath(tables(schema));
          return true;
        }),
      ),
    drop: (table) =>
      locked(table, async () => {
        if ((await get(table)) === undefined) return false;
        await removeTable(path(table), join(folder, project, `dropped-${randomUUID()}`));
        return true;
      }),
    rename: (table, to) =>
      locked(table, () =>
        locked('.schemas', async () => {
          await required(table);
          const { schema } = partsOfKey(to);
          if (schema !== partsOfKey(table).schema)
            throw new Refusal(
              400,
              'ODPS-0130071',
              `ODPS-0130071:Semantic analysis exception - a table stays in its schema`,
            );
          if ((await get(checked(to))) !== undefined) throw tableExists(to);
          await rename(path(table), path(to));
          await syncPath(tables(schema));
        }),
      ),
    change: (table, how) =>
      locked(table, async () => {
        const before = await required(table);
        const after = how(structuredClone(before));
        if (after === null) return before;
        const changed = { ...after, changedAt: new Date().toISOString(), uploads: after.uploads.filter(mayComeBack) };
        await replaceJson(file(table), changed);
        return changed;
      }),
    async sweep(named, youngerMs) {
      await sweepDropped(join(folder, project));
      for (const { name } of await schemas.list())
        for (const table of await list(name)) await sweepTable(path(table), await required(table), named, youngerMs);
    },
  };
}

async function firstBlock(
  { path, rows, bytes }: { path: string; rows: number; bytes: number },
  folder: string,
  { columns }: { columns: ColumnDefinition[] },
): Promise<Block> {
  const name = `${randomBytes(12).toString('hex')}.parquet`;
  await rename(path, join(folder, name));
  await syncPath(folder);
  return { file: name, rows, bytes, width: columns.length, nanos: [] };
}

/** Out of the way in one step, then removed at leisure: a crash in between leaves nothing that looks like a table. */
async function removeTable(path: string, gone: string): Promise<void> {
  await rename(path, gone);
  await syncPath(dirname(path));
  await rm(gone, { recursive: true, force: true });
}

async function sweepDropped(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith('dropped-')) await rm(join(folder, name), { recursive: true, force: true });
  }
}

export const tableExists = (name: string) =>
  new Refusal(400, 'ODPS-0110061', `ODPS-0110061:Failed to run ddltask - Table already exists - ${name}`);

/** An id begins with its session's time of creation, as `newSessionId` makes it. */
function mayComeBack(id: string): boolean {
  const [, year, month, day, hour] = /^(\d{4})(\d\d)(\d\d)(\d\d)/.exec(id) ?? [];
  return Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour)) > Date.now() - SESSION_MS - 2 * 3_600_000;
}

export const newSessionId = () => `${new Date().toISOString().replace(/\D/g, '')}${randomBytes(10).toString('hex')}`;

async function sweepTable(
  path: string,
  manifest: Manifest,
  named: ReadonlySet<string>,
  youngerMs: number,
): Promise<void> {
  const committed = new Set(manifest.partitions.flatMap((one) => one.blocks).map((block) => block.file));
  for (const name of await readdir(join(path, 'blocks'))) {
    if (committed.has(name) || named.has(name)) continue;
    const full = join(path, 'blocks', name);
    const { mtimeMs } = await stat(full);
    if (mtimeMs <= Date.now() - youngerMs) await rm(full, { force: true });
  }
  for (const name of await readdir(path))
    if (name.endsWith('.tmp') && youngerMs === 0) await rm(join(path, name), { force: true });
}

export function partitionOf(manifest: Manifest, spec: string): Partition | undefined {
  return manifest.partitions.find((one) => one.spec === spec);
}

export function withPartition(manifest: Manifest, spec: string): Manifest {
  if (partitionOf(manifest, spec) !== undefined) return manifest;
  return {
    ...manifest,
    partitions: [...manifest.partitions, { spec, createdAt: new Date().toISOString(), blocks: [] }],
  };
}

/** The manifest with these blocks in a partition: behind those it has, or in their place. */
export function withBlocks(manifest: Manifest, spec: string, blocks: Block[], overwrite: boolean): Manifest {
  const partitions = withPartition(manifest, spec).partitions.map((one) =>
    one.spec === spec ? { ...one, blocks: overwrite ? blocks : [...one.blocks, ...blocks] } : one,
  );
  return { ...manifest, partitions };
}

const sum = (partitions: Partition[], of: 'rows' | 'bytes') =>
  partitions.flatMap((one) => one.blocks).reduce((all, block) => all + block[of], 0);
export const rowsOf = (...partitions: Partition[]) => sum(partitions, 'rows');
export const bytesOf = (...partitions: Partition[]) => sum(partitions, 'bytes');

/**
 * Where a table's committed data lies, for programs that read it without the emulator: Parquet files by partition
 * (`pt=20260301,hh=01`; empty for a table without partitions). One read of the manifest: a consistent state.
 * @throws Error where there is no such table
 */
export function tableFiles(
  folder: string,
  project: string,
  table: string,
  schema: string = DEFAULT_SCHEMA,
): { partition: string; files: string[] }[] {
  const inside = schema.toLowerCase() === DEFAULT_SCHEMA ? [] : ['schemas', schema.toLowerCase()];
  const path = join(folder, project.toLowerCase(), ...inside, 'tables', table.toLowerCase());
  const manifest = JSON.parse(readFileSync(join(path, 'manifest.json'), 'utf8')) as Manifest;
  return manifest.partitions.map((one) => ({
    partition: one.spec,
    files: one.blocks.map((block) => join(path, 'blocks', block.file)),
  }));
}
