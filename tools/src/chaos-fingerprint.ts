import { rm, writeFile } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import type { Connection } from 'mysql2/promise';
import type { Mode } from './chaos-plan.ts';
import { OLD_ROWS } from './chaos-rows.ts';
import type { ColumnPair } from './verify.ts';

/** How many rows, and the sum of their hashes: equal for equal rows in whatever order, each as often as in the other. */
export interface Fingerprint {
  rows: bigint;
  sum: bigint;
}

/** Every value of every row goes into it, by the words of a program that is not Sampan's. */
export interface FingerprintSide {
  of(where: string): Promise<Fingerprint>;
  /** What a copy must have: the source's rows, and where it is appended to them the old ones. */
  expected(mode: Mode): Fingerprint;
}

const plus = (a: Fingerprint, b: Fingerprint): Fingerprint => ({ rows: a.rows + b.rows, sum: a.sum + b.sum });

export const same = (a: Fingerprint, b: Fingerprint) => a.rows === b.rows && a.sum === b.sum;

const expectedOf = (source: Fingerprint, old: Fingerprint) => (mode: Mode) =>
  mode === 'APPEND' ? plus(source, old) : source;

/** By MySQL, of the table named. */
export async function mysqlFingerprints(
  connection: Connection,
  source: string,
  pairs: ColumnPair[],
): Promise<FingerprintSide> {
  const text = `CONCAT_WS('\\t', ${pairs.map((pair) => pair.mysql).join(', ')})`;
  const of = async (from: string): Promise<Fingerprint> => {
    const [rows] = await connection.query({
      sql: `SELECT COUNT(*) n, COALESCE(SUM(CAST(CONV(LEFT(MD5(${text}), 16), 16, 10) AS UNSIGNED)), 0) total FROM ${from}`,
      typeCast: (field) => field.string(),
    });
    const [{ n, total }] = rows as { n: string; total: string }[];
    return { rows: BigInt(n), sum: BigInt(total) };
  };
  return { of, expected: expectedOf(await of(source), await of(`${source} WHERE id < ${OLD_ROWS}`)) };
}

/** By DuckDB, of Parquet files named as SQL; what is expected comes from the source's rows as texts. */
export async function duckFingerprints(
  folder: string,
  source: AsyncIterable<string>,
  pairs: ColumnPair[],
): Promise<FingerprintSide & { close(): void }> {
  const duck = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await duck.connect();
  await connection.run("SET TimeZone = 'UTC'");
  const ask = async (text: string, from: string): Promise<Fingerprint> => {
    const sql = `SELECT count(*)::VARCHAR, coalesce(sum(md5_number_lower(${text})), 0)::VARCHAR FROM ${from}`;
    const [[rows, sum]] = (await connection.runAndReadAll(sql)).getRows() as string[][];
    return { rows: BigInt(rows), sum: BigInt(sum) };
  };
  const path = `${folder}/source.txt`;
  const lines: string[] = [];
  for await (const line of source) lines.push(line);
  await writeFile(path, `${lines.join('\n')}\n`);
  const file = `read_csv('${path}', columns = {'line': 'VARCHAR'}, delim = '\x02', quote = '', escape = '', header = false)`;
  const old = `${file} WHERE split_part(line, '\t', 1)::BIGINT < ${OLD_ROWS}`;
  const expected = expectedOf(await ask('line', file), await ask('line', old));
  await rm(path);
  // Numbers without a fraction are printed with one here, and without one there.
  const columns = pairs.map(({ duck: text, number }) => (number ? `regexp_replace(${text}, '\\.0$', '')` : text));
  const row = `concat_ws('\t', ${columns.join(', ')})`;
  return {
    of: (from) => ask(row, from),
    expected,
    close() {
      connection.closeSync();
      duck.closeSync();
    },
  };
}
