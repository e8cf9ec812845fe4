import { MaxComputeError } from './errors.ts';
import type { OdpsType } from './types.ts';

export type Values =
  | Uint8Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/**
 * A column of values, in Arrow's memory layout.
 *
 * `values` by type: TINYINT Int8Array · SMALLINT Int16Array · INT Int32Array · BIGINT BigInt64Array · FLOAT, DOUBLE their
 * arrays · BOOLEAN Uint8Array of 0 and 1 · DATE Int32Array, days since 1970-01-01 · DATETIME, TIMESTAMP, TIMESTAMP_NTZ
 * BigInt64Array, microseconds since 1970-01-01T00:00:00 (NTZ: the wall clock read as UTC) · INTERVAL_YEAR_MONTH
 * BigInt64Array, months. `offsets` and `data`: STRING, VARCHAR, CHAR, JSON (UTF-8), BINARY, DECIMAL (its plain text).
 * `items`: ARRAY (an array), MAP (an array of pairs), STRUCT (an object), INTERVAL_DAY_TIME (`{sec, nano}`).
 * Arrays may be longer than `length`; only the first `length` entries count.
 */
export interface ColumnData {
  length: number;
  /** Bit i (least significant first) is 1 where row i has a value. Absent: no NULLs. */
  validity?: Uint8Array | undefined;
  values?: Values | undefined;
  offsets?: Int32Array | undefined;
  data?: Uint8Array | undefined;
  /** Nanoseconds 0…999 below the microsecond, where a TIMESTAMP has any. */
  subMicros?: Uint16Array | undefined;
  items?: unknown[] | undefined;
}

/** How values of a type lie in memory and on the wire. */
export type Physical =
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'float'
  | 'double'
  | 'bool'
  | 'bytes'
  | 'date'
  | 'millis'
  | 'stamp'
  | 'items';

/** @throws MaxComputeError `UnknownType` */
export function physicalOf(type: OdpsType): Physical {
  switch (type.kind) {
    case 'tinyint':
      return 'int8';
    case 'smallint':
      return 'int16';
    case 'int':
      return 'int32';
    case 'bigint':
    case 'interval_year_month':
      return 'int64';
    case 'float':
    case 'double':
      return type.kind;
    case 'boolean':
      return 'bool';
    case 'date':
      return 'date';
    case 'datetime':
      return 'millis';
    case 'timestamp':
    case 'timestamp_ntz':
      return 'stamp';
    case 'array':
    case 'map':
    case 'struct':
    case 'interval_day_time':
      return 'items';
    case 'unknown':
      throw new MaxComputeError({
        code: 'UnknownType',
        kind: 'config',
        message: `Values of type ${type.text} cannot be read or written by this version.`,
        hint: 'Leave the column out.',
      });
    default:
      return 'bytes';
  }
}

export function createValues(physical: Physical, length: number): Values | undefined {
  switch (physical) {
    case 'int8':
      return new Int8Array(length);
    case 'int16':
      return new Int16Array(length);
    case 'int32':
    case 'date':
      return new Int32Array(length);
    case 'int64':
    case 'millis':
    case 'stamp':
      return new BigInt64Array(length);
    case 'float':
      return new Float32Array(length);
    case 'double':
      return new Float64Array(length);
    case 'bool':
      return new Uint8Array(length);
    default:
      return undefined;
  }
}

/** Wire type of the record stream: 0 varint, 1 fixed 64, 2 bytes or self-delimiting, 5 fixed 32. */
export function wireTypeOf(physical: Physical): number {
  if (physical === 'double') return 1;
  if (physical === 'float') return 5;
  return physical === 'bytes' || physical === 'stamp' || physical === 'items' ? 2 : 0;
}
