import { rm } from 'node:fs/promises';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { isAsBefore, withBlocksOf } from './delta.ts';
import { type Sides, sidesOfAll, withoutKeys, writeBlock } from './delta-merge.ts';
import { literal, quoted } from './duck.ts';
import { noSuchPartition } from './partition-spec.ts';
import { nanosName } from './side-columns.ts';
import { type Manifest, partitionOf, type Storage } from './storage.ts';
import { OPERATION, UPSERT } from './upsert-pack.ts';
import type { UpsertSession } from './upsert-sessions.ts';

/**
 * Merges a session's rows into its partition, in one change of the manifest, whoever else changes it meanwhile. Once:
 * the manifest remembers the session. @throws Refusal
 */
export async function mergeSession(storage: Storage, duck: DuckDBInstance, session: UpsertSession): Promise<void> {
  const connection = await duck.connect();
  try {
    const sides = sidesOfAll(session.packs);
    if (session.packs.length > 0) await collect(connection, storage, session, sides);
    while (!(await merged(connection, storage, session, sides)));
  } finally {
    connection.closeSync();
  }
}

/** What each key has last been told, in a table of its own. */
async function collect(
  connection: DuckDBConnection,
  storage: Storage,
  session: UpsertSession,
  { nanos }: Sides,
): Promise<void> {
  const { primaryKey } = await storage.require(session.table);
  const files = `[${session.packs.map((pack) => literal(storage.blockPath(session.table, pack.file))).join(', ')}]`;
  const keys = primaryKey.flatMap((key) =>
    nanos.includes(key) ? [quoted(key), `coalesce(${quoted(nanosName(key))}, 0)`] : [quoted(key)],
  );
  await connection.run(`CREATE OR REPLACE TEMP TABLE incoming AS
    SELECT * EXCLUDE (filename, file_row_number)
    FROM read_parquet(${files}, union_by_name = true, hive_partitioning = false, filename = true, file_row_number = true)
    QUALIFY row_number() OVER (PARTITION BY ${keys.join(', ')}
      ORDER BY list_position(${files}, filename) DESC, file_row_number DESC) = 1`);
}

/** False where the partition has changed meanwhile: to be done again. */
async function merged(
  connection: DuckDBConnection,
  storage: Storage,
  session: UpsertSession,
  sides: Sides,
): Promise<boolean> {
  const manifest = await storage.require(session.table);
  const before = partitionOf(manifest, session.partition);
  if (manifest.id !== session.tableId || before === undefined) throw noSuchPartition(session.partition);
  const blocks =
    session.packs.length === 0
      ? before.blocks
      : await merge(connection, storage, manifest, session, sides, before.blocks);
  let done = true;
  await storage.change(manifest.name, (now) => {
    if (now.uploads.includes(session.id)) return null;
    if (now.id !== session.tableId || partitionOf(now, session.partition) === undefined)
      throw noSuchPartition(session.partition);
    done = isAsBefore(manifest, now, session.partition);
    return done ? { ...withBlocksOf(now, session.partition, blocks), uploads: [...now.uploads, session.id] } : null;
  });
  if (!done) {
    const ours = blocks.filter((block) => !before.blocks.includes(block));
    for (const { file } of ours) await rm(storage.blockPath(manifest.name, file), { force: true });
  }
  return done;
}

async function merge(
  connection: DuckDBConnection,
  storage: Storage,
  manifest: Manifest,
  session: UpsertSession,
  sides: Sides,
  before: Manifest['partitions'][number]['blocks'],
) {
  const kept = await withoutKeys(connection, storage, manifest, before, { from: 'incoming', sides });
  const operation = quoted(OPERATION);
  const rows = `SELECT * EXCLUDE (${operation}) FROM incoming WHERE ${operation} = ${UPSERT}`;
  const added = await writeBlock(connection, storage, manifest, rows, { width: session.width, ...sides });
  return added === null ? kept : [...kept, added];
}
