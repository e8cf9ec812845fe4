/**
 * Logical types of values on their way from a source to a target, each with one physical form (see `batch.ts`).
 *
 * `datetime` is a wall clock without a zone, `timestamp` is an instant; both are exact to the microsecond.
 * `time` is a signed duration that may exceed 24 hours. `decimal` is exact: precision counts all digits, scale those
 * behind the point. Lengths are upper bounds where the system states one.
 */
export type LogicalType =
  | { kind: 'bool' }
  | { kind: 'int8' }
  | { kind: 'int16' }
  | { kind: 'int32' }
  | { kind: 'int64' }
  | { kind: 'uint64' }
  | { kind: 'float32' }
  | { kind: 'float64' }
  | { kind: 'decimal'; precision: number; scale: number }
  | { kind: 'utf8'; maxChars?: number; maxBytes?: number }
  | { kind: 'binary'; maxBytes?: number }
  | { kind: 'json'; maxBytes?: number }
  | { kind: 'date' }
  | { kind: 'time'; digits: number }
  | { kind: 'datetime'; digits: number }
  | { kind: 'timestamp'; digits: number };

/** The name of a logical type without its parameters. */
export type TypeKind = LogicalType['kind'];

/** One column of an object. */
export interface Field {
  name: string;
  type: LogicalType;
  /** The type as the system itself prints it, such as `bigint(20) unsigned`. */
  native: string;
  nullable: boolean;
  /** True where the system computes the value, so that nothing can be written to it. */
  generated: boolean;
  /** True where the system fills the column by itself when a row does not name it (default, auto-increment). */
  defaulted?: boolean;
  comment?: string;
}

/** A key or unique index of an object. */
export interface Key {
  name: string;
  columns: string[];
  unique: boolean;
  primary: boolean;
}

export type ObjectKind = 'TABLE' | 'VIEW' | 'FILES' | 'COLLECTION';

/** What a system says of one object. Estimates are the system's own and may be far off; null where it gives none. */
export interface Schema {
  object: string;
  kind: ObjectKind;
  fields: Field[];
  /** Columns that only name a partition; empty where the system has no partitions or they are ordinary columns. */
  partitionFields: Field[];
  keys: Key[];
  rowEstimate: number | null;
  byteEstimate: number | null;
  comment?: string;
}

/** The type in the words of the API and the console: `int64`, `decimal(20,0)`, `utf8(255)`. */
export function typeText(type: LogicalType): string {
  switch (type.kind) {
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    case 'utf8':
      return type.maxChars === undefined ? 'utf8' : `utf8(${type.maxChars})`;
    case 'time':
    case 'datetime':
    case 'timestamp':
      return `${type.kind}(${type.digits})`;
    default:
      return type.kind;
  }
}
