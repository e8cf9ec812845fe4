import type { ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';
import type { DuckDBInstance } from '@duckdb/node-api';
import {
  COMPRESSIONS,
  type Compression,
  compressionOf,
  encodingOf,
  MaxComputeError,
  openEncoder,
  packer,
  parseType,
} from '@sampan/maxcompute';
import { literal, quoted } from './duck.ts';
import { columnOf } from './duck-columns.ts';
import { Refusal } from './refusal.ts';
import type { Request } from './request.ts';
import { bytesName, nanosName } from './side-columns.ts';
import type { Block, ColumnDefinition, Manifest, Storage } from './storage.ts';

/** Answers with the rows of these statements, packed as the request asks. Each gives three columns for every one (see `columnOf`). */
export async function sendRows(
  duck: DuckDBInstance,
  statements: Iterable<string>,
  columns: readonly ColumnDefinition[],
  request: Request,
  response: ServerResponse,
): Promise<void> {
  const types = columns.map((column) => parseType(column.type));
  const format = request.query.has('arrow') ? 'arrow' : 'records';
  const encoder = refusing(() => openEncoder(format, types));
  const compression = wanted(request);
  const encoding: { [name: string]: string } =
    compression === 'identity' ? {} : { 'content-encoding': encodingOf(compression, format) };
  const packing = packer(compression);
  packing?.pipe(response);
  const sink = packing ?? response;
  const connection = await duck.connect();
  try {
    const head = () => {
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/octet-stream', ...encoding });
    };
    for (const sql of statements) {
      const result = await connection.stream(sql);
      for (
        let chunk = await result.fetchChunk();
        chunk !== null && chunk.rowCount > 0;
        chunk = await result.fetchChunk()
      ) {
        const values = chunk.getColumns();
        const decoded = types.map((type, index) =>
          columnOf(type, values[3 * index], values[3 * index + 1], values[3 * index + 2]),
        );
        const bytes = refusing(() => encoder.encode(decoded, chunk.rowCount));
        head();
        if (!sink.write(bytes)) await drained(sink, response);
        if (response.destroyed) return;
      }
    }
    head();
    sink.end(encoder.end());
  } finally {
    connection.closeSync();
  }
}

/** What cannot be sent in the form that was asked for is told before the first byte, or ends the connection. */
function refusing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof MaxComputeError
      ? new Refusal(400, 'InvalidArgument', `${error.message} ${error.hint}`)
      : error;
  }
}

/** One name alone, of a compression that there is; whatever else is asked for is answered plainly, as it may be. */
function wanted({ headers }: Request): Compression {
  const asked = String(headers['accept-encoding'] ?? 'identity');
  const known = COMPRESSIONS.some((one) => encodingOf(one, 'records') === asked || encodingOf(one, 'arrow') === asked);
  return known ? compressionOf(asked) : 'identity';
}

function drained(sink: Writable, response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      sink.off('drain', done);
      response.off('close', done);
      resolve();
    };
    sink.on('drain', done);
    response.on('close', done);
    if (response.destroyed) done();
  });
}

/** What a download session reads: the table's blocks as they were when it was opened. */
export interface Snapshot {
  manifest: Manifest;
  blocks: readonly Block[];
}

/** The statements that read a range of rows. */
export function* blockRows(
  storage: Storage,
  snapshot: Snapshot,
  columns: readonly ColumnDefinition[],
  start: number,
  count: number,
): Generator<string> {
  for (const { block, from, rows } of cutBlocks(snapshot.blocks, start, count))
    yield `${blockSql(storage, snapshot.manifest, block, columns)} LIMIT ${rows} OFFSET ${from}`;
}

/** The part of each block that lies in a range of rows. */
function* cutBlocks(
  blocks: readonly Block[],
  start: number,
  count: number,
): Generator<{ block: Block; from: number; rows: number }> {
  let before = 0;
  for (const block of blocks) {
    const from = Math.max(0, start - before);
    const rows = Math.min(block.rows, start + count - before) - from;
    before += block.rows;
    if (rows > 0) yield { block, from, rows };
  }
}

const TEXTS = /^(string|varchar|char|json)\b/i;

/** Each column, and beside it its nanoseconds and its bytes that are no text. */
function blockSql(storage: Storage, manifest: Manifest, block: Block, columns: readonly ColumnDefinition[]): string {
  const there = new Set(manifest.columns.slice(0, block.width).map((column) => column.name));
  const parts = columns.flatMap(({ name, type }) => {
    const [column, nanos] = [quoted(name), block.nanos.includes(name) ? quoted(nanosName(name)) : 'NULL'];
    const raw = block.raw?.includes(name) ? quoted(bytesName(name)) : 'NULL';
    if (!there.has(name)) return ['NULL', nanos, raw];
    // As text, a byte order mark in front would be taken off: texts come as their bytes.
    return TEXTS.test(type)
      ? [`CASE WHEN ${column} IS NOT NULL THEN true END`, nanos, `coalesce(${raw}, encode(${column}))`]
      : [column, nanos, raw];
  });
  return `SELECT ${parts.join(', ')} FROM read_parquet(${literal(storage.blockPath(manifest.name, block.file))}, hive_partitioning = false)`;
}

/** The statement that reads a range of rows of a result's file. */
export function resultRows(path: string, places: readonly number[], start: number, count: number): string {
  const parts = places.flatMap((place) => [quoted(`c${place}`), 'NULL', 'NULL']);
  return `SELECT ${parts.join(', ')} FROM read_parquet(${literal(path)}) LIMIT ${count} OFFSET ${start}`;
}
