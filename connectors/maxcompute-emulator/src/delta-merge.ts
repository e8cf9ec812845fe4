import { randomBytes } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { literal, quoted } from './duck.ts';
import { syncPath } from './files.ts';
import { nanosName } from './side-columns.ts';
import type { Block, Manifest, Storage } from './storage.ts';

/** Rows by SQL, one for each key, that take the place of those with their keys. */
export interface Incoming {
  /** A table or a sub-query in brackets. */
  from: string;
  sides: Sides;
}

/** What lies beside columns. */
export type Sides = Pick<Block, 'nanos' | 'raw'>;

/** Beside which columns of any of these there is something. */
export const sidesOfAll = (blocks: readonly Sides[]): Sides => ({
  nanos: [...new Set(blocks.flatMap((block) => block.nanos))],
  raw: [...new Set(blocks.flatMap((block) => block.raw ?? []))],
});

export const blockFrom = (storage: Storage, manifest: Manifest, file: string) =>
  `read_parquet(${literal(storage.blockPath(manifest.name, file))}, hive_partitioning = false)`;

/**
 * The blocks without the rows whose keys come in anew. A block that holds none of them stays the file that it is; of the
 * others a new file is written, so that those who read the old one are not disturbed.
 */
export async function withoutKeys(
  connection: DuckDBConnection,
  storage: Storage,
  manifest: Manifest,
  blocks: readonly Block[],
  incoming: Incoming,
): Promise<Block[]> {
  const kept: Block[] = [];
  for (const block of blocks) {
    const file = blockFrom(storage, manifest, block.file);
    const same = manifest.primaryKey.map((key) => sameKey(key, block, incoming.sides)).join(' AND ');
    const counted = await connection.runAndReadAll(
      `SELECT count(*) FROM ${file} AS b SEMI JOIN ${incoming.from} AS i ON ${same}`,
    );
    if (counted.getRows()[0][0] === 0n) kept.push(block);
    else {
      const rest = `SELECT b.* FROM ${file} AS b ANTI JOIN ${incoming.from} AS i ON ${same}`;
      const written = await writeBlock(connection, storage, manifest, rest, block);
      if (written !== null) kept.push(written);
    }
  }
  return kept;
}

/** Nanoseconds lie beside a time and count. (Texts that are not UTF-8 have bytes beside them, and are in no key.) */
function sameKey(key: string, ours: Sides, theirs: Sides): string {
  const below = (side: string, { nanos }: Sides) =>
    nanos.includes(key) ? `coalesce(${side}.${quoted(nanosName(key))}, 0)` : '0';
  const same = `b.${quoted(key)} = i.${quoted(key)}`;
  const precise = [ours, theirs].some(({ nanos }) => nanos.includes(key));
  return precise ? `${same} AND ${below('b', ours)} = ${below('i', theirs)}` : same;
}

/** A block of the rows of a statement, on the disk; null where there are none. */
export async function writeBlock(
  connection: DuckDBConnection,
  storage: Storage,
  manifest: Manifest,
  sql: string,
  like: Omit<Block, 'file' | 'rows' | 'bytes'>,
): Promise<Block | null> {
  const file = `${randomBytes(12).toString('hex')}.parquet`;
  const path = storage.blockPath(manifest.name, file);
  const reader = await connection.runAndReadAll(`COPY (${sql}) TO ${literal(path)} (FORMAT parquet)`);
  const rows = Number(reader.getRows()[0][0]);
  if (rows === 0) {
    await rm(path, { force: true });
    return null;
  }
  await syncPath(path);
  await syncPath(dirname(path));
  return { ...like, file, rows, bytes: (await stat(path)).size };
}
