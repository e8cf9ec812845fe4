import { parseType } from '@sampan/maxcompute';
import { bucketCount } from '../delta.ts';
import { duckType } from '../duck.ts';
import { problemOf } from '../nested-types.ts';
import { specOf } from '../partition-spec.ts';
import { Refusal } from '../refusal.ts';
import { noSuchSchema } from '../schemas.ts';
import { bytesName, nanosName } from '../side-columns.ts';
import {
  type ColumnDefinition,
  type Manifest,
  partitionOf,
  type Storage,
  tableExists,
  withPartition,
} from '../storage.ts';
import { placeOf, projectOf } from './places.ts';
import type { Settings } from './settings.ts';
import type { CreateTable, Statement } from './statements.ts';
import { ParseFailure } from './tokens.ts';

const failed = (what: string) => new Refusal(400, 'ODPS-0110061', `ODPS-0110061:Failed to run ddltask - ${what}`);
const semantic = (what: string) =>
  new Refusal(400, 'ODPS-0130071', `ODPS-0130071:Semantic analysis exception - ${what}`);

const MOST_COLUMNS = 1_200;
const NO_KEYS = new Set(['array', 'map', 'struct', 'json', 'interval_day_time', 'interval_year_month']);
const KEY_TYPES = new Set(['string', 'varchar', 'char', 'tinyint', 'smallint', 'int', 'bigint']);

export type Definition = Exclude<
  Statement,
  { kind: 'query' | 'insert' | 'update' | 'delete' | 'merge' | 'show' | 'describe' | 'createAs' }
>;

/** CREATE, DROP, ALTER, TRUNCATE. Each is one change of a manifest, so that it is there or not. @throws Refusal */
export async function define(here: Storage, statement: Definition, settings: Settings): Promise<void> {
  if (statement.kind === 'createSchema' || statement.kind === 'dropSchema')
    return defineSchema(projectOf(here, statement.project), statement);
  const { storage, table } = placeOf(here, statement.table, settings);
  switch (statement.kind) {
    case 'create':
      return create(storage, table, statement);
    case 'createLike': {
      const like = placeOf(here, statement.like, settings);
      const { columns, partitionColumns, primaryKey, comment, properties } = await like.storage.require(like.table);
      const shape = { columns, partitionColumns, primaryKey, comment, properties };
      return create(storage, table, { ...statement, ...shape, kind: 'create' });
    }
    case 'drop':
      if (!(await storage.drop(table)) && !statement.ifExists) await storage.require(table);
      return;
    case 'rename':
      return rename(here, statement, settings);
    default:
      await storage.change(table, (manifest) => changed(manifest, statement));
  }
}

async function rename(
  here: Storage,
  statement: Extract<Definition, { kind: 'rename' }>,
  settings: Settings,
): Promise<void> {
  const { storage, table } = placeOf(here, statement.table, settings);
  const { project, schema } = statement.to;
  // A new name alone stays where the old one is.
  const to = project === null && schema === null ? { ...statement.table, table: statement.to.table } : statement.to;
  const goal = placeOf(here, to, settings);
  if (goal.storage !== storage) throw semantic('a table stays in its project');
  return storage.rename(table, goal.table);
}

async function defineSchema(
  { schemas }: Storage,
  statement: Extract<Definition, { kind: 'createSchema' | 'dropSchema' }>,
): Promise<void> {
  if (statement.kind === 'createSchema') {
    if (!(await schemas.create(statement.name, statement.comment)) && !statement.ifNotExists)
      throw failed(`schema ${statement.name} exists already`);
  } else if (!(await schemas.drop(statement.name)) && !statement.ifExists) throw noSuchSchema(statement.name);
}

async function create(storage: Storage, table: string, statement: CreateTable): Promise<void> {
  const { columns, partitionColumns, primaryKey, comment, lifecycle, properties } = statement;
  checkColumns(columns, partitionColumns);
  checkKey(statement);
  const now = new Date().toISOString();
  // A table without partitions has one part that is always there.
  const partitions = partitionColumns.length === 0 ? [{ spec: '', createdAt: now, blocks: [] }] : [];
  const made = await storage.create({
    name: table,
    columns,
    partitionColumns,
    primaryKey,
    comment,
    lifecycle,
    properties,
    createdAt: now,
    changedAt: now,
    partitions,
    uploads: [],
  });
  if (!made && !statement.ifNotExists) throw tableExists(table);
}

export function checkColumns(columns: ColumnDefinition[], keys: ColumnDefinition[]): void {
  const all = [...columns, ...keys];
  if (all.length > MOST_COLUMNS) throw semantic(`${all.length} columns, at most ${MOST_COLUMNS} are allowed`);
  const names = all.map((column) => column.name);
  const twice = names.find(
    (name, at) => names.indexOf(name) !== at || [nanosName, bytesName].some((beside) => names.includes(beside(name))),
  );
  if (twice !== undefined) throw semantic(`column ${twice} is defined twice, or its name is taken`);
  for (const column of all) {
    duckType(parseType(column.type));
    const problem = problemOf(parseType(column.type));
    if (problem !== null) throw semantic(`column ${column.name}: ${problem}`);
  }
  const bad = keys.find((key) => !KEY_TYPES.has(parseType(key.type).kind));
  if (bad !== undefined) throw semantic(`partition column ${bad.name} cannot be of type ${bad.type}`);
}

/** @throws Refusal where a primary key is none, or the table is none that has one */
function checkKey({ columns, primaryKey, properties }: CreateTable): void {
  if (bucketCount(properties) === null)
    throw semantic(`write.bucket.num is ${properties['write.bucket.num']}: a whole number from 1 to 4096 is needed`);
  if (primaryKey.length === 0) return;
  if (properties.transactional?.toLowerCase() !== 'true')
    throw semantic('a table with a primary key needs TBLPROPERTIES ("transactional"="true")');
  primaryKey.forEach((name, at) => {
    const column = columns.find((one) => one.name === name);
    if (column === undefined || primaryKey.indexOf(name) !== at)
      throw semantic(`column ${name} of the primary key cannot be resolved, or is named twice`);
    if (column.nullable) throw semantic(`column ${name} of the primary key must be NOT NULL`);
    const { kind } = parseType(column.type);
    if (NO_KEYS.has(kind)) throw semantic(`column ${name} of type ${column.type} cannot be in a primary key`);
  });
}

type Change = Exclude<
  Definition,
  { kind: 'create' | 'createLike' | 'drop' | 'rename' | 'createSchema' | 'dropSchema' }
>;

function withColumn(manifest: Manifest, change: Extract<Change, { kind: 'changeColumn' }>): Manifest {
  const { column, at, comment, nullable } = change;
  if (nullable && manifest.primaryKey.includes(column))
    throw new ParseFailure(at, `column ${column} is part of the key: it stays NOT NULL`);
  const all = [...manifest.columns, ...manifest.partitionColumns];
  if (!all.some((one) => one.name === column)) throw new ParseFailure(at, `column ${column} cannot be resolved`);
  const update = (one: ColumnDefinition) =>
    one.name === column ? { ...one, comment: comment ?? one.comment, nullable: nullable || one.nullable } : one;
  return {
    ...manifest,
    columns: manifest.columns.map(update),
    partitionColumns: manifest.partitionColumns.map(update),
  };
}

function changed(manifest: Manifest, statement: Change): Manifest {
  switch (statement.kind) {
    case 'setLifecycle':
      return { ...manifest, lifecycle: statement.days };
    case 'touch':
      return manifest;
    case 'changeColumn':
      return withColumn(manifest, statement);
    case 'setComment':
      return { ...manifest, comment: statement.comment };
    case 'setProperties':
      if (Object.keys(statement.properties).some((name) => name === 'transactional' || name === 'write.bucket.num'))
        throw semantic('transactional and write.bucket.num are set when a table is created');
      return { ...manifest, properties: { ...manifest.properties, ...statement.properties } };
    case 'addColumns': {
      const wanted = statement.ifNotExists
        ? statement.columns.filter((one) => !manifest.columns.some((column) => column.name === one.name))
        : statement.columns;
      if (wanted.some((column) => !column.nullable))
        throw semantic('an added column is NULL in the rows that are there: it cannot be NOT NULL');
      const columns = [...manifest.columns, ...wanted];
      checkColumns(columns, manifest.partitionColumns);
      return { ...manifest, columns };
    }
    case 'addPartitions':
      return statement.partitions.reduce((now, values) => {
        const spec = specOf(now, values);
        if (!statement.ifNotExists && partitionOf(now, spec) !== undefined)
          throw failed(`the partition ${spec} exists already`);
        return withPartition(now, spec);
      }, manifest);
    case 'dropPartitions': {
      const specs = statement.partitions.map((values) => specOf(manifest, values));
      const missing = specs.find((spec) => partitionOf(manifest, spec) === undefined);
      if (missing !== undefined && !statement.ifExists) throw failed(`the partition ${missing} does not exist`);
      return { ...manifest, partitions: manifest.partitions.filter((one) => !specs.includes(one.spec)) };
    }
    default: {
      if (manifest.partitionColumns.length > 0 && statement.partitions.length === 0)
        throw semantic(`${manifest.name} is partitioned: name the partitions to truncate`);
      const specs =
        statement.partitions.length === 0 ? [''] : statement.partitions.map((values) => specOf(manifest, values));
      const missing = specs.find((spec) => partitionOf(manifest, spec) === undefined);
      if (missing !== undefined) throw failed(`the partition ${missing} does not exist`);
      return {
        ...manifest,
        partitions: manifest.partitions.map((one) => (specs.includes(one.spec) ? { ...one, blocks: [] } : one)),
      };
    }
  }
}
