import { badOption } from './credentials.ts';
import { type Partition, partitionSql } from './partition.ts';
import { quoteName, quoteText } from './sql-text.ts';
import { type OdpsType, typeText } from './types.ts';

/** A column to be made. */
export interface NewColumn {
  name: string;
  /** As a value of `parseType`, or as SQL writes it. */
  type: OdpsType | string;
  comment?: string | undefined;
  /** Default true. */
  nullable?: boolean | undefined;
  /** As SQL writes it. */
  defaultValue?: string | undefined;
}

/** A table to be made. */
export interface TableDefinition {
  columns: readonly NewColumn[];
  partitionColumns?: readonly NewColumn[] | undefined;
  comment?: string | undefined;
  /** Days after the last change until data goes. */
  lifecycle?: number | undefined;
  /** Makes a Delta table, whose rows are replaced and deleted by this key. */
  primaryKey?: readonly string[] | undefined;
  /** `TBLPROPERTIES`. */
  properties?: { [name: string]: string } | undefined;
}

const ifNot = (wanted: boolean | undefined) => (wanted ? 'IF NOT EXISTS ' : '');
const ifThere = (wanted: boolean | undefined) => (wanted ? 'IF EXISTS ' : '');

function columnSql({ name, type, comment, nullable = true, defaultValue }: NewColumn): string {
  const parts = [quoteName(name), typeof type === 'string' ? plainType(type) : typeText(type)];
  if (!nullable) parts.push('NOT NULL');
  if (defaultValue !== undefined) parts.push(`DEFAULT ${defaultValue}`);
  if (comment) parts.push(`COMMENT ${quoteText(comment)}`);
  return parts.join(' ');
}

/** A type's text goes into the statement as it is: nothing but what types are made of. */
function plainType(text: string): string {
  if (/^[\w\s<>(),:`]+$/.test(text)) return text;
  throw badOption('type', `${JSON.stringify(text)} is not a type`);
}

const columnsSql = (columns: readonly NewColumn[]) => columns.map(columnSql).join(', ');

/** `CREATE TABLE`. @throws MaxComputeError `BadOption` */
export function createTableSql(name: string, definition: TableDefinition, ifNotExists = false): string {
  const { columns, partitionColumns = [], comment, lifecycle, primaryKey = [], properties = {} } = definition;
  if (lifecycle !== undefined) checkDays(lifecycle);
  const keys = new Set(primaryKey.map((key) => key.toLowerCase()));
  const all = columns.map((one) => (keys.has(one.name.toLowerCase()) ? { ...one, nullable: false } : one));
  const inner = [
    ...all.map(columnSql),
    ...(keys.size === 0 ? [] : [`PRIMARY KEY (${primaryKey.map(quoteName).join(', ')})`]),
  ];
  const table = keys.size === 0 ? properties : { transactional: 'true', ...properties };
  const pairs = Object.entries(table).map(([key, value]) => `${quoteText(key)}=${quoteText(value)}`);
  return [
    `CREATE TABLE ${ifNot(ifNotExists)}${quoteName(name)} (${inner.join(', ')})`,
    comment ? `COMMENT ${quoteText(comment)}` : '',
    partitionColumns.length === 0 ? '' : `PARTITIONED BY (${columnsSql(partitionColumns)})`,
    pairs.length === 0 ? '' : `TBLPROPERTIES (${pairs.join(', ')})`,
    lifecycle === undefined ? '' : `LIFECYCLE ${lifecycle}`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

function checkDays(days: number): void {
  if (!Number.isInteger(days) || days < 1) throw badOption('lifecycle', `${days} is not a number of days`);
}

export const dropTableSql = (name: string, ifExists = false) => `DROP TABLE ${ifThere(ifExists)}${quoteName(name)}`;

/** Empties a table, or one partition of it; a partitioned table cannot be emptied as a whole. */
export const truncateTableSql = (name: string, partition: Partition = []) =>
  `TRUNCATE TABLE ${quoteName(name)}${partition.length === 0 ? '' : ` PARTITION (${partitionSql(partition)})`}`;

/** A change of a table, behind `ALTER TABLE name`. */
export type TableChange =
  | { addPartition: Partition; ifNotExists?: boolean }
  | { dropPartition: Partition; ifExists?: boolean }
  | { addColumns: readonly NewColumn[] }
  | { dropColumns: readonly string[] }
  | { renameColumn: string; to: NewColumn }
  | { comment: string }
  | { lifecycle: number }
  | { rename: string };

/** `ALTER TABLE`. @throws MaxComputeError `BadOption` */
export function alterTableSql(name: string, change: TableChange): string {
  return `ALTER TABLE ${quoteName(name)} ${changeSql(change)}`;
}

function changeSql(change: TableChange): string {
  if ('addPartition' in change)
    return `ADD ${ifNot(change.ifNotExists)}PARTITION (${partitionSql(change.addPartition)})`;
  if ('dropPartition' in change)
    return `DROP ${ifThere(change.ifExists)}PARTITION (${partitionSql(change.dropPartition)})`;
  if ('addColumns' in change) return `ADD COLUMNS (${columnsSql(change.addColumns)})`;
  if ('dropColumns' in change) return `DROP COLUMNS ${change.dropColumns.map(quoteName).join(', ')}`;
  if ('renameColumn' in change) return `CHANGE COLUMN ${quoteName(change.renameColumn)} ${columnSql(change.to)}`;
  if ('comment' in change) return `SET COMMENT ${quoteText(change.comment)}`;
  if ('rename' in change) return `RENAME TO ${quoteName(change.rename)}`;
  checkDays(change.lifecycle);
  return `SET LIFECYCLE ${change.lifecycle}`;
}

export const createSchemaSql = (name: string, ifNotExists = false) =>
  `CREATE SCHEMA ${ifNot(ifNotExists)}${quoteName(name)}`;
export const dropSchemaSql = (name: string, ifExists = false) => `DROP SCHEMA ${ifThere(ifExists)}${quoteName(name)}`;
