import { randomBytes } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { type OdpsType, parseType, typeText } from '@sampan/maxcompute';
import { duckType, literal, quoted } from '../duck.ts';
import { syncPath } from '../files.ts';
import { Refusal } from '../refusal.ts';
import { type ColumnDefinition, type Manifest, type Storage, tableExists } from '../storage.ts';
import type { Query, Source } from './ast.ts';
import { withConnection } from './connection.ts';
import { checkColumns } from './definitions.ts';
import { placeOf } from './places.ts';
import { resultColumns } from './result-types.ts';
import type { Settings } from './settings.ts';
import type { CreateAs } from './statements.ts';
import { surroundingsOf } from './table-rows.ts';
import { querySql } from './translate.ts';

const semantic = (what: string) =>
  new Refusal(400, 'ODPS-0130071', `ODPS-0130071:Semantic analysis exception - ${what}`);

/** CREATE TABLE … AS SELECT: the table is there with all of its rows, or not. @throws Refusal */
export async function createAs(
  here: Storage,
  duck: DuckDBInstance,
  statement: CreateAs,
  settings: Settings,
  signal: AbortSignal,
): Promise<void> {
  const { storage, table } = placeOf(here, statement.table, settings);
  if ((await storage.get(table)) !== undefined) {
    if (statement.ifNotExists) return;
    throw tableExists(table);
  }
  const sql = querySql(statement.query, await surroundingsOf(here, statement.query, settings));
  const known = await typesKnown(here, statement.query, settings);
  // Where nothing is looked for at the next start but to be removed.
  const path = join(storage.folder, storage.project, 'results', `${randomBytes(12).toString('hex')}.parquet`);
  try {
    const made = await withConnection(duck, settings, signal, async (connection) => {
      const columns = await columnsOf(connection, sql, known);
      checkColumns(columns, []);
      return { columns, rows: await write(connection, sql, columns, path) };
    });
    signal.throwIfAborted();
    await syncPath(path);
    const { comment, lifecycle, properties } = statement;
    const now = new Date().toISOString();
    const file = { path, rows: made.rows, bytes: (await stat(path)).size };
    const shape = {
      name: table,
      columns: made.columns,
      partitionColumns: [],
      primaryKey: [],
      comment,
      lifecycle,
      properties,
    };
    const empty = {
      ...shape,
      createdAt: now,
      changedAt: now,
      partitions: [{ spec: '', createdAt: now, blocks: [] }],
      uploads: [],
    };
    if (!(await storage.create(empty, file)) && !statement.ifNotExists) throw tableExists(table);
  } finally {
    await rm(path, { force: true });
  }
}

async function columnsOf(
  connection: DuckDBConnection,
  sql: string,
  known: (place: number, name: string) => OdpsType | undefined,
): Promise<ColumnDefinition[]> {
  return (await resultColumns(connection, sql)).map(({ name: given, type: found }, place) => {
    const name = given.toLowerCase();
    const type = known(place, name) ?? found;
    // DuckDB has one type for both: what is not known from the statement is not guessed.
    if (known(place, name) === undefined && typeText(type).includes('DATETIME'))
      throw semantic(`column ${name} may be DATETIME or TIMESTAMP: create the table first, then insert into it`);
    if (!/^[a-z_][a-z0-9_]*$/.test(name))
      throw semantic(`"${name}" is not a name for a column: give it another one with AS`);
    return { name, type: typeText(type), comment: '', nullable: true };
  });
}

async function write(connection: DuckDBConnection, sql: string, columns: ColumnDefinition[], path: string) {
  const places = columns.map((_, place) => quoted(`c${place}`));
  const typed = columns.map(
    ({ name, type }, place) => `CAST(${places[place]} AS ${duckType(parseType(type))}) AS ${quoted(name)}`,
  );
  const reader = await connection.runAndReadAll(
    `COPY (SELECT ${typed.join(', ')} FROM (${sql}) AS q(${places.join(', ')})) TO ${literal(path)} (FORMAT parquet)`,
  );
  return Number(reader.getRows()[0][0]);
}

/** Types that the statement itself tells: of columns that are taken as they are, and of casts. */
async function typesKnown(
  here: Storage,
  query: Query,
  settings: Settings,
): Promise<(place: number, name: string) => OdpsType | undefined> {
  const { body } = query;
  if (body.kind !== 'select' || body.from === null) return () => undefined;
  const hidden = new Set(query.tables.map((one) => one.name));
  const manifests: Manifest[] = [];
  for (const source of sourcesOf(body.from)) {
    if (source.kind !== 'table' || hidden.has(source.name.table)) return () => undefined;
    const place = placeOf(here, source.name, settings);
    manifests.push(await place.storage.require(place.table));
  }
  const ofColumn = (name: string) => {
    const found = manifests
      .flatMap((one) => [...one.columns, ...one.partitionColumns])
      .filter((one) => one.name === name);
    return found.length > 0 && found.every((one) => one.type === found[0].type) ? parseType(found[0].type) : undefined;
  };
  const { items } = body;
  if (items.length === 1 && items[0].value.kind === 'star') return (_, name) => ofColumn(name);
  if (items.some(({ value }) => value.kind === 'star')) return () => undefined;
  return (place) => {
    const { value } = items[place];
    if (value.kind === 'column') return ofColumn(value.path[value.path.length - 1]);
    if (value.kind === 'cast') return value.type;
    return value.kind === 'typed' ? { kind: value.type } : undefined;
  };
}

function sourcesOf(source: Source): Source[] {
  return source.kind === 'join' ? [...sourcesOf(source.left), ...sourcesOf(source.right)] : [source];
}
