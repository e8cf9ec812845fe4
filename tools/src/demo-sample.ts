import type { Connection } from 'mysql2/promise';

const COLUMNS = `
  id BIGINT NOT NULL PRIMARY KEY COMMENT 'order number',
  quantity INT NOT NULL,
  serial BIGINT UNSIGNED NULL,
  amount DECIMAL(38,18) NULL,
  tax DECIMAL(65,30) NULL,
  ratio DOUBLE NULL,
  customer VARCHAR(120) CHARACTER SET utf8mb4 NOT NULL,
  note TEXT CHARACTER SET utf8mb4 NULL,
  created DATETIME(6) NOT NULL,
  day DATE NULL,
  flag TINYINT NOT NULL,
  token VARBINARY(32) NULL`;

/** Values at the edges of their types: every one must arrive to the last digit. */
const EDGES = [
  "(-9223372036854775807, -2147483648, 18446744073709551615, -99999999999999999999.999999999999999999, 99999999999999999999999999999999999.999999999999999999999999999999, -1.7976931348623157e308, '🙂🚢 船 Müller \\\\ ''quoted''', NULL, '1000-01-01 00:00:00.000001', '1000-01-01', -128, X'00FF0A0D09')",
  "(9223372036854775807, 2147483647, 0, 0.000000000000000001, -0.000000000000000000000000000001, 5e-324, 'tab\\tnew\\nline\\r', '', '9999-12-31 23:59:59.999999', '9999-12-31', 127, X'')",
  "(-1, 0, 9223372036854775808, -0.5, NULL, -0.0, '', REPEAT('长', 20000), '0001-01-01 00:00:00', '0001-01-01', 0, NULL)",
];

const DIGITS =
  'SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9';
const CHUNK = 100_000;

/** Makes the table `orders` with that many rows, edge values among them, in a database that may be there already. */
export async function fillSample(connection: Connection, rows: number, database = 'shop'): Promise<void> {
  await connection.query(`CREATE DATABASE IF NOT EXISTS \`${database}\` CHARACTER SET utf8mb4`);
  await connection.query(`USE \`${database}\``);
  await connection.query("SET time_zone = '+00:00', sql_mode = 'NO_ENGINE_SUBSTITUTION'");
  await connection.query(`CREATE TABLE orders (${COLUMNS}) ENGINE=InnoDB`);
  const edges = EDGES.slice(0, Math.min(rows, EDGES.length));
  if (edges.length > 0) await connection.query(`INSERT INTO orders VALUES ${edges.join(', ')}`);
  const usual = rows - edges.length;
  for (let from = 0; from < usual; from += CHUNK) {
    const count = Math.min(CHUNK, usual - from);
    await connection.query(`
      INSERT INTO orders
      SELECT n, (n * 7) % 1000003 - 500000, CAST(n AS UNSIGNED) * 9223372036854 % 18446744073709551615, (n % 999983) / 7, n / 13, n / 3.7,
        CONCAT('customer ', n, ' Ünïcode 客户'), IF(n % 5 = 0, NULL, CONCAT('note ', n, REPEAT('y', n % 80))),
        '2020-01-01' + INTERVAL n * 37 SECOND + INTERVAL n % 1000000 MICROSECOND, '2000-01-01' + INTERVAL n % 9000 DAY, n % 100 - 50, UNHEX(LPAD(HEX(n), 16, '0'))
      FROM (SELECT CAST(${from} + a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d AS SIGNED) n
        FROM (${DIGITS}) a, (${DIGITS}) b, (${DIGITS}) c, (${DIGITS}) e, (${DIGITS}) f) numbers
      WHERE n < ${from + count}`);
  }
}
