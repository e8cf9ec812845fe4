import { randomBytes } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { parseType } from '@sampan/maxcompute';
import { isAsBefore, isDelta } from '../delta.ts';
import { duckType, literal, quoted } from '../duck.ts';
import { syncPath } from '../files.ts';
import { pairsOf, specOf } from '../partition-spec.ts';
import { Refusal } from '../refusal.ts';
import { type Block, type ColumnDefinition, type Manifest, type Storage, withBlocks } from '../storage.ts';
import { assignedSql } from './assign.ts';
import { withConnection } from './connection.ts';
import { keepLast, withRest } from './insert-by-key.ts';
import { placeOf } from './places.ts';
import type { Settings } from './settings.ts';
import type { Insert } from './statements.ts';
import { surroundingsOf } from './table-rows.ts';
import { querySql } from './translate.ts';

const semantic = (what: string) =>
  new Refusal(400, 'ODPS-0130071', `ODPS-0130071:Semantic analysis exception - ${what}`);

/** INSERT INTO / OVERWRITE … SELECT or VALUES: a new block for each partition, visible together. @throws Refusal */
export async function insert(
  here: Storage,
  duck: DuckDBInstance,
  statement: Insert,
  settings: Settings,
  signal: AbortSignal,
): Promise<void> {
  const { storage, table } = placeOf(here, statement.table, settings);
  const manifest = await storage.require(table);
  const plan = planOf(manifest, statement);
  const sql = querySql(statement.query, await surroundingsOf(here, statement.query, settings));
  const written = await withConnection(duck, settings, signal, async (connection) => {
    await collect(connection, manifest, plan, sql);
    if (isDelta(manifest)) await keepLast(connection, manifest, plan.dynamic);
    const added = await writeBlocks(connection, storage, manifest, plan);
    return isDelta(manifest) && !statement.overwrite ? withRest(connection, storage, manifest, added) : added;
  });
  // Where this fails, nothing names the blocks: they are swept.
  let done = true;
  await storage.change(manifest.name, (now) => {
    signal.throwIfAborted();
    if (now.id !== manifest.id || now.columns.length !== manifest.columns.length) {
      throw semantic(`table ${manifest.name} was changed meanwhile`);
    }
    done = !isDelta(manifest) || written.every(({ spec }) => isAsBefore(manifest, now, spec));
    const overwrite = statement.overwrite || isDelta(manifest);
    return done ? written.reduce((all, { spec, blocks }) => withBlocks(all, spec, blocks, overwrite), now) : null;
  });
  // Another statement has changed rows of these partitions: what they hold now is what counts.
  if (!done) await insert(here, duck, statement, settings, signal);
}

interface Plan {
  /** Data columns that the query gives, in its order. */
  names: string[];
  fixed: { name: string; value: string }[];
  /** Partition keys that the query gives, behind the data columns. */
  dynamic: ColumnDefinition[];
}

function planOf(manifest: Manifest, { columns, partition }: Insert): Plan {
  const fixed = partition.flatMap(({ name, value }) => (value === null ? [] : [{ name, value }]));
  const open = partition.filter((one) => one.value === null).map((one) => one.name);
  const dynamic = manifest.partitionColumns.filter((column) => open.includes(column.name));
  if (
    dynamic.length !== open.length ||
    fixed.length + open.length !== manifest.partitionColumns.length ||
    open.some((name, at) => dynamic[at].name !== name)
  ) {
    throw semantic(
      `the partition of an INSERT into ${manifest.name} names ${manifest.partitionColumns.map((column) => column.name).join(', ') || 'nothing'}, in that order`,
    );
  }
  if (dynamic.length === 0) specOf(manifest, fixed);
  const all = manifest.columns.map((column) => column.name);
  const names = columns === null ? all : columns.filter((name) => !open.includes(name));
  const unknown = names.find((name, at) => !all.includes(name) || names.indexOf(name) !== at);
  if (unknown !== undefined) throw semantic(`column ${unknown} cannot be resolved, or is named twice`);
  return { names, fixed, dynamic };
}

/** The rows, in the table's types, in a table of their own. */
async function collect(connection: DuckDBConnection, manifest: Manifest, plan: Plan, sql: string): Promise<void> {
  const given = [...plan.names, ...plan.dynamic.map((column) => column.name)];
  const described = await connection.runAndReadAll(`DESCRIBE ${sql}`);
  const count = described.getRows().length;
  if (count !== given.length) throw semantic(`the query has ${count} columns, ${given.length} are needed`);
  const columns = [...manifest.columns, ...plan.dynamic];
  const declared = columns.map(
    (column) =>
      `${quoted(column.name)} ${duckType(parseType(column.type))}${column.nullable && !plan.dynamic.includes(column) ? '' : ' NOT NULL'}`,
  );
  await connection.run(`CREATE OR REPLACE TEMP TABLE inserted (${declared.join(', ')})`);
  const values = columns.map((column) =>
    given.includes(column.name) ? assignedSql(parseType(column.type), quoted(column.name)) : 'NULL',
  );
  await connection.run(
    `INSERT INTO inserted SELECT ${values.join(', ')} FROM (${sql}) AS q(${given.map(quoted).join(', ')})`,
  );
}

async function writeBlocks(
  connection: DuckDBConnection,
  storage: Storage,
  manifest: Manifest,
  plan: Plan,
): Promise<{ spec: string; blocks: Block[] }[]> {
  const keys = plan.dynamic.map((column) => quoted(column.name));
  if (keys.length === 0) {
    const block = await writeBlock(connection, storage, manifest, 'true');
    return [
      {
        spec: manifest.partitionColumns.length === 0 ? '' : specOf(manifest, plan.fixed),
        blocks: block === null ? [] : [block],
      },
    ];
  }
  const texts = keys.map((key) => `CAST(${key} AS VARCHAR)`);
  const found = await connection.runAndReadAll(`SELECT DISTINCT ${texts.join(', ')} FROM inserted ORDER BY ALL`);
  const written: { spec: string; blocks: Block[] }[] = [];
  for (const row of found.getRows()) {
    const values = plan.dynamic.map((column, index) => ({ name: column.name, value: String(row[index]) }));
    const spec = specOf(manifest, [...plan.fixed, ...values]);
    const byName = new Map(pairsOf(spec));
    const block = await writeBlock(
      connection,
      storage,
      manifest,
      plan.dynamic
        .map((column, index) => `${texts[index]} = ${literal(byName.get(column.name) as string)}`)
        .join(' AND '),
    );
    if (block !== null) written.push({ spec, blocks: [block] });
  }
  return written;
}

async function writeBlock(
  connection: DuckDBConnection,
  storage: Storage,
  manifest: Manifest,
  where: string,
): Promise<Block | null> {
  const file = `${randomBytes(12).toString('hex')}.parquet`;
  const path = storage.blockPath(manifest.name, file);
  const columns = manifest.columns.map((column) => quoted(column.name)).join(', ');
  const reader = await connection.runAndReadAll(
    `COPY (SELECT ${columns} FROM inserted WHERE ${where}) TO ${literal(path)} (FORMAT parquet)`,
  );
  const rows = Number(reader.getRows()[0][0]);
  if (rows === 0) {
    await rm(path, { force: true });
    return null;
  }
  await syncPath(path);
  await syncPath(dirname(path));
  return { file, rows, bytes: (await stat(path)).size, width: manifest.columns.length, nanos: [] };
}
