import type { Field, LogicalType } from '@sampan/connector';

/** A column as `information_schema.COLUMNS` tells it. */
export interface ColumnRow {
  COLUMN_NAME: string;
  DATA_TYPE: string;
  COLUMN_TYPE: string;
  IS_NULLABLE: string;
  COLUMN_DEFAULT: string | null;
  EXTRA: string;
  COLUMN_COMMENT: string;
  CHARACTER_MAXIMUM_LENGTH: string | number | null;
  CHARACTER_OCTET_LENGTH: string | number | null;
  NUMERIC_PRECISION: string | number | null;
  NUMERIC_SCALE: string | number | null;
  DATETIME_PRECISION: string | number | null;
}

const GEOMETRIES = new Set([
  'geometry',
  'point',
  'linestring',
  'polygon',
  'multipoint',
  'multilinestring',
  'multipolygon',
  'geomcollection',
  'geometrycollection',
]);

/** Read as WKT with the SRID in front, since their stored form means nothing elsewhere. */
export const isGeometry = (native: string) => GEOMETRIES.has(native.replace(/[ (].*/, '').toLowerCase());

/**
 * Unsigned integers take the next signed size up. TINYINT(1) is a number: it holds −128…127. YEAR is a number, TIME a
 * signed duration. ENUM and SET are their texts. VECTOR is the bytes of its floats: the server's own text of it keeps six
 * digits of each.
 */
export function logicalType(column: ColumnRow): LogicalType {
  const unsigned = /unsigned/i.test(column.COLUMN_TYPE);
  const digits = Number(column.DATETIME_PRECISION ?? 0);
  const maxBytes = Number(column.CHARACTER_OCTET_LENGTH ?? 0);
  const data = column.DATA_TYPE.toLowerCase();
  switch (data) {
    case 'tinyint':
      return { kind: unsigned ? 'int16' : 'int8' };
    case 'smallint':
      return { kind: unsigned ? 'int32' : 'int16' };
    case 'mediumint':
      return { kind: 'int32' };
    case 'int':
      return { kind: unsigned ? 'int64' : 'int32' };
    case 'bigint':
      return { kind: unsigned ? 'uint64' : 'int64' };
    case 'year':
      return { kind: 'int16' };
    case 'float':
      return { kind: 'float32' };
    case 'double':
      return { kind: 'float64' };
    case 'decimal':
      return { kind: 'decimal', precision: Number(column.NUMERIC_PRECISION), scale: Number(column.NUMERIC_SCALE) };
    case 'bit': {
      const bits = Number(column.NUMERIC_PRECISION ?? 1);
      return { kind: bits === 1 ? 'bool' : bits === 64 ? 'uint64' : 'int64' };
    }
    case 'date':
      return { kind: 'date' };
    case 'time':
    case 'datetime':
    case 'timestamp':
      return { kind: data, digits };
    case 'json':
      return { kind: 'json' };
    case 'binary':
    case 'varbinary':
    case 'tinyblob':
    case 'blob':
    case 'mediumblob':
    case 'longblob':
    case 'vector':
      return { kind: 'binary', maxBytes };
    case 'char':
    case 'varchar':
      return { kind: 'utf8', maxChars: Number(column.CHARACTER_MAXIMUM_LENGTH ?? 0) };
    case 'tinytext':
    case 'text':
    case 'mediumtext':
    case 'longtext':
      return { kind: 'utf8', maxBytes };
    case 'enum':
    case 'set':
      return { kind: 'utf8', maxChars: Number(column.CHARACTER_MAXIMUM_LENGTH ?? 0) };
    default:
      return { kind: 'utf8' };
  }
}

export function fieldOf(column: ColumnRow): Field {
  const generated = /GENERATED/i.test(column.EXTRA) && !/DEFAULT_GENERATED/i.test(column.EXTRA);
  const defaulted = column.COLUMN_DEFAULT !== null || /auto_increment|DEFAULT_GENERATED/i.test(column.EXTRA);
  return {
    name: column.COLUMN_NAME,
    type: logicalType(column),
    native: column.COLUMN_TYPE,
    nullable: column.IS_NULLABLE === 'YES',
    generated: generated || /VIRTUAL|STORED|PERSISTENT/i.test(column.EXTRA),
    ...(defaulted ? { defaulted } : {}),
    ...(column.COLUMN_COMMENT === '' ? {} : { comment: column.COLUMN_COMMENT }),
  };
}
