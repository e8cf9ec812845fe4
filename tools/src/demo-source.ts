import { randomBytes } from 'node:crypto';
import mysql from 'mysql2/promise';
import { fillSample } from './demo-sample.ts';
import { findMysql, startMysql } from './mysql-server.ts';
import { askPassword, parseServer, parseSource, type SourceUrl } from './source-url.ts';
import type { SourcePlace } from './verify.ts';

const tell = (text: string) => process.stderr.write(`${text}\n`);

/** The tables to copy: one's own, else a sample in a new database of a running server, else in a server of the demo's own. */
export async function openSource(
  options: { from: string | null; rows: number },
  undo: (() => Promise<unknown>)[],
): Promise<SourcePlace> {
  if (options.from !== null) return reached(parseSource(options.from));
  const { MYSQL_URL: running } = process.env;
  if (running !== undefined && running !== '') return sampleIn(await reached(parseServer(running)), options.rows, undo);
  const server = await startMysql();
  undo.push(() => server.stop());
  tell(
    `A ${server.flavor} ${server.version.split(' ')[0]} of its own runs on port ${server.port}; filling ${options.rows} rows…`,
  );
  const connection = await server.connect();
  try {
    await fillSample(connection, options.rows);
  } finally {
    await connection.end();
  }
  const { host, port, user, password, client } = server;
  return { host, port, user, password, client, database: 'shop' };
}

async function reached({ host, port, user, database }: SourceUrl): Promise<SourcePlace> {
  const password = process.env.MYSQL_PWD ?? (await askPassword(`Password of ${user} on ${host}: `));
  return { host, port, user, database, password, client: findMysql('any')?.client?.[0] ?? null };
}

async function sampleIn(
  { client, ...login }: SourcePlace,
  rows: number,
  undo: (() => Promise<unknown>)[],
): Promise<SourcePlace> {
  const database = `sampan_demo_${randomBytes(4).toString('hex')}`;
  const { host, port, user, password } = login;
  const using = async (work: (connection: mysql.Connection) => Promise<unknown>) => {
    const connection = await mysql.createConnection({ host, port, user, password, charset: 'UTF8MB4_BIN' });
    try {
      await work(connection);
    } finally {
      await connection.end();
    }
  };
  tell(`Filling ${rows} rows into the new database ${database} on ${host}:${port}…`);
  undo.push(() => using((connection) => connection.query(`DROP DATABASE IF EXISTS \`${database}\``)));
  await using((connection) => fillSample(connection, rows, database));
  return { client, host, port, user, password, database };
}
