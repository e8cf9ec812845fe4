import { ConnectorError, type Field, isConnectorError, type Load, type Prepared } from '@sampan/connector';
import { describeObject, type MysqlSchema } from './catalog.ts';
import { refuseOptions } from './config.ts';
import { columnTypes, createTable } from './ddl.ts';
import { sortStatements } from './publish-statements.ts';
import { textLiteral } from './sql.ts';
import { mappedFields } from './target-columns.ts';
import { checkGrants } from './target-grants.ts';
import type { Link } from './target-link.ts';

export const MODES = ['APPEND', 'OVERWRITE'] as const;

/** Checks a load against the target as it is now. Changes nothing. */
export async function prepareLoad(link: Link, load: Load): Promise<Prepared> {
  checkWishes(load);
  await checkGrants(link, load);
  const schema = await findTable(link, load);
  if (schema === null)
    return { ddl: creation(load), publish: 'transaction', visible: words(load, true, 0), fields: createdFields(load) };
  const fields = mappedFields(load, schema);
  if (load.mode === 'OVERWRITE') await checkCascades(link, load);
  return { ddl: null, publish: 'transaction', visible: words(load, false, await countTriggers(link, load)), fields };
}

function config(code: string, message: string, hint: string): ConnectorError {
  return new ConnectorError({ kind: 'config', code, message, hint });
}

function checkWishes(load: Load): void {
  refuseOptions(load.options, 'target');
  if (!MODES.some((mode) => mode === load.mode)) {
    throw config(
      'MODE_UNSUPPORTED',
      `The MySQL target cannot write in mode ${load.mode}.`,
      `Use one of ${MODES.join(', ')}.`,
    );
  }
  if (load.publish !== 'auto' && load.publish !== 'transaction') {
    throw config(
      'PUBLISH_UNSUPPORTED',
      `The MySQL target cannot publish by ${load.publish}.`,
      'Use auto or transaction.',
    );
  }
  if (load.partition.length > 0)
    throw config(
      'PARTITION_UNSUPPORTED',
      'MySQL finds the partition of a row by itself.',
      'Leave partition values out.',
    );
  if (load.fields.length === 0)
    throw config('NOTHING_MAPPED', `No column of "${load.object}" is mapped.`, 'Map at least one column.');
  const names = load.fields.map(({ name }) => name.toLowerCase());
  const twice = load.fields.find((_, index) => names.indexOf(names[index]) !== index);
  if (twice !== undefined)
    throw config(
      'COLUMN_MAPPED_TWICE',
      `Column "${twice.name}" of table "${load.object}" is mapped more than once.`,
      'Map each target column once.',
    );
  if (load.object.startsWith('sampan_'))
    throw config(
      'RESERVED_NAME',
      `Names that begin with sampan_ are Sampan's own: "${load.object}".`,
      'Choose another table.',
    );
  if ([...load.object].length > 64)
    throw config('NAME_TOO_LONG', `"${load.object}" is longer than 64 characters.`, 'Choose a shorter name.');
  if (load.ddl !== null && !/^\s*create\s+table\b/i.test(load.ddl)) {
    throw config(
      'BAD_DDL',
      'The statement that creates the table must begin with CREATE TABLE.',
      'Correct it, or leave it to Sampan.',
    );
  }
  sortStatements(load.preSql, 'the pre-SQL');
  sortStatements(load.postSql, 'the post-SQL');
}

/** Null where the table is missing and may be created. */
export async function findTable(link: Link, load: Load): Promise<MysqlSchema | null> {
  let schema: MysqlSchema;
  try {
    schema = await describeObject(link.connection, load.object);
  } catch (error) {
    if (load.create && isConnectorError(error) && error.code === 'TABLE_NOT_FOUND') return null;
    throw error;
  }
  if (schema.kind !== 'TABLE') throw config('NOT_A_TABLE', `"${load.object}" is a view.`, 'Choose a table.');
  if (schema.engine?.toLowerCase() !== 'innodb') {
    throw config(
      'ENGINE_UNSUPPORTED',
      `Table "${load.object}" is kept by ${schema.engine}, which has no transactions.`,
      'ALTER TABLE … ENGINE=InnoDB, or choose another table.',
    );
  }
  return schema;
}

export function creation(load: Load): string {
  return load.ddl ?? createTable(load.object, load.fields, load.keys);
}

/** For a statement of the user's own: what Sampan's would give. The server converts from there, or refuses the row. */
function createdFields(load: Load): Field[] {
  const types = columnTypes(load.fields);
  return load.fields.map((field, index) => ({
    ...field,
    type: types[index].type,
    native: types[index].native.toLowerCase(),
    generated: false,
  }));
}

async function countTriggers(link: Link, load: Load): Promise<number> {
  const [row] = await link.rows(
    `SELECT COUNT(*) AS n FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = ${textLiteral(load.object)}`,
    'looking for triggers',
  );
  return Number(row.n);
}

/** DELETE would take rows of other tables along, and they would not come back with the new ones. */
async function checkCascades(link: Link, load: Load): Promise<void> {
  const rows = await link.rows(
    `SELECT TABLE_NAME AS child, DELETE_RULE AS rule FROM information_schema.REFERENTIAL_CONSTRAINTS
     WHERE UNIQUE_CONSTRAINT_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME = ${textLiteral(load.object)} AND DELETE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT')`,
    'looking for foreign keys',
  );
  if (rows.length === 0) return;
  const children = rows.map((row) => `${row.child} (ON DELETE ${row.rule})`).join(', ');
  throw config(
    'CASCADE_REFUSED',
    `Clearing "${load.object}" would change other tables: ${children}.`,
    'Use APPEND, or drop these foreign keys first.',
  );
}

function words(load: Load, created: boolean, triggers: number): string {
  const before = created
    ? 'The table is created empty when the run begins; all rows appear at once when it commits.'
    : load.mode === 'OVERWRITE'
      ? 'Others see the old rows until the commit, then the new ones, all at once; while it commits, writes to the table wait.'
      : 'Others see the rows as they were until the commit, then all new rows at once.';
  return triggers === 0 ? before : `${before} The table's triggers fire for each row.`;
}
