import { ConnectorError, type Field, type Load, type PartitionValue } from '@sampan/connector';
import { type OdpsColumn, type Table, typeText } from '@sampan/maxcompute';
import { columnNames } from './names.ts';
import { fieldOf, logicalTypeOf, partitionFieldOf } from './types.ts';

/** How a load lies in its table. */
export interface Shape {
  /** For each of `Load.fields` the column as its values must arrive. */
  fields: Field[];
  /** Partition keys with one value for the whole load, in the table's order. */
  fixed: PartitionValue[];
  /** Partition keys whose values come with the rows, behind the fixed ones. */
  dynamic: OdpsColumn[];
}

/** @throws ConnectorError for what does not go together */
export function shapeOf(table: Table, load: Load): Shape {
  if (table.isView) throw refused('NOT_A_TABLE', `"${table.name}" is a view.`, 'Write to a table.');
  const names = columnNames(load.fields.map((field) => field.name));
  return {
    fields: names.map((name, at) => columnField(table, name, load.fields[at].name)),
    ...partitionOf(table, load, names),
  };
}

function columnField(table: Table, name: string, wanted: string): Field {
  const key = table.partitionColumns.find((one) => one.name.toLowerCase() === name);
  if (key !== undefined) return { ...partitionFieldOf(key), generated: false };
  const column = table.columns.find((one) => one.name.toLowerCase() === name);
  if (column === undefined)
    throw new ConnectorError({
      kind: 'missing',
      code: 'COLUMN_NOT_FOUND',
      message: `"${table.name}" has no column "${name}"${name === wanted.toLowerCase() ? '' : `, which is what "${wanted}" is called there`}.`,
      hint: 'Correct the mapping.',
    });
  if (logicalTypeOf(column.type) === null)
    throw refused(
      'TYPE_UNAVAILABLE',
      `"${column.name}" is of type ${typeText(column.type)}, to which nothing can be written yet.`,
      'Leave it out of the mapping.',
    );
  return fieldOf(column);
}

/** What the service takes in the value of a partition, blanks aside: these break some of its clients. */
export const PARTITION_VALUE = /^[A-Za-z0-9_:$#.!@-]{1,255}$/;

function partitionOf(table: Table, load: Load, names: readonly string[]): Pick<Shape, 'fixed' | 'dynamic'> {
  const keys = table.partitionColumns;
  const given = new Map(load.partition.map((one) => [one.name.toLowerCase(), one.value]));
  const strange = load.partition.find((one) => !keys.some((key) => key.name.toLowerCase() === one.name.toLowerCase()));
  if (strange !== undefined || given.size !== load.partition.length)
    throw badPartition(
      table,
      strange === undefined ? 'a key is named twice' : `there is no partition key "${strange.name}"`,
    );
  const fixed: PartitionValue[] = [];
  const dynamic: OdpsColumn[] = [];
  for (const key of keys) {
    const value = given.get(key.name.toLowerCase());
    const mapped = names.includes(key.name.toLowerCase());
    if (value === undefined && !mapped)
      throw badPartition(table, `"${key.name}" has neither a value nor a link that leads to it`);
    if (value !== undefined && mapped)
      throw badPartition(table, `"${key.name}" has a value, and a link leads to it as well`);
    if (value === undefined) dynamic.push(key);
    else if (dynamic.length > 0)
      throw badPartition(table, `"${key.name}" has a value, and "${dynamic[0].name}" above it comes with the rows`);
    else if (PARTITION_VALUE.test(value)) fixed.push({ name: key.name, value });
    else throw badPartition(table, `"${value}" is no value for "${key.name}"`);
  }
  return { fixed, dynamic };
}

function badPartition(table: Table, what: string): ConnectorError {
  const keys = table.partitionColumns.map((key) => key.name);
  return refused(
    'BAD_PARTITION',
    `The partition of "${table.name}" cannot be used: ${what}.`,
    keys.length === 0
      ? 'The table has no partitions: remove it from the target.'
      : `Give ${keys.join(', ')} a value each, of letters, digits and _ : $ # . ! @ -, or link a column to it.`,
  );
}

export function refused(code: string, message: string, hint: string): ConnectorError {
  return new ConnectorError({ kind: 'config', code, message, hint });
}
