import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { DuckDBInstance } from '@duckdb/node-api';
import { type ClientOptions, type ColumnData, Http, reloadUpload, runSql, writeBlock } from '@sampan/maxcompute';
import { afterAll, beforeAll } from 'vitest';
import { type Emulator, type EmulatorOptions, startEmulator, tableFiles } from '../src/index.ts';

export const client = (endpoint: string, changes: Partial<ClientOptions> = {}) =>
  new Http({ endpoint, project: 'demo', accessId: 'demo', accessKey: 'demo', ...changes });

export interface Bench {
  folder: string;
  emulator: Emulator;
  http: Http;
}

/** An emulator with a folder of its own, for the tests of one file. */
export function useEmulator(options: Partial<EmulatorOptions> = {}): Bench {
  const bench = {} as Bench;
  beforeAll(async () => {
    bench.folder = await mkdtemp(join(tmpdir(), 'emulator-'));
    bench.emulator = await startEmulator({ data: bench.folder, ...options });
    bench.http = client(bench.emulator.endpoint);
  });
  afterAll(async () => {
    bench.http.close();
    await bench.emulator.close();
    await rm(bench.folder, { recursive: true, force: true });
  });
  return bench;
}

export function bits(values: readonly unknown[]): Uint8Array {
  const validity = new Uint8Array((values.length + 7) >> 3);
  values.forEach((value, row) => {
    if (value !== null) validity[row >> 3] |= 1 << (row & 7);
  });
  return validity;
}

export function texts(values: (string | Buffer | null)[]): ColumnData {
  const parts = values.map((value) => Buffer.from(value ?? ''));
  const offsets = new Int32Array(values.length + 1);
  parts.forEach((part, row) => {
    offsets[row + 1] = offsets[row] + part.length;
  });
  return { length: values.length, validity: bits(values), offsets, data: Buffer.concat(parts) };
}

export const ids = (...values: bigint[]): ColumnData => ({ length: values.length, values: BigInt64Array.from(values) });

type Partition = { name: string; value: string }[];

/** Writes one block of a table `(id BIGINT, name STRING)`. */
export async function put(
  http: Http,
  table: string,
  sessionId: string,
  block: number,
  values: bigint[],
  partition: Partition = [],
): Promise<void> {
  const target = { table, partition };
  const writer = await writeBlock(http, target, await reloadUpload(http, target, sessionId), block);
  await writer.write([ids(...values), texts(values.map((value) => `row ${value}`))], values.length);
  await writer.finish();
}

export const rowsOf = async (http: Http, sql: string) => (await runSql(http, sql)).rows;
export const count = async (http: Http, table: string) =>
  Number((await rowsOf(http, `SELECT COUNT(1) AS n FROM ${table}`))[0][0]);

/** A signed request with any body, and its answer as it is. */
export async function raw(
  http: Http,
  endpoint: string,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  resource: string,
  query: { [name: string]: string },
  body: Buffer | string = '',
  headers: { [name: string]: string } = {},
) {
  const request = await http.open({ method, base: endpoint, resource, query, headers: {} }, headers);
  const answer = http.answer(request);
  request.end(body);
  const response = await answer;
  return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) };
}

/** A table's rows as DuckDB alone reads them. */
export async function independent(folder: string, table: string, select = '*'): Promise<unknown[][]> {
  const files = tableFiles(folder, 'demo', table).flatMap((one) => one.files);
  if (files.length === 0) return [];
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  await connection.run("SET TimeZone = 'UTC'");
  const reader = await connection.runAndReadAll(
    `SELECT ${select} FROM read_parquet(['${files.join("','")}'], union_by_name = true)`,
  );
  connection.closeSync();
  return reader.getRowsJson() as unknown[][];
}
