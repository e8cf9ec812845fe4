import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBInstance } from '@duckdb/node-api';
import { parseType } from '@sampan/maxcompute';
import { syncPath } from '../files.ts';
import { duckType, literal, quoted } from '../parquet.ts';
import { Refusal } from '../refusal.ts';
import { type Block, type Manifest, partitionOf, partitionSpecOf, type Storage } from '../storage.ts';
import { withPartition } from '../uploads.ts';
import { type PartitionValues, parse, type Statement } from './parser.ts';
import { type QueryResult, runQuery, translate } from './query.ts';

const specText = (values: PartitionValues) => values.map((one) => `${one.name}=${one.value}`).join(',');

/** Runs one statement. Null: it has no rows to show. @throws Refusal */
export async function execute(storage: Storage, duck: DuckDBInstance, sql: string): Promise<QueryResult | null> {
  const statement = parse(sql);
  if (statement.kind === 'select') return runQuery(storage, duck, statement.tokens);
  await change(storage, duck, statement);
  return null;
}

async function change(
  storage: Storage,
  duck: DuckDBInstance,
  statement: Exclude<Statement, { kind: 'select' }>,
): Promise<void> {
  switch (statement.kind) {
    case 'create':
      return create(storage, statement);
    case 'drop':
      if (!(await storage.drop(statement.table)) && !statement.ifExists) await storage.require(statement.table);
      return;
    case 'rename':
      return storage.rename(statement.table, statement.to);
    case 'setLifecycle':
      await storage.change(statement.table, (manifest) => ({ ...manifest, lifecycle: statement.days }));
      return;
    case 'truncate':
      return truncate(storage, statement.table, statement.partition);
    case 'addPartition':
      await storage.change(statement.table, (manifest) =>
        statement.partitions.reduce((one, values) => added(one, values, statement.ifNotExists), manifest),
      );
      return;
    case 'dropPartition':
      await storage.change(statement.table, (manifest) => {
        const spec = partitionSpecOf(manifest, specText(statement.partition));
        if (partitionOf(manifest, spec) === undefined && !statement.ifExists) throw noPartition(spec);
        return { ...manifest, partitions: manifest.partitions.filter((one) => one.spec !== spec) };
      });
      return;
    default:
      return insert(storage, duck, statement);
  }
}

const noPartition = (spec: string) =>
  new Refusal(400, 'ODPS-0110061', `ODPS-0110061:Failed to run ddltask - the partition ${spec} does not exist`);

async function create(storage: Storage, statement: Extract<Statement, { kind: 'create' }>): Promise<void> {
  const { kind, table, ifNotExists, ...rest } = statement;
  for (const column of [...rest.columns, ...rest.partitionColumns]) duckType(parseType(column.type));
  const now = new Date().toISOString();
  // A table without partitions has one part that is always there.
  const partitions = rest.partitionColumns.length === 0 ? [{ spec: '', createdAt: now, blocks: [] }] : [];
  const made = await storage.create({ name: table, ...rest, createdAt: now, changedAt: now, partitions, uploads: [] });
  if (!made && !ifNotExists)
    throw new Refusal(400, 'ODPS-0110061', `ODPS-0110061:Failed to run ddltask - Table already exists - ${table}`);
}

function added(manifest: Manifest, values: PartitionValues, ifNotExists: boolean): Manifest {
  const spec = partitionSpecOf(manifest, specText(values));
  if (!ifNotExists && partitionOf(manifest, spec) !== undefined)
    throw new Refusal(400, 'ODPS-0110061', `ODPS-0110061:Failed to run ddltask - the partition ${spec} exists already`);
  return withPartition(manifest, spec);
}

async function truncate(storage: Storage, table: string, partition: PartitionValues | null): Promise<void> {
  await storage.change(table, (manifest) => {
    if (manifest.partitionColumns.length > 0 && partition === null)
      throw new Refusal(
        400,
        'ODPS-0130161',
        `ODPS-0130161:[1,1] Parse exception - ${table} is partitioned: name the partition`,
      );
    const spec = partition === null ? '' : partitionSpecOf(manifest, specText(partition));
    if (partitionOf(manifest, spec) === undefined) throw noPartition(spec);
    return {
      ...manifest,
      partitions: manifest.partitions.map((one) => (one.spec === spec ? { ...one, blocks: [] } : one)),
    };
  });
}

/** INSERT INTO / OVERWRITE … SELECT or VALUES: one new block, converted to the table's types. */
async function insert(
  storage: Storage,
  duck: DuckDBInstance,
  statement: Extract<Statement, { kind: 'insert' }>,
): Promise<void> {
  const manifest = await storage.require(statement.table);
  const spec = partitionSpecOf(manifest, specText(statement.partition));
  const names = statement.columns ?? manifest.columns.map((column) => column.name);
  const unknown = names.find((name) => !manifest.columns.some((column) => column.name === name));
  if (unknown !== undefined)
    throw new Refusal(
      400,
      'ODPS-0130071',
      `ODPS-0130071:Semantic analysis exception - column ${unknown} cannot be resolved`,
    );
  const select = manifest.columns.map(
    (column) =>
      `CAST(${names.includes(column.name) ? quoted(column.name) : 'NULL'} AS ${duckType(parseType(column.type))}) AS ${quoted(column.name)}`,
  );
  const query = `SELECT ${select.join(', ')} FROM (${await translate(storage, statement.tokens)}) AS q(${names.map(quoted).join(', ')})`;
  const block = await writeQuery(storage, duck, manifest.name, query);
  await storage.change(manifest.name, (now) => {
    const partitions = withPartition(now, spec).partitions;
    return {
      ...now,
      partitions: partitions.map((one) =>
        one.spec === spec ? { ...one, blocks: statement.overwrite ? [block] : [...one.blocks, block] } : one,
      ),
    };
  });
}

async function writeQuery(storage: Storage, duck: DuckDBInstance, table: string, query: string): Promise<Block> {
  const file = `${randomBytes(12).toString('hex')}.parquet`;
  const path = join(storage.tablePath(table), 'blocks', file);
  const connection = await duck.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    const reader = await connection.runAndReadAll(
      `COPY (${query}) TO ${literal(path)} (FORMAT parquet, COMPRESSION snappy)`,
    );
    await syncPath(path);
    return { file, rows: Number(reader.getRows()[0][0]), bytes: (await stat(path)).size };
  } catch (error) {
    throw new Refusal(
      400,
      'ODPS-0130071',
      `ODPS-0130071:Semantic analysis exception - ${(error as Error).message.split('\n')[0]}`,
    );
  } finally {
    connection.closeSync();
  }
}
