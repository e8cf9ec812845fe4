import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runDemo, targetNames } from '../src/demo.ts';
import { startMysql } from '../src/mysql-server.ts';

const options = { rows: 20_000, exit: true, json: false, from: null, tables: null };

/** The largest Parquet file below a folder. */
function largestFile(folder: string): string {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.parquet'));
  return files.map((name) => join(folder, name)).sort((a, b) => readFileSync(b).length - readFileSync(a).length)[0];
}

/** A mount of its own hides the server programs of this machine from one command; nobody's rights keep it from installing any. */
const withoutMysql = (command: string) =>
  spawnSync(
    'unshare',
    [
      '--mount',
      'sh',
      '-c',
      `mount -t tmpfs none /usr/sbin && exec setpriv --reuid=65534 --regid=65534 --clear-groups env -i PATH=/usr/bin:/bin HOME=/tmp ${command}`,
    ],
    { encoding: 'utf8' },
  );
const hidden = process.getuid?.() === 0 && withoutMysql('true').status === 0;

describe.skipIf(!hidden)('without a MySQL server (skipped: not run as root)', () => {
  it('the demo says which command helps, and leaves nothing behind', () => {
    const demo = fileURLToPath(new URL('../dist/demo.js', import.meta.url));
    const { status, stderr } = withoutMysql(`'${process.execPath}' '${demo}' --exit --rows 10`);
    expect(stderr.trim()).toBe(
      'Missing: mariadb-server, mariadb-client. Install with: sudo apt-get install mariadb-server mariadb-client',
    );
    expect(status).toBe(1);
  }, 60_000);
});

describe('the demo', () => {
  it('copies over the API, and every value is equal', async () => {
    const { code, report } = await runDemo(options);
    expect(report).toMatchObject({ rows: 20_000, verified: true, mismatches: 0, instances: 1 });
    expect(code).toBe(0);
  }, 120_000);

  it('sees one flipped bit', async () => {
    const { code, report } = await runDemo(
      { ...options, rows: 2_000 },
      {
        async beforeVerify(data) {
          const file = largestFile(data);
          const bytes = readFileSync(file);
          // In the middle of the values of the first page: behind the file's magic and the page's header.
          bytes[200] ^= 1;
          writeFileSync(file, bytes);
        },
      },
    );
    expect(report.verified).toBe(false);
    expect(report.mismatches).toBeGreaterThan(0);
    expect(code).toBe(1);
  }, 120_000);

  it('fills a database of its own on the server in MYSQL_URL, and drops it', async () => {
    const server = await startMysql();
    const { MYSQL_URL, MYSQL_PWD } = process.env;
    Object.assign(process.env, {
      MYSQL_URL: `mysql://${server.user}@${server.host}:${server.port}`,
      MYSQL_PWD: server.password,
    });
    try {
      const { code, report } = await runDemo({ ...options, rows: 500 });
      expect(report).toMatchObject({ rows: 500, verified: true, instances: 1 });
      expect(code).toBe(0);
      const connection = await server.connect();
      const [left] = await connection.query("SHOW DATABASES LIKE 'sampan%'");
      await connection.end();
      expect(left).toEqual([]);
    } finally {
      for (const [name, value] of Object.entries({ MYSQL_URL, MYSQL_PWD })) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
      await server.stop();
    }
  }, 120_000);

  it('copies tables and columns that may not be called so in the target, under other names', async () => {
    const server = await startMysql();
    const { MYSQL_PWD } = process.env;
    process.env.MYSQL_PWD = server.password;
    try {
      const connection = await server.connect();
      await connection.query(`CREATE DATABASE odd; USE odd;
        CREATE TABLE \`order-items\` (\`the id\` INT(6) ZEROFILL PRIMARY KEY, \`价格\` DECIMAL(9,2) ZEROFILL, \`the-id\` TEXT);
        INSERT INTO \`order-items\` VALUES (1, 2.50, 'a'), (2, NULL, '');
        CREATE TABLE Order_Items (id INT PRIMARY KEY);
        INSERT INTO Order_Items VALUES (7);`);
      await connection.end();
      const from = `mysql://${server.user}@${server.host}:${server.port}/odd`;
      const { code, report } = await runDemo({ ...options, from });
      expect(report).toMatchObject({ rows: 3, verified: true, mismatches: 0, instances: 2 });
      expect(code).toBe(0);
    } finally {
      if (MYSQL_PWD === undefined) delete process.env.MYSQL_PWD;
      else process.env.MYSQL_PWD = MYSQL_PWD;
      await server.stop();
    }
  }, 120_000);

  it('gives every table a target of its own', () => {
    expect(targetNames(['a', 'A', 'a b', '1x', 'a_b']).map((one) => one.object)).toEqual([
      'a',
      'a_2',
      'a_b',
      '_1x',
      'a_b_2',
    ]);
  });
});
