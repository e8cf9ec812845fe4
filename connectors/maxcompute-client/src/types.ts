/** A MaxCompute type, parsed. `unknown` keeps the text of a type that this version does not know. */
export type OdpsType =
  | { kind: ScalarKind }
  | { kind: 'decimal'; precision: number; scale: number }
  | { kind: 'varchar' | 'char'; length: number }
  | { kind: 'array'; element: OdpsType }
  | { kind: 'map'; key: OdpsType; value: OdpsType }
  | { kind: 'struct'; fields: { name: string; type: OdpsType }[] }
  | { kind: 'unknown'; text: string };

export type ScalarKind =
  | 'tinyint'
  | 'smallint'
  | 'int'
  | 'bigint'
  | 'float'
  | 'double'
  | 'boolean'
  | 'string'
  | 'binary'
  | 'json'
  | 'date'
  | 'datetime'
  | 'timestamp'
  | 'timestamp_ntz'
  | 'interval_day_time'
  | 'interval_year_month';

export interface OdpsColumn {
  name: string;
  type: OdpsType;
  nullable: boolean;
  comment: string;
  /** As SQL writes it, where the column has one. */
  defaultValue?: string | undefined;
}

export interface OdpsSchema {
  columns: OdpsColumn[];
  partitionColumns: OdpsColumn[];
}

/** The type as SQL writes it. */
export function typeText(type: OdpsType): string {
  switch (type.kind) {
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`;
    case 'varchar':
    case 'char':
      return `${type.kind.toUpperCase()}(${type.length})`;
    case 'array':
      return `ARRAY<${typeText(type.element)}>`;
    case 'map':
      return `MAP<${typeText(type.key)},${typeText(type.value)}>`;
    case 'struct':
      return `STRUCT<${type.fields.map((field) => `${fieldName(field.name)}:${typeText(field.type)}`).join(',')}>`;
    case 'unknown':
      return type.text;
    default:
      return type.kind.toUpperCase();
  }
}

const fieldName = (name: string) => (/^\w+$/.test(name) ? name : `\`${name}\``);
