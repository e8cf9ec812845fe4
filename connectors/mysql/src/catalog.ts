import { ConnectorError, type Key, type ObjectQuery, type ObjectSummary, type Schema } from '@sampan/connector';
import { type Connection, query } from './connection.ts';
import { textLiteral } from './sql.ts';
import { type ColumnRow, fieldOf } from './types.ts';

interface TableRow {
  TABLE_NAME: string;
  TABLE_TYPE: string;
  TABLE_ROWS: string | number | null;
  DATA_LENGTH: string | number | null;
  TABLE_COMMENT: string;
  ENGINE: string | null;
}

export interface MysqlSchema extends Schema {
  engine: string | null;
}

const TABLES =
  'SELECT TABLE_NAME, TABLE_TYPE, TABLE_ROWS, DATA_LENGTH, TABLE_COMMENT, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()';
const COLUMNS = `SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, COLUMN_COMMENT, CHARACTER_MAXIMUM_LENGTH,
  CHARACTER_OCTET_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()`;

const number = (value: string | number | null) => (value === null ? null : Number(value));
const kindOf = (row: TableRow) => (row.TABLE_TYPE.includes('VIEW') ? 'VIEW' : 'TABLE');
/** Views say `VIEW` in their comment column. */
const commentOf = (row: TableRow) =>
  row.TABLE_COMMENT === '' || row.TABLE_COMMENT === 'VIEW' ? {} : { comment: row.TABLE_COMMENT };

/** Tables and views of the database, with the server's own estimates. Sampan's bookkeeping and staging tables are left out. */
export async function listObjects(connection: Connection, { search }: ObjectQuery): Promise<ObjectSummary[]> {
  const found = (await query(connection, `${TABLES} ORDER BY TABLE_NAME`, 'listing tables')) as unknown as TableRow[];
  const wanted = search?.toLowerCase();
  return found
    .filter(
      (row) =>
        !row.TABLE_NAME.startsWith('sampan_') &&
        (wanted === undefined || row.TABLE_NAME.toLowerCase().includes(wanted)),
    )
    .map((row) => ({
      name: row.TABLE_NAME,
      kind: kindOf(row),
      rowEstimate: number(row.TABLE_ROWS),
      byteEstimate: number(row.DATA_LENGTH),
      ...commentOf(row),
    }));
}

/** @throws ConnectorError `TABLE_NOT_FOUND` */
export async function describeObject(connection: Connection, object: string): Promise<MysqlSchema> {
  const named = `AND TABLE_NAME = ${textLiteral(object)}`;
  const [table] = (await query(connection, `${TABLES} ${named}`, `describing ${object}`)) as unknown as TableRow[];
  if (table === undefined) {
    throw new ConnectorError({
      kind: 'missing',
      code: 'TABLE_NOT_FOUND',
      message: `There is no table or view "${object}" in this database.`,
      hint: 'Check the name, and that the user may see it (a grant on the table).',
    });
  }
  const columns = (await query(
    connection,
    `${COLUMNS} ${named} ORDER BY ORDINAL_POSITION`,
    `describing ${object}`,
  )) as unknown as ColumnRow[];
  return {
    object: table.TABLE_NAME,
    kind: kindOf(table),
    engine: table.ENGINE,
    fields: columns.map(fieldOf),
    partitionFields: [],
    keys: await keysOf(connection, object),
    rowEstimate: number(table.TABLE_ROWS),
    byteEstimate: number(table.DATA_LENGTH),
    ...commentOf(table),
  };
}

async function keysOf(connection: Connection, object: string): Promise<Key[]> {
  const sql = `SELECT INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS
    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ${textLiteral(object)} ORDER BY INDEX_NAME, SEQ_IN_INDEX`;
  const keys = new Map<string, Key>();
  for (const row of await query(connection, sql, `describing ${object}`)) {
    const name = String(row.INDEX_NAME);
    const key = keys.get(name) ?? {
      name,
      columns: [],
      unique: Number(row.NON_UNIQUE) === 0,
      primary: name === 'PRIMARY',
    };
    // A key over an expression or a prefix says nothing exact about whole columns.
    if (row.COLUMN_NAME === null || row.SUB_PART !== null) key.unique = false;
    if (row.COLUMN_NAME !== null) key.columns.push(String(row.COLUMN_NAME));
    keys.set(name, key);
  }
  return [...keys.values()].sort((a, b) => Number(b.primary) - Number(a.primary));
}
