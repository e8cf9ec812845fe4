import type { Connection } from 'mysql2/promise';

/** The table of the benchmarks: 11 columns, rows of about 248 bytes. As MySQL has it, and as MaxCompute does. */
export const WIDE = 'wide';
const MYSQL_COLUMNS =
  'id BIGINT PRIMARY KEY, a INT NOT NULL, b INT UNSIGNED NOT NULL, amount DECIMAL(18,4) NOT NULL, ratio DOUBLE NOT NULL, name VARCHAR(80) NOT NULL, title VARCHAR(120) NOT NULL, created DATETIME(6) NOT NULL, day DATE NOT NULL, flag TINYINT NOT NULL, note TEXT NULL';

export const WIDE_COLUMNS = [
  ['id', 'BIGINT'],
  ['a', 'INT'],
  ['b', 'BIGINT'],
  ['amount', 'DECIMAL(18,4)'],
  ['ratio', 'DOUBLE'],
  ['name', 'STRING'],
  ['title', 'STRING'],
  ['created', 'TIMESTAMP_NTZ'],
  ['day', 'DATE'],
  ['flag', 'TINYINT'],
  ['note', 'STRING'],
].map(([name, type]) => ({ name, type }));

const DIGITS =
  'SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9';

/** Makes the database `bench` and fills the table in it. */
export async function fillWide(sql: Connection, rows: number): Promise<void> {
  await sql.query(`CREATE DATABASE bench CHARACTER SET utf8mb4; USE bench; CREATE TABLE ${WIDE} (${MYSQL_COLUMNS})`);
  for (let from = 0; from < rows; from += 100_000) {
    await sql.query(`INSERT INTO ${WIDE} SELECT n, (n * 7) % 1000003 - 500000, n % 4294967291, (n % 99999999) / 10000 - 2000, n / 3.7, CONCAT('customer ', n, ' Müller 你好'), CONCAT(REPEAT('x', n % 40), ' title ', n),
      '2020-01-01' + INTERVAL n * 37 SECOND + INTERVAL n % 1000000 MICROSECOND, '2000-01-01' + INTERVAL n % 9000 DAY, n % 100 - 50, IF(n % 5 = 0, NULL, CONCAT('note ', n, REPEAT('é', n % 90)))
      FROM (SELECT CAST(${from} + a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d AS SIGNED) n FROM (${DIGITS}) a, (${DIGITS}) b, (${DIGITS}) c, (${DIGITS}) e, (${DIGITS}) f) t WHERE n < ${rows}`);
  }
  await sql.query(`ANALYZE TABLE ${WIDE}`);
}
