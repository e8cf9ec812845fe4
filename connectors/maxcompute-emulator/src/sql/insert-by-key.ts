import type { DuckDBConnection } from '@duckdb/node-api';
import { withoutKeys } from '../delta-merge.ts';
import { literal, quoted } from '../duck.ts';
import { pairsOf } from '../partition-spec.ts';
import { type Block, type ColumnDefinition, type Manifest, partitionOf, type Storage } from '../storage.ts';

/** Of the rows that are to be inserted, one for each key: the last. */
export async function keepLast(
  connection: DuckDBConnection,
  { primaryKey }: Manifest,
  dynamic: readonly ColumnDefinition[],
): Promise<void> {
  const keys = [...dynamic.map((column) => column.name), ...primaryKey].map(quoted).join(', ');
  await connection.run(`DELETE FROM inserted WHERE rowid NOT IN (SELECT max(rowid) FROM inserted GROUP BY ${keys})`);
}

/** For each partition what it is to hold: what it holds without the keys that were inserted, and the new rows. */
export async function withRest(
  connection: DuckDBConnection,
  storage: Storage,
  manifest: Manifest,
  added: readonly { spec: string; blocks: Block[] }[],
): Promise<{ spec: string; blocks: Block[] }[]> {
  const all: { spec: string; blocks: Block[] }[] = [];
  for (const { spec, blocks } of added) {
    const before = partitionOf(manifest, spec)?.blocks ?? [];
    const from = await partOf(connection, spec);
    all.push({
      spec,
      blocks: [
        ...(await withoutKeys(connection, storage, manifest, before, { from, sides: { nanos: [] } })),
        ...blocks,
      ],
    });
  }
  return all;
}

/** The inserted rows of a partition: its keys are columns only where their values came with the rows. */
async function partOf(connection: DuckDBConnection, spec: string): Promise<string> {
  const described = await connection.runAndReadAll('DESCRIBE inserted');
  const columns = described.getRows().map((row) => String(row[0]));
  const conditions = pairsOf(spec)
    .filter(([name]) => columns.includes(name))
    .map(([name, value]) => `CAST(${quoted(name)} AS VARCHAR) = ${literal(value)}`);
  return conditions.length === 0 ? 'inserted' : `(SELECT * FROM inserted WHERE ${conditions.join(' AND ')})`;
}
