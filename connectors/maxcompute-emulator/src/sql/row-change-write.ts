import type { DuckDBConnection } from '@duckdb/node-api';
import { writeBlock } from '../delta-merge.ts';
import { literal, quoted } from '../duck.ts';
import { noSuchPartition, pairsOf, specOf } from '../partition-spec.ts';
import { sidesOf } from '../side-columns.ts';
import { type Block, type Manifest, partitionOf, type Storage } from '../storage.ts';
import { BLOCK, TARGET, TOUCHED } from './row-change-sql.ts';

/** What each partition is to hold. */
export type Blocks = Map<string, Block[]>;

/** Of blocks whose rows were changed new ones are written; the others stay the files that they are. */
export async function changedBlocks(
  connection: DuckDBConnection,
  storage: Storage,
  manifest: Manifest,
): Promise<Blocks> {
  const found = await connection.runAndReadAll(
    `SELECT ${BLOCK}, count(*), bool_or(${TOUCHED}) FROM ${TARGET} WHERE ${BLOCK} IS NOT NULL GROUP BY ${BLOCK}`,
  );
  const now = new Map(found.getRows().map(([file, rows, touched]) => [String(file), { rows: Number(rows), touched }]));
  const all: Blocks = new Map();
  for (const { spec, blocks } of manifest.partitions) {
    const kept: Block[] = [];
    for (const block of blocks) {
      const state = now.get(block.file);
      if (state?.rows === block.rows && state.touched === false) kept.push(block);
      else {
        const columns = [...manifest.columns.map((column) => column.name), ...sidesOf(block)];
        const sql = `SELECT ${columns.map(quoted).join(', ')} FROM ${TARGET} WHERE ${BLOCK} = ${literal(block.file)}`;
        const like = { ...block, width: manifest.columns.length };
        const written = await writeBlock(connection, storage, manifest, sql, like);
        if (written !== null) kept.push(written);
      }
    }
    all.set(spec, kept);
  }
  return all;
}

/** Adds the new rows, a block for each partition. @throws Refusal where a partition is not there */
export async function addedBlocks(
  connection: DuckDBConnection,
  storage: Storage,
  manifest: Manifest,
  blocks: Blocks,
): Promise<Blocks> {
  const columns = manifest.columns.map((column) => quoted(column.name)).join(', ');
  const keys = manifest.partitionColumns.map((column) => `CAST(${quoted(column.name)} AS VARCHAR)`);
  const found = await connection.runAndReadAll(
    `SELECT DISTINCT ${[...keys, '1'].join(', ')} FROM ${TARGET} WHERE ${BLOCK} IS NULL ORDER BY ALL`,
  );
  for (const row of found.getRows()) {
    const values = manifest.partitionColumns.map((column, at) => ({ name: column.name, value: String(row[at]) }));
    const spec = specOf(manifest, values);
    if (partitionOf(manifest, spec) === undefined) throw noSuchPartition(spec);
    const where = pairsOf(spec).map(([, value], at) => ` AND ${keys[at]} = ${literal(value)}`);
    const sql = `SELECT ${columns} FROM ${TARGET} WHERE ${BLOCK} IS NULL${where.join('')}`;
    const added = await writeBlock(connection, storage, manifest, sql, { width: manifest.columns.length, nanos: [] });
    if (added !== null) blocks.set(spec, [...(blocks.get(spec) ?? []), added]);
  }
  return blocks;
}
