import { DuckDBInstance } from '@duckdb/node-api';
import type { Connection } from 'mysql2/promise';
import { type ColumnPair, columnPairs, type SourcePlace } from './verify.ts';

/**
 * A checksum of a table in whatever order its rows come: each row as one line of text, the MD5 of the line cut into two
 * numbers of 60 bits, and these added up. It is computed by the two databases themselves, MySQL over its table and DuckDB
 * over Parquet files, so that no codec of Sampan is on either side.
 */
export interface TableChecksum {
  rows: number;
  /** The two sums, in decimal digits. */
  sums: string;
}

/** Where the digits of each sum begin in the MD5, counted from 1. */
const STARTS = [1, 17];
const DIGITS = 15;

/** DuckDB writes doubles that are whole with a fraction, MySQL without. Both write the fewest digits that tell one. */
const duckText = ({ duck, number }: ColumnPair) => (number ? `regexp_replace(${duck}, '\\.0$', '')` : duck);

export async function mysqlChecksum(sql: Connection, place: SourcePlace, table: string): Promise<TableChecksum> {
  const pairs = await columnPairs(place, table, []);
  const line = `MD5(CONCAT_WS('\\t', ${pairs.map((pair) => pair.mysql).join(', ')}))`;
  const sums = STARTS.map((at) => `SUM(CAST(CONV(SUBSTR(hash, ${at}, ${DIGITS}), 16, 10) AS UNSIGNED))`);
  // A TIMESTAMP is an instant; its text is that of the session's zone.
  await sql.query("SET time_zone = '+00:00'");
  const [[found]] = (await sql.query(
    `SELECT COUNT(*) n, CONCAT_WS(' ', ${sums.join(', ')}) sums FROM (SELECT ${line} hash FROM \`${table}\`) t`,
  )) as unknown as [[{ n: number; sums: string }]];
  return { rows: Number(found.n), sums: found.sums };
}

/** The files are those of a copy of `table` whose columns have the same names. */
export async function parquetChecksum(
  files: readonly string[],
  place: SourcePlace,
  table: string,
): Promise<TableChecksum> {
  const pairs = await columnPairs(place, table, []);
  const line = `md5(concat_ws(chr(9), ${pairs.map(duckText).join(', ')}))`;
  const sums = STARTS.map((at) => `sum(('0x' || substr(hash, ${at}, ${DIGITS}))::UBIGINT::HUGEINT)::VARCHAR`);
  const list = files.map((file) => `'${file.replaceAll("'", "''")}'`).join(', ');
  const duck = await DuckDBInstance.create(':memory:');
  const connection = await duck.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    const result = await connection.runAndReadAll(
      `SELECT count(*), concat_ws(' ', ${sums.join(', ')}) FROM (SELECT ${line} hash FROM read_parquet([${list}]))`,
    );
    const [[rows, found]] = result.getRows();
    return { rows: Number(rows), sums: String(found) };
  } finally {
    connection.closeSync();
    duck.closeSync();
  }
}
