import { ConnectorError, type Field, type LogicalType, typeText } from '@sampan/connector';
import { quoteName } from './sql.ts';

/** A MySQL type and the logical type that the catalog will tell for it. */
export interface Made {
  native: string;
  type: LogicalType;
}

/** Above this many characters a text becomes TEXT: VARCHARs share the 65,535 bytes of a row. */
const VARCHAR_MAX = 1_024;
const ROW_BYTES = 60_000;
/** InnoDB's limit for an index, in bytes. */
const KEY_BYTES = 3_072;

const TEXT_SIZES: [string, number][] = [
  ['TEXT', 65_535],
  ['MEDIUMTEXT', 16_777_215],
  ['LONGTEXT', 4_294_967_295],
];
const BLOB_SIZES: [string, number][] = [
  ['BLOB', 65_535],
  ['MEDIUMBLOB', 16_777_215],
  ['LONGBLOB', 4_294_967_295],
];

const digitsOf = (digits: number) => (digits > 0 ? `(${Math.min(digits, 6)})` : '');

function sized(sizes: [string, number][], bytes: number, kind: 'utf8' | 'binary'): Made {
  const [native, maxBytes] = sizes.find(([, size]) => bytes <= size) ?? sizes[sizes.length - 1];
  return { native, type: { kind, maxBytes } };
}

/** The column type that holds every value of a logical type. @throws ConnectorError `TYPE_UNSUPPORTED` */
export function columnType(field: Field): Made {
  const { type } = field;
  switch (type.kind) {
    case 'bool':
      return { native: 'TINYINT(1)', type: { kind: 'int8' } };
    case 'int8':
      return { native: 'TINYINT', type };
    case 'int16':
      return { native: 'SMALLINT', type };
    case 'int32':
      return { native: 'INT', type };
    case 'int64':
      return { native: 'BIGINT', type };
    case 'uint64':
      return { native: 'BIGINT UNSIGNED', type };
    case 'float32':
      return { native: 'FLOAT', type };
    case 'float64':
      return { native: 'DOUBLE', type };
    case 'decimal':
      return decimal(field, type.precision, type.scale);
    case 'utf8':
      return text(type.maxChars, type.maxBytes);
    case 'binary':
      if (type.maxBytes !== undefined && type.maxBytes <= VARCHAR_MAX)
        return { native: `VARBINARY(${Math.max(type.maxBytes, 1)})`, type };
      return sized(BLOB_SIZES, type.maxBytes ?? Number.POSITIVE_INFINITY, 'binary');
    case 'json':
      return { native: 'JSON', type };
    case 'date':
      return { native: 'DATE', type };
    case 'time':
    case 'datetime':
    case 'timestamp':
      return { native: `${type.kind.toUpperCase()}${digitsOf(type.digits)}`, type };
  }
}

function decimal(field: Field, precision: number, scale: number): Made {
  const total = Math.max(precision, scale, 1);
  if (total > 65 || scale > 30) {
    throw new ConnectorError({
      kind: 'config',
      code: 'TYPE_UNSUPPORTED',
      message: `Column "${field.name}" is ${typeText(field.type)}; MySQL holds 65 digits, 30 of them behind the point.`,
      hint: 'Map it to a text column, or give a CREATE TABLE statement of your own.',
    });
  }
  return { native: `DECIMAL(${total},${scale})`, type: { kind: 'decimal', precision: total, scale } };
}

/** A source states its bytes in its own character set: four times as many hold the same text in utf8mb4. */
function text(maxChars: number | undefined, maxBytes: number | undefined): Made {
  if (maxChars !== undefined && maxChars <= VARCHAR_MAX) {
    const chars = Math.max(maxChars, 1);
    return { native: `VARCHAR(${chars})`, type: { kind: 'utf8', maxChars: chars } };
  }
  return sized(TEXT_SIZES, 4 * (maxChars ?? maxBytes ?? Number.POSITIVE_INFINITY), 'utf8');
}

function rowBytes({ type }: Made): number {
  if (type.kind === 'utf8' && type.maxChars !== undefined) return type.maxChars * 4 + 2;
  if (type.kind === 'binary' && (type.maxBytes ?? 65_535) <= VARCHAR_MAX) return (type.maxBytes ?? 0) + 2;
  return 32;
}

/** Bytes in an index, or null for a type that cannot be in one. */
function keyBytes({ type }: Made): number | null {
  if (type.kind === 'json') return null;
  const bounded =
    type.kind === 'utf8'
      ? type.maxChars !== undefined
      : type.kind !== 'binary' || (type.maxBytes ?? 65_535) <= VARCHAR_MAX;
  return bounded ? rowBytes({ native: '', type }) : null;
}

/** The types of a table created for these fields; long VARCHARs become TEXT where a row would not hold them. */
export function columnTypes(fields: readonly Field[]): Made[] {
  let bytes = 0;
  return fields.map((field) => {
    const made = columnType(field);
    bytes += rowBytes(made);
    if (bytes <= ROW_BYTES || rowBytes(made) <= 256) return made;
    bytes += 32 - rowBytes(made);
    return made.type.kind === 'binary' ? sized(BLOB_SIZES, 65_535, 'binary') : sized(TEXT_SIZES, 65_535, 'utf8');
  });
}

const comment = (text: string | undefined) =>
  text === undefined || text === ''
    ? ''
    : ` COMMENT '${text.slice(0, 1_024).replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

/**
 * CREATE TABLE for a load. Keys become the primary key where MySQL can index them. The collation tells every two texts
 * apart but for trailing spaces, so that keys which differ at the source stay apart.
 */
export function createTable(object: string, fields: readonly Field[], keys: readonly string[]): string {
  const types = columnTypes(fields);
  const keyed = keys.map((key) => fields.findIndex((field) => field.name === key));
  const sizes = keyed.map((index) => (index < 0 ? null : keyBytes(types[index])));
  const indexable =
    keys.length > 0 && sizes.every((size) => size !== null) && sizes.reduce((sum, size) => sum + size, 0) <= KEY_BYTES;
  const lines = fields.map((field, index) => {
    const required = !field.nullable || (indexable && keyed.includes(index));
    return `  ${quoteName(field.name)} ${types[index].native} ${required ? 'NOT NULL' : 'NULL'}${comment(field.comment)}`;
  });
  if (indexable) lines.push(`  PRIMARY KEY (${keys.map(quoteName).join(', ')})`);
  return `CREATE TABLE ${quoteName(object)} (\n${lines.join(',\n')}\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`;
}
