import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { parseType } from '@sampan/maxcompute';
import { isAsBefore, isDelta, isTransactional, withBlocksOf } from '../delta.ts';
import { duckType, literal, quoted } from '../duck.ts';
import { pairsOf } from '../partition-spec.ts';
import { Refusal } from '../refusal.ts';
import type { Manifest, Storage } from '../storage.ts';
import { withConnection } from './connection.ts';
import { placeOf } from './places.ts';
import type { RowChange } from './row-change-parser.ts';
import { BLOCK, changeSql, TARGET, TOUCHED } from './row-change-sql.ts';
import { addedBlocks, changedBlocks } from './row-change-write.ts';
import type { Settings } from './settings.ts';
import { surroundingsOf } from './table-rows.ts';

const semantic = (what: string) =>
  new Refusal(400, 'ODPS-0130071', `ODPS-0130071:Semantic analysis exception - ${what}`);

/** UPDATE, DELETE, MERGE INTO: all of it visible at once, or nothing. @throws Refusal */
export async function changeRows(
  here: Storage,
  duck: DuckDBInstance,
  statement: RowChange,
  settings: Settings,
  signal: AbortSignal,
): Promise<void> {
  const { storage, table } = placeOf(here, statement.table, settings);
  const manifest = await storage.require(table);
  if (!isTransactional(manifest))
    throw semantic(
      `table ${manifest.name} is not transactional: ${statement.kind.toUpperCase()} needs TBLPROPERTIES ("transactional"="true")`,
    );
  const around = await surroundingsOf(here, statement, settings);
  const sql = changeSql(manifest, statement, around);
  const changed = await withConnection(duck, settings, signal, async (connection) => {
    await load(connection, storage, manifest);
    if (sql.types !== null) await connection.run(sql.types);
    if (sql.twice !== null && (await counts(connection, sql.twice)) > 0)
      throw semantic('a row of the target is matched by several rows of the source');
    await connection.run(sql.change);
    await refuseNulls(connection, manifest);
    if (isDelta(manifest)) await replaceKeys(connection, manifest);
    const kept = await changedBlocks(connection, storage, manifest);
    return addedBlocks(connection, storage, manifest, kept);
  });
  // Where this fails, nothing names the blocks: they are swept.
  let done = true;
  await storage.change(manifest.name, (now) => {
    signal.throwIfAborted();
    const specs = new Set([...manifest.partitions, ...now.partitions].map((one) => one.spec));
    done = [...specs].every((spec) => isAsBefore(manifest, now, spec));
    return done ? [...changed].reduce((all, [spec, blocks]) => withBlocksOf(all, spec, blocks), now) : null;
  });
  // Another statement was quicker: what is there now is what counts.
  if (!done) await changeRows(here, duck, statement, settings, signal);
}

/** The table's rows with their side columns, each with the number of its block. */
async function load(connection: DuckDBConnection, storage: Storage, manifest: Manifest): Promise<void> {
  const columns = [...manifest.columns, ...manifest.partitionColumns];
  const none = columns.map((column) => `CAST(NULL AS ${duckType(parseType(column.type))}) AS ${quoted(column.name)}`);
  const parts = manifest.partitions.flatMap(({ spec, blocks }) => {
    const keys = new Map(pairsOf(spec));
    const values = manifest.partitionColumns.map(
      (column) =>
        `, CAST(${literal(keys.get(column.name) as string)} AS ${duckType(parseType(column.type))}) AS ${quoted(column.name)}`,
    );
    return blocks.map((block) => {
      const file = literal(storage.blockPath(manifest.name, block.file));
      return `SELECT *${values.join('')}, ${literal(block.file)} AS ${BLOCK}, false AS ${TOUCHED} FROM read_parquet(${file}, hive_partitioning = false)`;
    });
  });
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE ${TARGET} AS ${[`SELECT ${none.join(', ')}, '' AS ${BLOCK}, false AS ${TOUCHED} WHERE false`, ...parts].join(' UNION ALL BY NAME ')}`,
  );
}

async function counts(connection: DuckDBConnection, sql: string): Promise<number> {
  return Number((await connection.runAndReadAll(`SELECT count(*) FROM (${sql})`)).getRows()[0][0]);
}

async function refuseNulls(connection: DuckDBConnection, manifest: Manifest): Promise<void> {
  const keys = manifest.partitionColumns.map((column) => column.name);
  const strict = [...manifest.columns.filter((column) => !column.nullable).map((column) => column.name), ...keys];
  for (const name of strict) {
    const missing = `SELECT 1 FROM ${TARGET} WHERE ${quoted(name)} IS NULL AND ${TOUCHED} IS NOT FALSE`;
    if ((await counts(connection, missing)) > 0)
      throw semantic(`column ${name} is NOT NULL, and a row has no value for it`);
  }
}

/** A row that is inserted takes the place of the one that has its key; of several the last one counts. */
async function replaceKeys(connection: DuckDBConnection, manifest: Manifest): Promise<void> {
  const keys = [...manifest.partitionColumns.map((column) => column.name), ...manifest.primaryKey];
  const names = keys.map(quoted).join(', ');
  await connection.run(
    `DELETE FROM ${TARGET} WHERE ${BLOCK} IS NULL AND rowid NOT IN (SELECT max(rowid) FROM ${TARGET} WHERE ${BLOCK} IS NULL GROUP BY ${names})`,
  );
  await connection.run(
    `DELETE FROM ${TARGET} WHERE ${BLOCK} IS NOT NULL AND (${names}) IN (SELECT (${names}) FROM ${TARGET} WHERE ${BLOCK} IS NULL)`,
  );
}
