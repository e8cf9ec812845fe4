import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { DuckDBInstance, DuckDBValue } from '@duckdb/node-api';
import { type ColumnData, type OdpsType, parseType, physicalOf, RecordEncoder } from '@sampan/maxcompute';
import { quoted } from './parquet.ts';
import { Refusal } from './refusal.ts';
import type { Request } from './request.ts';
import { tableSql } from './sql/query.ts';
import { type Manifest, partitionOf, partitionSpecOf, type Storage } from './storage.ts';

interface Session {
  id: string;
  /** The table as it was when the session was opened: later commits do not change what it reads. */
  manifest: Manifest;
  rows: number;
}

const MOST_SESSIONS = 1_000;

/** Download sessions over the record stream. */
export interface Downloads {
  create(request: Request, table: string): Promise<object>;
  send(request: Request, response: ServerResponse): Promise<void>;
}

export function openDownloads(storage: Storage, duck: DuckDBInstance): Downloads {
  const sessions = new Map<string, Session>();
  return {
    async create(request, table) {
      const manifest = await storage.require(table);
      const spec = partitionSpecOf(manifest, request.query.get('partition'));
      const partition = partitionOf(manifest, spec);
      if (partition === undefined)
        throw new Refusal(404, 'NoSuchPartition', `The specified partition does not exist: ${spec}`);
      const session = {
        id: randomBytes(16).toString('hex'),
        manifest: { ...manifest, partitions: [partition] },
        rows: partition.blocks.reduce((sum, block) => sum + block.rows, 0),
      };
      sessions.set(session.id, session);
      if (sessions.size > MOST_SESSIONS) sessions.delete(sessions.keys().next().value as string);
      const columns = manifest.columns.map((column) => ({
        name: column.name,
        type: column.type.toLowerCase(),
        comment: column.comment,
        nullable: column.nullable,
      }));
      return {
        DownloadID: session.id,
        Status: 'normal',
        RecordCount: session.rows,
        Owner: 'emulator',
        Schema: { IsVirtualView: false, columns, partitionKeys: [] },
      };
    },
    async send(request, response) {
      const session = sessions.get(request.query.get('downloadid') ?? '');
      if (session === undefined)
        throw new Refusal(404, 'NoSuchDownload', 'There is no such download session, or it has expired.');
      const range = /^\((\d+),(\d+)\)$/.exec(request.query.get('rowrange') ?? '');
      if (range === null) throw new Refusal(400, 'InvalidRowRange', 'rowrange is (start,count).');
      await sendRows(storage, duck, session.manifest, Number(range[1]), Number(range[2]), response);
    },
  };
}

async function sendRows(
  storage: Storage,
  duck: DuckDBInstance,
  manifest: Manifest,
  start: number,
  count: number,
  response: ServerResponse,
): Promise<void> {
  const types = manifest.columns.map((column) => parseType(column.type));
  const names = manifest.columns.map((column) => quoted(column.name)).join(', ');
  const connection = await duck.connect();
  try {
    const result = await connection.stream(
      `SELECT ${names} FROM ${tableSql(storage, manifest)} LIMIT ${count} OFFSET ${start}`,
    );
    const encoder = new RecordEncoder(types);
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    for (
      let chunk = await result.fetchChunk();
      chunk !== null && chunk.rowCount > 0;
      chunk = await result.fetchChunk()
    ) {
      const rows = chunk.rowCount;
      const columns = chunk.getColumns().map((values, index) => columnOf(types[index], values));
      if (!response.write(encoder.encode(columns, rows)))
        await new Promise((resolve) => response.once('drain', resolve));
    }
    response.end(encoder.end());
  } finally {
    connection.closeSync();
  }
}

function columnOf(type: OdpsType, values: DuckDBValue[]): ColumnData {
  const length = values.length;
  const validity = new Uint8Array((length + 7) >> 3);
  values.forEach((value, row) => {
    if (value !== null) validity[row >> 3] |= 1 << (row & 7);
  });
  const physical = physicalOf(type);
  if (physical === 'bytes') {
    const parts = values.map((value) =>
      value === null
        ? Buffer.alloc(0)
        : type.kind === 'binary'
          ? Buffer.from((value as { bytes: Uint8Array }).bytes)
          : Buffer.from(String(value)),
    );
    const offsets = new Int32Array(length + 1);
    parts.forEach((part, row) => {
      offsets[row + 1] = offsets[row] + part.length;
    });
    return { length, validity, offsets, data: Buffer.concat(parts) };
  }
  if (physical === 'int64' || physical === 'millis' || physical === 'stamp') {
    return {
      length,
      validity,
      values: BigInt64Array.from(
        values.map((value) =>
          value === null ? 0n : typeof value === 'bigint' ? value : (value as { micros: bigint }).micros,
        ),
      ),
    };
  }
  const Kind = {
    int8: Int8Array,
    int16: Int16Array,
    int32: Int32Array,
    date: Int32Array,
    float: Float32Array,
    double: Float64Array,
    bool: Uint8Array,
    items: Uint8Array,
  }[physical];
  return {
    length,
    validity,
    values: Kind.from(
      values.map((value) =>
        physical === 'date' && value !== null ? (value as { days: number }).days : Number(value ?? 0),
      ),
    ),
  };
}
