import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tableFiles } from '../../connectors/maxcompute-emulator/src/index.ts';
import { runDemo } from '../src/demo.ts';
import { findMysql, type MysqlServer, startMysql } from '../src/mysql-server.ts';

/** The folder with `schema.sql` and `data.sql` of the Sakila sample database. */
const { SAKILA_DIR } = process.env;
const absent =
  SAKILA_DIR === undefined || !existsSync(join(SAKILA_DIR, 'data.sql'))
    ? 'the Sakila data is not on this machine: SAKILA_DIR names its folder'
    : null;

const TABLES = 16;

for (const flavor of ['mariadb', 'mysql'] as const) {
  const why =
    absent ??
    (flavor === 'mysql' && findMysql('mysql') === null
      ? "no MySQL server of Oracle's on this machine: set MYSQL_SERVER_ROOT"
      : null);
  describe.skipIf(why !== null)(`Sakila on ${flavor}${why === null ? '' : ` (skipped: ${why})`}`, () => {
    let server: MysqlServer;
    let texts: Map<string, string>;
    beforeAll(async () => {
      server = await startMysql({ flavor });
      const login = [`-h${server.host}`, `-P${server.port}`, `-u${server.user}`, '--default-character-set=utf8mb4'];
      for (const file of ['schema.sql', 'data.sql'])
        execFileSync(server.client as string, ['--no-defaults', ...login], {
          // MariaDB passes over what is in comments for MySQL 5.7: the places.
          input: readFileSync(join(SAKILA_DIR as string, file), 'utf8').replace(/\/\*!50705([^*]*)\*\//g, '$1'),
          env: { ...process.env, MYSQL_PWD: server.password },
          stdio: ['pipe', 'pipe', 'inherit'],
        });
      const connection = await server.connect('sakila');
      const axes = flavor === 'mysql' ? ", 'axis-order=long-lat'" : '';
      const [rows] = await connection.query(
        `SELECT CAST(address_id AS CHAR) id, CONCAT('SRID=', ST_SRID(location), ';', ST_AsText(location${axes})) place FROM address`,
      );
      texts = new Map((rows as { id: string; place: string }[]).map(({ id, place }) => [id, place]));
      await connection.end();
    }, 300_000);
    afterAll(() => server?.stop());

    it('all of its tables are copied, and every value is equal; places are WKT with their SRID in front', async () => {
      const { MYSQL_PWD } = process.env;
      process.env.MYSQL_PWD = server.password;
      const places: [string, string][] = [];
      try {
        const { code, report } = await runDemo(
          {
            rows: 0,
            exit: true,
            json: false,
            from: `mysql://${server.user}@${server.host}:${server.port}/sakila`,
            tables: null,
          },
          { beforeVerify: async (folder) => void places.push(...(await placesIn(folder))) },
        );
        expect(report).toMatchObject({ verified: true, mismatches: 0, instances: TABLES });
        expect(report.rows).toBeGreaterThan(40_000);
        expect(code).toBe(0);
      } finally {
        if (MYSQL_PWD === undefined) delete process.env.MYSQL_PWD;
        else process.env.MYSQL_PWD = MYSQL_PWD;
      }
      expect(places.length).toBe(603);
      expect(new Map(places)).toEqual(texts);
      for (const [, place] of places) expect(place).toMatch(/^SRID=\d+;POINT\(-?[\d.]+ -?[\d.]+\)$/);
    }, 600_000);
  });
}

/** Addresses as they lie in the files of the target, read by DuckDB alone. */
async function placesIn(folder: string): Promise<[string, string][]> {
  const files = tableFiles(folder, 'demo', 'address').flatMap((one) => one.files);
  const duck = await DuckDBInstance.create(':memory:');
  const connection = await duck.connect();
  try {
    const list = files.map((file) => `'${file}'`).join(', ');
    const result = await connection.runAndReadAll(
      `SELECT address_id::VARCHAR, location::VARCHAR FROM read_parquet([${list}])`,
    );
    return result.getRows() as [string, string][];
  } finally {
    connection.closeSync();
    duck.closeSync();
  }
}
