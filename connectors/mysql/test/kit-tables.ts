import type { KitTable, LargeTable } from '@sampan/connector/testing';
import type { Connection } from 'mysql2/promise';

const count = (rows: number) => Array.from({ length: rows }, (_, at) => String(at));

/** Keys of every kind; `id` is what the kit counts, whatever the key is. */
export const TABLES: (KitTable & { sql: string })[] = [
  {
    kind: 'whole numbers',
    object: 'k_int',
    ids: count(20_000),
    sql: 'CREATE TABLE k_int (id INT PRIMARY KEY)',
  },
  {
    kind: 'sparse and negative',
    object: 'k_sparse',
    ids: ['-9223372036854775808', '-5', '0', '7', '9223372036854775807'],
    sql: 'CREATE TABLE k_sparse (id BIGINT PRIMARY KEY)',
  },
  {
    kind: 'sparse and negative',
    name: 'unsigned',
    object: 'k_unsigned',
    ids: ['0', '9223372036854775808', '18446744073709551615'],
    sql: 'CREATE TABLE k_unsigned (id BIGINT UNSIGNED PRIMARY KEY)',
  },
  {
    kind: 'text without regard to case',
    object: 'k_text',
    ids: ['a', 'B', 'c', 'Ö', 'z', 'zz', '🙂', "o'x", 'x\\y', ''],
    sql: 'CREATE TABLE k_text (id VARCHAR(40) COLLATE utf8mb4_general_ci PRIMARY KEY)',
  },
  {
    kind: 'text without regard to case',
    name: 'chosen text, the same but for case and blanks',
    object: 'k_case',
    ids: ['a', 'A', 'a ', 'A ', 'b', 'B', 'ä', 'Ä', 'z', 'Z'],
    splitKey: 'id',
    sql: 'CREATE TABLE k_case (id VARCHAR(40) COLLATE utf8mb4_general_ci, KEY (id))',
  },
  {
    kind: 'decimal',
    object: 'k_decimal',
    ids: ['-1.50', '0.00', '0.01', '99.99'],
    sql: 'CREATE TABLE k_decimal (id DECIMAL(6,2) PRIMARY KEY)',
  },
  {
    kind: 'decimal',
    name: 'decimal of 65 digits',
    object: 'k_decimal65',
    ids: [`-${'9'.repeat(35)}.${'9'.repeat(30)}`, `0.${'0'.repeat(29)}1`, `${'9'.repeat(35)}.${'0'.repeat(30)}`],
    sql: 'CREATE TABLE k_decimal65 (id DECIMAL(65,30) PRIMARY KEY)',
  },
  {
    kind: 'date',
    object: 'k_date',
    ids: ['1000-01-01', '2024-02-29', '9999-12-31'],
    sql: 'CREATE TABLE k_date (id DATE PRIMARY KEY)',
  },
  {
    kind: 'date',
    name: 'datetime with microseconds',
    object: 'k_datetime',
    ids: ['1000-01-01 00:00:00.000001', '2024-03-31 02:30:00.000000', '2024-03-31 02:30:00.000001'],
    sql: 'CREATE TABLE k_datetime (id DATETIME(6) PRIMARY KEY)',
  },
  {
    kind: 'composite',
    object: 'k_two',
    ids: count(3_000),
    sql: 'CREATE TABLE k_two (a INT, b VARCHAR(9), id INT, PRIMARY KEY (a, b))',
  },
  {
    kind: 'NULLs',
    object: 'k_null',
    ids: count(300),
    splitKey: 'n',
    sql: 'CREATE TABLE k_null (id INT PRIMARY KEY, n INT NULL)',
  },
  {
    kind: 'duplicates',
    object: 'k_same',
    ids: ['1', '1', '1', '2', '2', '9'],
    splitKey: 'id',
    sql: 'CREATE TABLE k_same (id INT, KEY (id))',
  },
  { kind: 'no key', object: 'k_none', ids: ['1', '1', '2', '3'], sql: 'CREATE TABLE k_none (id INT)' },
  {
    kind: 'no key',
    name: 'an ENUM key, which does not order by its text',
    object: 'k_enum',
    ids: ['b', 'a', 'c'],
    sql: "CREATE TABLE k_enum (id ENUM('b','a','c') PRIMARY KEY)",
  },
  { kind: 'no rows', object: 'k_empty', ids: [], sql: 'CREATE TABLE k_empty (id INT PRIMARY KEY)' },
];

export const LARGE: { many: LargeTable; wide: LargeTable } = {
  many: { object: 'k_many', rows: 200_000, bytes: 200_000 * 256 },
  wide: { object: 'k_wide', rows: 52, bytes: 52 * 1_048_576 },
};

const DIGITS =
  'SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9';

export async function fill(sql: Connection): Promise<void> {
  await sql.query('CREATE DATABASE kit CHARACTER SET utf8mb4; USE kit');
  for (const table of TABLES) {
    await sql.query(table.sql);
    for (let from = 0; from < table.ids.length; from += 5_000) {
      const ids = table.ids.slice(from, from + 5_000);
      const rows = ids.map((id, at) =>
        table.object === 'k_two'
          ? [at % 7, `k${at % 11}-${at}`.slice(0, 9), id]
          : table.object === 'k_null'
            ? [id, at % 3 === 0 ? null : at % 10]
            : [id],
      );
      await sql.query(`INSERT INTO ${table.object} VALUES ?`, [rows]);
    }
    await sql.query(`ANALYZE TABLE ${table.object}`);
  }
  const digits = ['a', 'b', 'c', 'e', 'f', 'g'].map((name) => `(${DIGITS}) ${name}`).join(', ');
  await sql.query(
    `CREATE TABLE k_many (id INT PRIMARY KEY, v VARCHAR(300) CHARACTER SET ascii);
     INSERT INTO k_many SELECT i, REPEAT(SHA2(i, 256), 4) FROM (SELECT a.d + 10*b.d + 100*c.d + 1000*e.d + 10000*f.d + 100000*g.d i FROM ${digits}) t WHERE i < 200000;
     CREATE TABLE k_wide (id INT PRIMARY KEY, v MEDIUMTEXT CHARACTER SET ascii);
     INSERT INTO k_wide SELECT id, REPEAT(SHA2(id, 256), 16384) FROM k_many WHERE id < 52`,
  );
}
