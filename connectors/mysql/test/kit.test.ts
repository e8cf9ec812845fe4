import type { LogicalType } from '@sampan/connector';
import {
  configCases,
  createTestContext,
  jsonText,
  type KitCase,
  type Moment,
  sessionCases,
  sourceCases,
  startLine,
  targetCases,
} from '@sampan/connector/testing';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { MysqlServer } from '../../../tools/src/mysql-server.ts';
import connector from '../src/index.ts';
import { fill, LARGE, TABLES } from './kit-tables.ts';
import { flavors, start } from './target-support.ts';

const WRONG_PASSWORD = 'not-the-Passw0rd';

/** What neither server has a value for, and what one of them changes. */
const REFUSES: { [name: string]: string } = {
  'float32: no number': 'FLOAT has no NaN',
  'float32: infinity': 'FLOAT has no infinity',
  'float32: infinity below zero': 'FLOAT has no infinity',
  'float64: no number': 'DOUBLE has no NaN',
  'float64: infinity': 'DOUBLE has no infinity',
  'float64: infinity below zero': 'DOUBLE has no infinity',
  'timestamp: the first microsecond': 'TIMESTAMP begins in 1970',
  'timestamp: a microsecond before 1970': 'TIMESTAMP begins in 1970',
  'timestamp: the last microsecond': 'TIMESTAMP has 32 bits',
};

const REFUSED_BY: { [flavor: string]: { [name: string]: string } } = {
  mariadb: {
    'float32: zero below zero': 'MariaDB has no zero below zero',
    'float64: zero below zero': 'MariaDB has no zero below zero',
  },
  mysql: {
    'a JSON number of many digits': 'the JSON type keeps numbers as doubles',
    'a JSON key that comes twice': 'the JSON type keeps the last one',
  },
};

/** Told by the plain driver over the text protocol, in the server's own words where it has some. */
function shownBy({ kind }: LogicalType): string {
  switch (kind) {
    case 'bool':
      return "IF(v IS NULL, NULL, IF(v = 1, 'true', IF(v = 0, 'false', v)))";
    case 'float32':
    case 'float64':
      return 'v * 1e0';
    case 'binary':
      return 'HEX(v)';
    case 'timestamp':
      return "CONCAT(CAST(v AS CHAR), '+00:00')";
    default:
      return 'CAST(v AS CHAR)';
  }
}

function asText({ kind }: LogicalType, value: unknown): string {
  if (value === null) return '~';
  if (kind === 'json') return jsonText(String(value));
  if (kind !== 'float32' && kind !== 'float64') return String(value);
  return Object.is(Number(value), -0) ? '-0' : String(Number(value));
}

/** Rows go out by LOAD DATA; the COMMIT of the transaction that publishes is the first one after they are sealed. */
const isMoment = (moment: Moment, data: Buffer) =>
  data.includes(moment === 'write' ? 'LOAD DATA LOCAL INFILE' : 'COMMIT');

for (const { flavor, skip } of flavors) {
  describe.skipIf(skip !== false)(`the contract on ${flavor}${skip === false ? '' : ` (skipped: ${skip})`}`, () => {
    let server: MysqlServer;
    let sql: Connection;
    beforeAll(async () => {
      server = await start(flavor);
      sql = await server.connect();
      await fill(sql);
      await sql.query("SET time_zone = '+00:00'");
    }, 120_000);
    afterAll(async () => {
      await sql?.end();
      await server?.stop();
    });
    const context = createTestContext();
    const open = async (changes: object = {}) =>
      connector.open(
        connector.config.parse({
          host: '127.0.0.1',
          port: server.port,
          user: server.user,
          password: server.password,
          database: 'kit',
          ...changes,
        }),
        context,
      );
    const tables = async (like: string) => {
      const [found] = await sql.query({ sql: `SHOW TABLES LIKE '${like}'`, rowsAsArray: true });
      return (found as unknown as string[][]).map(([name]) => name).sort();
    };
    const read = async (object: string, type: LogicalType) => {
      if ((await tables(object.replaceAll('_', '\\_'))).length === 0) return [];
      const [rows] = await sql.query(`SELECT CAST(id AS CHAR) id, ${shownBy(type)} v FROM \`${object}\``);
      return (rows as { id: string; v: unknown }[]).map(({ id, v }) => `${id}|${asText(type, v)}`);
    };
    const { sockets, taken } = context;
    const cases: KitCase[] = [
      ...sourceCases({ open, tables: TABLES, large: LARGE, taken, sockets }),
      ...targetCases({
        open,
        line: () =>
          startLine({ host: '127.0.0.1', port: server.port }, isMoment, (port) =>
            open({ port, ssl: { mode: 'DISABLED' } }),
          ),
        read,
        refuses: { ...REFUSES, ...REFUSED_BY[flavor] },
        staged: () => tables('sampan\\_stg%'),
        sockets,
      }),
      ...sessionCases({
        open,
        secrets: [WRONG_PASSWORD],
        wrong: [
          { name: 'a wrong password', kinds: ['auth'], open: () => open({ password: WRONG_PASSWORD }) },
          { name: 'an unknown user', kinds: ['auth'], open: () => open({ user: 'nobody', password: WRONG_PASSWORD }) },
          { name: 'an unknown database', kinds: ['missing'], open: () => open({ database: 'not_there' }) },
          { name: 'a port where nobody listens', kinds: ['busy'], open: () => open({ port: 1 }) },
          { name: 'an unknown host', kinds: ['config'], open: () => open({ host: 'nowhere.invalid' }) },
          {
            name: 'a certificate that nobody trusts',
            kinds: ['config'],
            open: () => open({ ssl: { mode: 'VERIFY_CA' } }),
          },
        ],
      }),
    ];
    for (const { law, name, run } of cases) it(`law ${law}: ${name}`, run, 60_000);
  });
}

describe('the contract, options', () => {
  const good = { host: 'h', user: 'u', database: 'd' };
  for (const { law, name, run } of configCases(connector as never, good, ['host', 'user', 'database']))
    it(`law ${law}: ${name}`, run);
});
