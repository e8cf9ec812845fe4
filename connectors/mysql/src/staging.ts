import { createHash } from 'node:crypto';
import { ConnectorError, type Json, type Lease, type WriteMode } from '@sampan/connector';
import { quoteName, textLiteral } from './sql.ts';
import type { StagedColumn } from './target-columns.ts';
import type { Link } from './target-link.ts';

/** What `begin` answers: all that any process needs to write, publish or remove this instance's rows. */
export interface Handle {
  version: 1;
  table: string;
  mode: WriteMode;
  columns: StagedColumn[];
  preSql: string[];
  postSql: string[];
}

export const RUN = '`sampan_run`';
export const SLOT = '`sampan_slot`';

const RUN_DDL = `CREATE TABLE IF NOT EXISTS ${RUN} (
  instance VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  attempt BIGINT UNSIGNED NOT NULL,
  state VARCHAR(16) CHARACTER SET ascii NOT NULL,
  shape CHAR(64) CHARACTER SET ascii NULL,
  post_sql_done TINYINT NOT NULL DEFAULT 0,
  changed DATETIME(6) NOT NULL
) ENGINE=InnoDB COMMENT='Sampan: one row for each instance that writes into this database'`;

const SLOT_DDL = `CREATE TABLE IF NOT EXISTS ${SLOT} (
  instance VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  split BIGINT UNSIGNED NOT NULL,
  attempt BIGINT UNSIGNED NOT NULL,
  sealed TINYINT NOT NULL,
  own TINYINT NOT NULL,
  \`rows\` BIGINT UNSIGNED NOT NULL,
  bytes BIGINT UNSIGNED NOT NULL,
  last_key LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  PRIMARY KEY (instance, split)
) ENGINE=InnoDB COMMENT='Sampan: how far each split of an instance is staged'`;

/** @throws ConnectorError kind `bug` for a handle of another version of this connector, or of another one */
export function handleOf(json: Json): Handle {
  const handle = json as unknown as Partial<Handle> | null;
  if (handle !== null && typeof handle === 'object' && handle.version === 1 && Array.isArray(handle.columns))
    return handle as Handle;
  throw new ConnectorError({
    kind: 'bug',
    code: 'BAD_HANDLE',
    message: 'The stored handle of this instance is not one of this connector.',
    hint: 'Run the task anew.',
  });
}

/** Names stay below 64 characters whatever the instance is called, and sort by instance. */
function stem({ instance }: Lease): string {
  return `sampan_stg_${createHash('sha256').update(instance).digest('hex').slice(0, 16)}_`;
}

/** The staging table of an instance; it carries the attempt, so that a lower attempt's statements meet no table. */
export const stagingName = (lease: Lease) => `${stem(lease)}${lease.attempt}`;

/** The staging table of one split that cannot be resumed. */
export const ownName = (lease: Lease, split: number) => `${stagingName(lease)}_s${split}`;

export async function createBookkeeping(link: Link): Promise<void> {
  const found = await link.rows(
    "SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN ('sampan_run', 'sampan_slot')",
    'looking for bookkeeping tables',
  );
  if (found.length === 2) return;
  await link.change(RUN_DDL, 'creating sampan_run');
  await link.change(SLOT_DDL, 'creating sampan_slot');
}

/** All staging tables of an instance, of whatever attempt. */
export async function stagingTables(link: Link, lease: Lease): Promise<string[]> {
  const like = stem(lease).replaceAll('_', '\\_');
  const found = await link.rows(
    `SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE ${textLiteral(`${like}%`)}`,
    'looking for staging tables',
  );
  return found.map((row) => String(row.name)).sort();
}

function attemptOf(lease: Lease, name: string): { attempt: number; split: number | null } {
  const [attempt, split] = name.slice(stem(lease).length).split('_s');
  return { attempt: Number(attempt), split: split === undefined ? null : Number(split) };
}

/** No keys, no defaults, no triggers, no foreign keys: rows are staged as they come, and judged in `verify`. */
export async function createStaging(link: Link, name: string, columns: readonly StagedColumn[]): Promise<string> {
  const lines = columns.map(({ name, native, charset, collation, nullable, json }) => {
    const text = charset === null ? '' : ` CHARACTER SET ${charset} COLLATE ${collation}`;
    // A TIMESTAMP declared NOT NULL takes the time of day for NULL under some settings; the writer refuses NULLs itself.
    const empty = nullable || /^timestamp/i.test(native) ? 'NULL' : 'NOT NULL';
    const check = json === 'checked' ? ` CHECK (json_valid(${quoteName(name)}))` : '';
    return `  ${quoteName(name)} ${native}${text} ${empty}${check}`;
  });
  if (await keyRequired(link)) lines.push('  `sampan_row` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY');
  const sql = `CREATE TABLE ${quoteName(name)} (\n${lines.join(',\n')}\n) ENGINE=InnoDB COMMENT='Sampan: rows on their way, safe to drop when no instance runs'`;
  await link.change(sql, `creating staging table ${name}`);
  return sql;
}

/** Servers of some providers take no table without a primary key. */
async function keyRequired(link: Link): Promise<boolean> {
  const [row] = await link.rows("SHOW VARIABLES LIKE 'sql_require_primary_key'", 'reading server variables');
  return row?.Value === 'ON';
}

/** Gives every staging table of a lower attempt this attempt's name; what never was sealed on its own is dropped. */
export async function adoptStaging(link: Link, lease: Lease, sealedOwn: ReadonlySet<number>): Promise<void> {
  const mine = stagingName(lease);
  const found = await stagingTables(link, lease);
  const there = new Set(found);
  for (const name of found) {
    const { attempt, split } = attemptOf(lease, name);
    if (attempt >= lease.attempt) continue;
    const wanted = split === null ? mine : ownName(lease, split);
    const keep = (split === null || sealedOwn.has(split)) && !there.has(wanted);
    if (keep) await link.change(`RENAME TABLE ${quoteName(name)} TO ${quoteName(wanted)}`, 'taking over staged rows');
    else await link.change(`DROP TABLE IF EXISTS ${quoteName(name)}`, 'dropping a staging table left over');
    there.add(wanted);
  }
}

/** Drops what this attempt and lower ones staged; a higher one's tables are not ours to touch. */
export async function dropStaging(link: Link, lease: Lease): Promise<void> {
  for (const name of await stagingTables(link, lease)) {
    if (attemptOf(lease, name).attempt > lease.attempt) continue;
    await link.change(`DROP TABLE IF EXISTS ${quoteName(name)}`, `dropping staging table ${name}`);
  }
}
