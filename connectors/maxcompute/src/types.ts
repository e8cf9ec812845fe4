import type { Field, LogicalType } from '@sampan/connector';
import { type OdpsColumn, type OdpsType, typeText } from '@sampan/maxcompute';

/** Bytes of a STRING or BINARY cell; a project may allow more, and the upload session then says so. */
const CELL_BYTES = 8 * 1024 * 1024;

/**
 * The type of a column that is created for values of a logical type. A wall clock becomes TIMESTAMP_NTZ, which has no
 * zone either; an instant DATETIME (milliseconds) or TIMESTAMP. What has no counterpart that is exact becomes STRING.
 */
export function odpsTypeFor(type: LogicalType): OdpsType {
  switch (type.kind) {
    case 'bool':
      return { kind: 'boolean' };
    case 'int8':
      return { kind: 'tinyint' };
    case 'int16':
      return { kind: 'smallint' };
    case 'int32':
      return { kind: 'int' };
    case 'int64':
      return { kind: 'bigint' };
    case 'uint64':
      return { kind: 'decimal', precision: 20, scale: 0 };
    case 'float32':
      return { kind: 'float' };
    case 'float64':
      return { kind: 'double' };
    case 'decimal':
      return type.precision <= 38 && type.scale <= 18
        ? { kind: 'decimal', precision: type.precision, scale: type.scale }
        : { kind: 'string' };
    case 'binary':
      return { kind: 'binary' };
    case 'date':
      return { kind: 'date' };
    case 'datetime':
      return { kind: 'timestamp_ntz' };
    case 'timestamp':
      return { kind: type.digits <= 3 ? 'datetime' : 'timestamp' };
    default:
      return { kind: 'string' };
  }
}

/** How values of a column must arrive; null for types that cannot be written yet. */
export function logicalTypeOf(type: OdpsType): LogicalType | null {
  switch (type.kind) {
    case 'boolean':
      return { kind: 'bool' };
    case 'tinyint':
      return { kind: 'int8' };
    case 'smallint':
      return { kind: 'int16' };
    case 'int':
      return { kind: 'int32' };
    case 'bigint':
      return { kind: 'int64' };
    case 'float':
      return { kind: 'float32' };
    case 'double':
      return { kind: 'float64' };
    case 'decimal':
      return { kind: 'decimal', precision: type.precision, scale: type.scale };
    case 'string':
      return { kind: 'utf8', maxBytes: CELL_BYTES };
    case 'varchar':
    case 'char':
      return { kind: 'utf8', maxChars: type.length };
    case 'binary':
      return { kind: 'binary', maxBytes: CELL_BYTES };
    case 'json':
      return { kind: 'json', maxBytes: CELL_BYTES };
    case 'date':
      return { kind: 'date' };
    case 'datetime':
      return { kind: 'timestamp', digits: 3 };
    case 'timestamp':
      return { kind: 'timestamp', digits: 6 };
    case 'timestamp_ntz':
      return { kind: 'datetime', digits: 6 };
    default:
      return null;
  }
}

/** How values of a column are read: nested ones as JSON, intervals as text; null for types this version does not know. */
export function readTypeOf(type: OdpsType): LogicalType | null {
  switch (type.kind) {
    case 'array':
    case 'map':
    case 'struct':
      return { kind: 'json' };
    case 'interval_day_time':
    case 'interval_year_month':
      return { kind: 'utf8', maxChars: 40 };
    default:
      return logicalTypeOf(type);
  }
}

/** A column as a field. One that can only be read counts as generated: nothing is written to it. */
export function fieldOf(column: OdpsColumn): Field {
  return {
    name: column.name,
    type: readTypeOf(column.type) ?? { kind: 'utf8' },
    native: typeText(column.type),
    nullable: column.nullable,
    generated: logicalTypeOf(column.type) === null,
    ...(column.comment === '' ? {} : { comment: column.comment }),
  };
}

/** A partition key as a field: its values come as text from the name of the partition, and as numbers where it is one. */
export function partitionFieldOf(column: OdpsColumn): Field {
  const type = logicalTypeOf(column.type);
  const whole = type !== null && /^int(8|16|32|64)$/.test(type.kind);
  return { ...fieldOf(column), type: whole ? type : { kind: 'utf8' }, nullable: false, generated: true };
}
