import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { getTable, Http, runSql, typeText } from '@sampan/maxcompute';
import type { Connection } from 'mysql2/promise';
import { same } from './chaos-fingerprint.ts';
import type { Look } from './chaos-look.ts';
import type { Mode } from './chaos-plan.ts';
import { type Damage, OLD_ROWS } from './chaos-rows.ts';
import { type ChaosWorld, COPIES, KEY, PROJECT } from './chaos-world.ts';
import { startOfficialReader } from './official-reader.ts';
import { mysqlLines, parquetLines } from './verify.ts';

/** What the target itself knows of an instance. */
export interface Books {
  /** Rows have arrived. */
  written: boolean;
  /** Splits that are whole. */
  sealed: number;
  /** What was copied is published. */
  committed: boolean;
}

/** A target seen from outside, with clients that are not Sampan's. */
export interface TargetSide {
  /** Makes a table without any key, since a key would keep doubled rows out, with the old rows in it. */
  prepare(table: string): Promise<void>;
  /** Rows that others see now. */
  visible(table: string): Promise<number>;
  books(instance: string, look: Look, table: string): Promise<Books>;
  /** Compares every value of every row with the source. */
  damage(table: string, mode: Mode): Promise<Damage>;
  /** Staging tables that this instance has left in the target. */
  leftovers(instance: string): Promise<number>;
  /** Keeps the instance's staging from being dropped, until what is answered is called. */
  holdStaging(instance: string): Promise<() => Promise<void>>;
  hasSeed(): Promise<boolean>;
  remove(table: string): Promise<void>;
  close(): Promise<void>;
}

const NONE: Damage = { lost: 0, doubled: 0 };

export async function openTargetSides(world: ChaosWorld): Promise<{ mysql: TargetSide; maxcompute: TargetSide }> {
  return { mysql: await openMysqlSide(world), maxcompute: openWarehouseSide(world) };
}

async function openMysqlSide(world: ChaosWorld): Promise<TargetSide> {
  // A lock that the copy holds must not keep the one who only looks from looking at other things.
  const watcher = await world.mysql.connect(COPIES);
  const keeper = await world.mysql.connect(COPIES);
  const one = async (connection: Connection, sql: string, values: unknown[] = []) => {
    const [rows] = await connection.query(sql, values);
    return (rows as { [name: string]: unknown }[])[0];
  };
  return {
    async prepare(table) {
      await keeper.query(`CREATE TABLE \`${table}\` AS SELECT * FROM shop.orders WHERE id < ${OLD_ROWS}`);
    },
    async visible(table) {
      return Number((await one(watcher, `SELECT COUNT(*) n FROM \`${table}\``)).n);
    },
    async books(instance) {
      const there = await one(
        keeper,
        "SELECT COUNT(*) n FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN ('sampan_run', 'sampan_slot')",
      );
      if (Number(there.n) < 2) return { written: false, sealed: 0, committed: false };
      const run = await one(keeper, 'SELECT state FROM sampan_run WHERE instance = ?', [instance]);
      const slots = await one(
        keeper,
        'SELECT COALESCE(SUM(`rows`), 0) n, COALESCE(SUM(sealed), 0) sealed FROM sampan_slot WHERE instance = ?',
        [instance],
      );
      return { written: Number(slots.n) > 0, sealed: Number(slots.sealed), committed: run?.state === 'committed' };
    },
    async damage(table, mode) {
      const { of, expected } = world.fingerprints.mysql;
      if (same(await of(`\`${table}\``), expected(mode))) return NONE;
      return world.expected.compare(mysqlLines({ ...world.place, database: COPIES }, table, world.pairs), mode);
    },
    leftovers: async (instance) => (await stagingOf(keeper, instance)).length,
    async holdStaging(instance) {
      const holder = await world.mysql.connect(COPIES);
      await holder.query('START TRANSACTION');
      for (const name of await stagingOf(holder, instance)) await holder.query(`SELECT 1 FROM \`${name}\` LIMIT 1`);
      return () => holder.end();
    },
    hasSeed: async () => true,
    async remove(table) {
      await keeper.query(`DROP TABLE \`${table}\``);
    },
    async close() {
      await watcher.end();
      await keeper.end();
    },
  };
}

function openWarehouseSide(world: ChaosWorld): TargetSide {
  const { warehouse, python } = world;
  const http = new Http({ endpoint: warehouse.endpoint, project: PROJECT, accessId: KEY.id, accessKey: KEY.secret });
  const reader = python === null ? null : startOfficialReader(python, warehouse.endpoint, PROJECT, KEY);
  const folder = `${warehouse.data}/${PROJECT}`;
  const manifestOf = (table: string) =>
    readJson<{ uploads: string[]; partitions: { blocks: { file: string; rows: number }[] }[] }>(
      `${folder}/tables/${table}/manifest.json`,
    );
  return {
    async prepare(table) {
      const seed = await getTable(http, 'seed');
      if (seed === undefined) throw new Error('There is no table "seed".');
      const columns = seed.columns.map((column) => `\`${column.name}\` ${typeText(column.type)}`).join(', ');
      await runSql(http, `CREATE TABLE ${table} (${columns})`);
      await runSql(http, `INSERT INTO TABLE ${table} SELECT * FROM seed`);
    },
    async visible(table) {
      if (reader !== null) return reader.count(table);
      const blocks = manifestOf(table)?.partitions.flatMap((part) => part.blocks) ?? [];
      return blocks.reduce((sum, block) => sum + block.rows, 0);
    },
    async books(_instance, look, table) {
      const id = look.handle?.session;
      const session = id === undefined ? null : readJson<{ blocks: unknown[] }>(`${folder}/uploads/${id}.json`);
      const manifest = manifestOf(table);
      const sealed = session?.blocks.length ?? 0;
      const known = (manifest?.partitions.flatMap((part) => part.blocks).length ?? 0) + sealed;
      return {
        // Files of blocks that nothing names yet are on their way.
        written: session !== null && blockFiles(`${folder}/tables/${table}/blocks`) > known,
        sealed,
        committed: id !== undefined && (manifest?.uploads.includes(id) ?? false),
      };
    },
    async damage(table, mode) {
      const { of, expected } = world.fingerprints.maxcompute;
      const path = `${world.folder}/${table}.parquet`;
      if (reader !== null) await reader.read(table, path);
      const files = reader === null ? warehouse.files(table) : [path];
      const list = files.map((file) => `'${file.replaceAll("'", "''")}'`).join(', ');
      try {
        if (files.length > 0 && same(await of(`read_parquet([${list}])`), expected(mode))) return NONE;
        return await world.expected.compare(parquetLines(files, world.pairs), mode);
      } finally {
        await rm(path, { force: true });
      }
    },
    leftovers: async () => 0,
    holdStaging: async () => async () => {},
    hasSeed: async () => manifestOf('seed') !== null,
    async remove(table) {
      await runSql(http, `DROP TABLE ${table}`);
    },
    async close() {
      reader?.stop();
      http.close();
    },
  };
}

async function stagingOf(connection: Connection, instance: string): Promise<string[]> {
  const name = createHash('sha256').update(instance).digest('hex').slice(0, 16);
  const [rows] = await connection.query(`SHOW TABLES LIKE 'sampan\\_stg\\_${name}%'`);
  return (rows as object[]).map((row) => String(Object.values(row)[0]));
}

/** Null where it is not there, or is just being replaced. */
function readJson<T>(path: string): T | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return null;
  }
}

function blockFiles(folder: string): number {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.parquet')).length;
  } catch {
    return 0;
  }
}
