import type { ServerResponse } from 'node:http';
import type { DuckDBInstance } from '@duckdb/node-api';
import { ArrowStreamEncoder, MaxComputeError, parseType } from '@sampan/maxcompute';
import { blockRows } from './download-body.ts';
import { columnOf } from './duck-columns.ts';
import { noSuchPartition, parseSpec, specOf } from './partition-spec.ts';
import { Refusal } from './refusal.ts';
import type { Request } from './request.ts';
import { type ColumnDefinition, type Manifest, partitionOf, type Storage } from './storage.ts';

const MOST_ROWS = 10_000;

/** The first rows of a table or partition, as Arrow's own stream; TIMESTAMPs are pairs of seconds and nanoseconds, as the service sends them. */
export async function sendPreview(
  storage: Storage,
  duck: DuckDBInstance,
  request: Request,
  table: string,
  response: ServerResponse,
): Promise<void> {
  const manifest = await storage.require(table);
  const columns = chosen(manifest, request.query.get('columns') ?? '');
  const types = columns.map(({ type }) => parseType(type));
  const encoder = refusing(
    () =>
      new ArrowStreamEncoder(
        columns.map(({ name }, at) => ({ name, type: types[at] })),
        { stampsAsStructs: true },
      ),
  );
  const blocks = blocksOf(manifest, request.query.get('partition') ?? '');
  const connection = await duck.connect();
  const body = [encoder.start()];
  try {
    for (const sql of blockRows(storage, { manifest, blocks }, columns, 0, limitOf(request))) {
      const result = await connection.stream(sql);
      for (
        let chunk = await result.fetchChunk();
        chunk !== null && chunk.rowCount > 0;
        chunk = await result.fetchChunk()
      ) {
        const values = chunk.getColumns();
        const decoded = types.map((type, at) => columnOf(type, values[3 * at], values[3 * at + 1], values[3 * at + 2]));
        const { rowCount } = chunk;
        body.push(refusing(() => encoder.encode(decoded, rowCount)));
      }
    }
  } finally {
    connection.closeSync();
  }
  response.writeHead(200, { 'content-type': 'application/octet-stream' });
  response.end(Buffer.concat([...body, encoder.end()]));
}

function limitOf({ query }: Request): number {
  const text = query.get('limit') ?? '-1';
  if (!/^-?\d{1,9}$/.test(text)) throw new Refusal(400, 'InvalidArgument', `limit=${text} is no number of rows.`);
  return Number(text) < 0 ? MOST_ROWS : Math.min(Number(text), MOST_ROWS);
}

function chosen(manifest: Manifest, wanted: string): ColumnDefinition[] {
  if (wanted === '') return manifest.columns;
  const names = wanted.split(',').map((name) => name.trim().toLowerCase());
  const unknown = names.find((name) => !manifest.columns.some((column) => column.name === name));
  if (unknown !== undefined) throw new Refusal(400, 'InvalidColumnSpec', `"${unknown}" is not a column of it.`);
  return manifest.columns.filter(({ name }) => names.includes(name));
}

/** Of the partition that is named, or of all. @throws Refusal */
function blocksOf(manifest: Manifest, partition: string) {
  if (partition === '') return manifest.partitions.flatMap(({ blocks }) => blocks);
  const spec = specOf(manifest, parseSpec(partition));
  const found = partitionOf(manifest, spec);
  if (found === undefined) throw noSuchPartition(spec);
  return found.blocks;
}

/** What does not travel as Arrow is refused before the first byte. */
function refusing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof MaxComputeError ? new Refusal(400, 'InvalidArgument', error.message) : error;
  }
}
