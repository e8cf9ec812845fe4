import { readFileSync, writeFileSync } from 'node:fs';
import type { Session } from '@sampan/connector';
import { Http } from '@sampan/maxcompute';
import { type Emulator, startEmulator, tableFiles } from '@sampan/maxcompute-emulator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mysqlOptions, openConnector } from '../src/bench-connectors.ts';
import { fillWide, WIDE } from '../src/bench-table.ts';
import { mysqlChecksum, parquetChecksum, type TableChecksum } from '../src/checksum.ts';
import { type MysqlServer, startMysql } from '../src/mysql-server.ts';
import { makeFolder } from '../src/servers.ts';
import type { SourcePlace } from '../src/verify.ts';
import { copyBack, copyIn, createTable, WAYS } from '../src/ways.ts';

const ROWS = 20_000;
const DEMO = { project: 'demo', accessId: 'demo', accessKey: 'demo' };

let server: MysqlServer;
let source: Session;
let folder: Awaited<ReturnType<typeof makeFolder>>;
let emulator: Emulator;
let http: Http;
let place: SourcePlace;
let wanted: TableChecksum;

beforeAll(async () => {
  server = await startMysql();
  const sql = await server.connect();
  await fillWide(sql, ROWS);
  const { host, port, user, password, client } = server;
  place = { host, port, user, password, client, database: 'bench' };
  wanted = await mysqlChecksum(sql, place, WIDE);
  await sql.end();
  source = await openConnector('@sampan/connector-mysql', mysqlOptions(server));
  folder = await makeFolder('checksum');
  emulator = await startEmulator({ data: folder.path });
  http = new Http({ endpoint: emulator.endpoint, ...DEMO });
}, 180_000);

afterAll(async () => {
  await source?.[Symbol.asyncDispose]();
  http?.close();
  await emulator?.close();
  await folder?.remove();
  await server?.stop();
});

const filesOf = (table: string) => tableFiles(folder.path, DEMO.project, table).flatMap((part) => part.files);
const checksumOf = (table: string) => parquetChecksum(filesOf(table), place, WIDE);

describe('the checksum of a copy, by MySQL on one side and DuckDB on the other', () => {
  it.each(WAYS)(
    'is equal there and back: $name',
    async (way) => {
      const [there, back] = [`there_${way.name}`, `back_${way.name}`];
      await createTable(http, there);
      await createTable(http, back);
      expect(await copyIn(http, source, way, there)).toBe(ROWS);
      expect(await checksumOf(there)).toEqual(wanted);
      expect(await copyBack(http, way, there, back)).toBe(ROWS);
      expect(await checksumOf(back)).toEqual(wanted);
    },
    120_000,
  );

  it('sees a row twice, and one flipped bit', async () => {
    await createTable(http, 'spoiled');
    await copyIn(http, source, WAYS[0], 'spoiled');
    const files = filesOf('spoiled');
    const twice = await parquetChecksum([...files, ...files], place, WIDE);
    expect(twice.rows).toBe(2 * ROWS);
    expect(twice.sums).not.toBe(wanted.sums);
    const bytes = readFileSync(files[0]);
    // In the values of the first page, behind the file's magic and the page's header.
    bytes[200] ^= 1;
    writeFileSync(files[0], bytes);
    const spoiled = await checksumOf('spoiled');
    expect(spoiled.rows).toBe(ROWS);
    expect(spoiled.sums).not.toBe(wanted.sums);
  }, 120_000);
});
