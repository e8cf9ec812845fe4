import type { OdpsType } from '@sampan/maxcompute';

/** A value on its way into a column of this type: DuckDB would round, and write instants in a way of its own. */
export function assignedSql(type: OdpsType, sql: string): string {
  switch (type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'bigint':
      return `odps_whole(${sql})`;
    case 'string':
    case 'json':
      return `odps_text(${sql})`;
    case 'varchar':
    case 'char':
      return `odps_fit(odps_text(${sql}), ${type.length})`;
    case 'boolean':
      return `odps_truth(${sql})`;
    case 'binary':
      return `odps_bytes(${sql})`;
    default:
      return sql;
  }
}
