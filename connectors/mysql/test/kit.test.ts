import { connect } from 'node:net';
import type { OpenContext } from '@sampan/connector';
import { configCases, type KitTable, sourceCases, targetCases } from '@sampan/connector/testing';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { findMysql, type MysqlServer, startMysql } from '../../../tools/src/mysql-server.ts';
import connector from '../src/index.ts';

const context: OpenContext = {
  dial: (address) =>
    new Promise((resolve, reject) => {
      const socket = connect(address as never, () => resolve(socket));
      socket.once('error', reject);
    }),
  log: () => {},
  statement: () => {},
};

const count = (rows: number) => Array.from({ length: rows }, (_, at) => String(at));

/** Keys of every kind; `id` is what the kit counts, whatever the key is. */
const TABLES: (KitTable & { sql: string })[] = [
  { name: 'an integer key', object: 'k_int', ids: count(20_000), sql: 'CREATE TABLE k_int (id INT PRIMARY KEY)' },
  {
    name: 'sparse and negative keys',
    object: 'k_sparse',
    ids: ['-9223372036854775808', '-5', '0', '7', '9223372036854775807'],
    sql: 'CREATE TABLE k_sparse (id BIGINT PRIMARY KEY)',
  },
  {
    name: 'unsigned keys',
    object: 'k_unsigned',
    ids: ['0', '9223372036854775808', '18446744073709551615'],
    sql: 'CREATE TABLE k_unsigned (id BIGINT UNSIGNED PRIMARY KEY)',
  },
  {
    name: 'text keys without regard to case',
    object: 'k_text',
    ids: ['a', 'B', 'c', 'Ö', 'z', 'zz', '🙂', "o'x", 'x\\y', ''],
    sql: 'CREATE TABLE k_text (id VARCHAR(40) COLLATE utf8mb4_general_ci PRIMARY KEY)',
  },
  {
    name: 'decimal keys',
    object: 'k_decimal',
    ids: ['-1.50', '0.00', '0.01', '99.99'],
    sql: 'CREATE TABLE k_decimal (id DECIMAL(6,2) PRIMARY KEY)',
  },
  {
    name: 'date keys',
    object: 'k_date',
    ids: ['1000-01-01', '2024-02-29', '9999-12-31'],
    sql: 'CREATE TABLE k_date (id DATE PRIMARY KEY)',
  },
  {
    name: 'a composite key',
    object: 'k_two',
    ids: count(3_000),
    sql: 'CREATE TABLE k_two (a INT, b VARCHAR(9), id INT, PRIMARY KEY (a, b))',
  },
  {
    name: 'a chosen key with NULLs',
    object: 'k_null',
    ids: count(300),
    splitKey: 'n',
    sql: 'CREATE TABLE k_null (id INT PRIMARY KEY, n INT NULL)',
  },
  { name: 'no key', object: 'k_none', ids: ['1', '1', '2', '3'], sql: 'CREATE TABLE k_none (id INT)' },
  {
    name: 'an ENUM key',
    object: 'k_enum',
    ids: ['b', 'a', 'c'],
    sql: "CREATE TABLE k_enum (id ENUM('b','a','c') PRIMARY KEY)",
  },
  { name: 'no rows', object: 'k_empty', ids: [], sql: 'CREATE TABLE k_empty (id INT PRIMARY KEY)' },
];

async function fill(sql: Connection): Promise<void> {
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
}

for (const flavor of ['mariadb', 'mysql'] as const) {
  const missing = flavor === 'mysql' && findMysql('mysql') === null;
  const why = missing ? " (skipped: no MySQL server of Oracle's on this machine: set MYSQL_SERVER_ROOT)" : '';
  describe.skipIf(missing)(`the contract on ${flavor}${why}`, () => {
    let server: MysqlServer;
    let sql: Connection;
    beforeAll(async () => {
      server = await startMysql({ flavor });
      sql = await server.connect();
      await fill(sql);
    }, 120_000);
    afterAll(async () => {
      await sql?.end();
      await server?.stop();
    });
    const open = async () =>
      connector.open(
        connector.config.parse({
          host: server.host,
          port: server.port,
          user: server.user,
          password: server.password,
          database: 'kit',
        }),
        context,
      );
    const read = async (object: string) => {
      const [found] = await sql.query('SHOW TABLES LIKE ?', [object.replaceAll('_', '\\_')]);
      if ((found as unknown[]).length === 0) return [];
      const [rows] = await sql.query(`SELECT CAST(id AS CHAR) id, CAST(v AS CHAR) v FROM \`${object}\``);
      return (rows as { id: string; v: string | null }[]).map(({ id, v }) => `${id}|${v ?? '~'}`);
    };
    for (const { law, name, run } of sourceCases({ open, tables: TABLES })) it(`law ${law}: ${name}`, run, 60_000);
    for (const { law, name, run } of targetCases({ open, read })) it(`law ${law}: ${name}`, run, 60_000);
  });
}

describe('the contract, options', () => {
  const good = { host: 'h', user: 'u', database: 'd' };
  for (const { law, name, run } of configCases(connector as never, good, ['host', 'user', 'database']))
    it(`law ${law}: ${name}`, run);
});
