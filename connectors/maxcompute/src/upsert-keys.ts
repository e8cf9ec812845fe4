import { type Field, type Load, verdict } from '@sampan/connector';
import type { Table } from '@sampan/maxcompute';
import { columnNames } from './names.ts';
import { refused } from './shape.ts';

/** The keys of a load as MaxCompute calls them. */
export function keyNames(load: Load): string[] {
  const names = columnNames(load.fields.map((field) => field.name));
  return load.keys.map((key) => {
    const at = load.fields.findIndex((field) => field.name === key);
    if (at >= 0) return names[at];
    throw refused('KEY_NOT_MAPPED', `No link leads to the key "${key}".`, 'Map it, or choose other keys.');
  });
}

/** @throws ConnectorError where rows cannot be replaced by these keys in this table */
export function checkUpsert(table: Table, load: Load): void {
  const { name, primaryKey, columns } = table;
  if (primaryKey.length === 0)
    throw refused(
      'NOT_A_DELTA_TABLE',
      `"${name}" has no primary key: MaxCompute updates rows by key in Delta tables only.`,
      'Use APPEND or OVERWRITE, or a Delta table (PRIMARY KEY and TBLPROPERTIES("transactional"="true")).',
    );
  const keys = keyNames(load);
  const own = primaryKey.map((key) => key.toLowerCase());
  if (keys.length !== own.length || !own.every((key) => keys.includes(key)))
    throw refused(
      'KEYS_NOT_PRIMARY_KEY',
      `Rows of "${name}" are replaced by its primary key (${own.join(', ')}), and the keys of the task are ${keys.length === 0 ? 'none' : keys.join(', ')}.`,
      `Choose ${own.join(', ')} as keys.`,
    );
  const mapped = columnNames(load.fields.map((field) => field.name));
  const left = columns.find((column) => !mapped.includes(column.name.toLowerCase()));
  if (left !== undefined)
    throw refused(
      'COLUMN_NOT_MAPPED',
      `No link leads to "${left.name}" of "${name}": an upsert replaces whole rows, and would make it NULL in those that are there.`,
      'Map every column of the table.',
    );
}

/** True where no two rows can have the same key: the source says so, and the key arrives without any loss. */
export function stayUnique(load: Load, fields: readonly Field[]): boolean {
  return (
    load.uniqueKeys === true &&
    load.fields.every(
      ({ name, type }, at) =>
        !load.keys.includes(name) || ['EXACT', 'WIDENING'].includes(verdict(type, fields[at].type).verdict),
    )
  );
}
