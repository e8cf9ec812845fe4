import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { DuckDBInstance } from '@duckdb/node-api';
import mysql from 'mysql2/promise';

/** Where the source is, for the plain clients that verify it. */
export interface SourcePlace {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
  /** The text client, or null where there is none: then the plain driver's text protocol. */
  client: string | null;
}

export interface Comparison {
  rows: number;
  mismatches: number;
  /** A row of one side that the other has not. */
  example: string | null;
}

/** A value as the same text, said in the SQL of both sides. */
export interface ColumnPair {
  mysql: string;
  duck: string;
  /** Printed in different ways by the two: compared as numbers. */
  number: boolean;
}

/**
 * Compares a table with its copy, value by value and without any codec of Sampan on either side: MySQL's own text
 * output against Parquet files read by DuckDB. Each value becomes a text that cannot be mistaken for another.
 */
export async function compareTables(place: SourcePlace, table: string, files: string[]): Promise<Comparison> {
  const pairs = await columnPairs(place, table, files.length === 0 ? [] : await duckColumns(files));
  const difference = new Map<string, { count: number; line: string }>();
  const count = (line: string, by: number) => {
    const key = createHash('sha256').update(line).digest('base64');
    const entry = difference.get(key) ?? { count: 0, line: line.slice(0, 300) };
    entry.count += by;
    if (entry.count === 0) difference.delete(key);
    else difference.set(key, entry);
  };
  let rows = 0;
  for await (const line of mysqlLines(place, table, pairs)) {
    count(line, 1);
    rows++;
  }
  for await (const line of parquetLines(files, pairs)) count(line, -1);
  const left = [...difference.values()];
  return {
    rows,
    mismatches: left.reduce((sum, entry) => sum + Math.abs(entry.count), 0),
    example:
      left[0] === undefined
        ? null
        : `${left[0].count > 0 ? 'only in the source' : 'only in the target'}: ${left[0].line}`,
  };
}

/** The rows of a table, by MySQL's own text client. */
export async function* mysqlLines(place: SourcePlace, table: string, pairs: ColumnPair[]): AsyncGenerator<string> {
  const columns = pairs.map((pair) => pair.mysql).join(', ');
  const sql = `SELECT ${columns} FROM \`${table.replaceAll('`', '``')}\``;
  for await (const cells of mysqlRows(place, sql)) yield lineOf(cells, pairs);
}

/** The same rows of their copy, by DuckDB alone. */
export async function* parquetLines(files: string[], pairs: ColumnPair[]): AsyncGenerator<string> {
  for await (const cells of duckRows(files, pairs)) yield lineOf(cells, pairs);
}

const lineOf = (cells: string[], pairs: ColumnPair[]) =>
  cells.map((cell, index) => (pairs[index].number && cell !== '~' ? numberText(cell) : cell)).join('\t');

/** Negative zero is a value of its own. */
const numberText = (text: string) => (Object.is(Number(text), -0) ? '-0' : String(Number(text)));

export async function columnPairs(place: SourcePlace, table: string, copied: string[]): Promise<ColumnPair[]> {
  const { client: _client, ...login } = place;
  const connection = await mysql.createConnection({ ...login, charset: 'UTF8MB4_BIN' });
  try {
    const [rows] = await connection.query(
      'SELECT COLUMN_NAME name, DATA_TYPE type, NUMERIC_PRECISION bits, COLUMN_TYPE whole FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION',
      [table],
    );
    const [[{ version }]] = (await connection.query('SELECT VERSION() version')) as unknown as [[{ version: string }]];
    const axes = /mariadb/i.test(version) ? '' : ", 'axis-order=long-lat'";
    // A target that may not have the source's name for a column has it in the same place.
    return (rows as SourceColumn[]).map((row, at) => {
      const name = row.name.toLowerCase();
      return pairOf(row, copied.includes(name) ? name : (copied[at] ?? name), axes);
    });
  } finally {
    await connection.end();
  }
}

const SPATIAL = /^(geometry|point|linestring|polygon|multi.*|geom.*collection)$/;

interface SourceColumn {
  name: string;
  type: string;
  bits: number;
  /** The type as it was declared. */
  whole: string;
}

function pairOf({ name, type, bits, whole }: SourceColumn, copied: string, axes: string): ColumnPair {
  const quoted = `\`${name.replaceAll('`', '``')}\``;
  // Zeros in front are how such a column is shown, no part of its value.
  const my = /zerofill/i.test(whole) ? `(${quoted} + 0)` : quoted;
  const duck = `"${copied.replaceAll('"', '""')}"`;
  const pair = (left: string, right: string, number = false): ColumnPair => ({
    mysql: `IFNULL(${left}, '~')`,
    duck: `coalesce(${right}, '~')`,
    number,
  });
  const kind = type.toLowerCase();
  if (kind === 'date')
    return pair(`DATEDIFF(${my}, '1970-01-01')`, `date_diff('day', DATE '1970-01-01', ${duck})::VARCHAR`);
  if (kind === 'datetime' || kind === 'timestamp')
    return pair(`TIMESTAMPDIFF(MICROSECOND, '1970-01-01', ${my})`, `epoch_us(${duck})::VARCHAR`);
  if (kind === 'float' || kind === 'double') return pair(`${my} + 0e0`, `(${duck}::DOUBLE)::VARCHAR`, true);
  if (kind === 'bit') return pair(`${my} + 0`, bits === 1 ? `(${duck}::TINYINT)::VARCHAR` : `${duck}::VARCHAR`);
  if (/int$|^year$|^decimal$/.test(kind)) return pair(`CAST(${my} AS CHAR)`, `${duck}::VARCHAR`);
  if (/blob$|binary$|^vector$/.test(kind)) return pair(`CONCAT('x', HEX(${my}))`, `'x' || hex(${duck})`);
  if (SPATIAL.test(kind))
    return pair(
      `CONCAT('x', HEX(CONCAT('SRID=', ST_SRID(${my}), ';', ST_AsText(${my}${axes}))))`,
      `'x' || hex(${duck}::VARCHAR)`,
    );
  return pair(`CONCAT('x', HEX(CONVERT(CAST(${my} AS CHAR) USING utf8mb4)))`, `'x' || hex(${duck}::VARCHAR)`);
}

async function* mysqlRows(place: SourcePlace, sql: string): AsyncGenerator<string[]> {
  const { client, host, port, user, password, database } = place;
  if (client === null) {
    yield* driverRows(place, sql);
    return;
  }
  const options = [
    '--batch',
    '--raw',
    '--skip-column-names',
    '--quick',
    '--default-character-set=utf8mb4',
    "--init-command=SET time_zone='+00:00'",
    '-h',
    host,
    '-P',
    String(port),
    '-u',
    user,
    database,
    '-e',
    sql,
  ];
  // The password goes by the environment: a command line is for everybody to see.
  const child = spawn(client, options, {
    env: { ...process.env, MYSQL_PWD: password },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  for await (const line of createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY }))
    yield line.split('\t');
  const code = await ended;
  if (code !== 0) throw new Error(`${client} failed: ${said.trim()}`);
}

async function* driverRows({ client: _client, ...login }: SourcePlace, sql: string): AsyncGenerator<string[]> {
  const connection = await mysql.createConnection({
    ...login,
    charset: 'UTF8MB4_BIN',
    timezone: 'Z',
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
  });
  try {
    await connection.query("SET time_zone = '+00:00'");
    const stream = (
      connection as unknown as { connection: { query(how: object): { stream(): AsyncIterable<unknown> } } }
    ).connection
      .query({ sql, rowsAsArray: true, typeCast: (field: { string(): string | null }) => field.string() })
      .stream();
    for await (const row of stream) yield row as string[];
  } finally {
    connection.destroy();
  }
}

/** The columns of the files, in their order. */
async function duckColumns(files: string[]): Promise<string[]> {
  const names: string[] = [];
  for await (const [name] of duckQuery(`DESCRIBE SELECT * FROM ${rowsOf(files)}`)) names.push(name);
  return names;
}

const rowsOf = (files: string[]) =>
  `read_parquet([${files.map((file) => `'${file.replaceAll("'", "''")}'`).join(', ')}], union_by_name = true)`;

async function* duckRows(files: string[], pairs: ColumnPair[]): AsyncGenerator<string[]> {
  if (files.length === 0) return;
  yield* duckQuery(`SELECT ${pairs.map((pair) => pair.duck).join(', ')} FROM ${rowsOf(files)}`);
}

async function* duckQuery(sql: string): AsyncGenerator<string[]> {
  const duck = await DuckDBInstance.create(':memory:');
  const connection = await duck.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    const result = await connection.stream(sql);
    for (
      let chunk = await result.fetchChunk();
      chunk !== null && chunk.rowCount > 0;
      chunk = await result.fetchChunk()
    ) {
      for (const row of chunk.getRows()) yield row.map(String);
    }
  } finally {
    connection.closeSync();
    duck.closeSync();
  }
}
