import type { OdpsType } from '@sampan/maxcompute';
import type { ThriftWriter } from './thrift.ts';

/** Numbers that Parquet gives its physical types. */
export const PHYSICAL = { boolean: 0, int32: 1, int64: 2, float: 4, double: 5, bytes: 6, fixed: 7 } as const;

/** Bytes of a DECIMAL that does not fit 64 bits. */
export const WIDE_DECIMAL_BYTES = 16;

/** Undefined for types that are not stored as one scalar. */
export function physicalType(type: OdpsType): number | undefined {
  switch (type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'date':
      return PHYSICAL.int32;
    case 'bigint':
    case 'datetime':
    case 'timestamp':
    case 'timestamp_ntz':
      return PHYSICAL.int64;
    case 'boolean':
    case 'float':
    case 'double':
      return PHYSICAL[type.kind];
    case 'decimal':
      return type.precision <= 9 ? PHYSICAL.int32 : type.precision <= 18 ? PHYSICAL.int64 : PHYSICAL.fixed;
    case 'string':
    case 'varchar':
    case 'char':
    case 'json':
    case 'binary':
      return PHYSICAL.bytes;
    default:
      return undefined;
  }
}

const UTF8 = 0;
const DECIMAL = 5;
const DATE = 6;
const TIMESTAMP_MICROS = 10;
const INT_8 = 15;
const INT_16 = 16;

/** Fields 6…10 of a SchemaElement: what the physical values mean. */
export function describeType(out: ThriftWriter, type: OdpsType): void {
  switch (type.kind) {
    case 'tinyint':
    case 'smallint':
      out.i32(6, type.kind === 'tinyint' ? INT_8 : INT_16);
      logical(out, 10, () => {
        out.i8(1, type.kind === 'tinyint' ? 8 : 16);
        out.boolean(2, true);
      });
      break;
    case 'date':
      out.i32(6, DATE);
      logical(out, 6, () => {});
      break;
    case 'decimal':
      out.i32(6, DECIMAL);
      out.i32(7, type.scale);
      out.i32(8, type.precision);
      logical(out, 5, () => {
        out.i32(1, type.scale);
        out.i32(2, type.precision);
      });
      break;
    case 'datetime':
    case 'timestamp':
      out.i32(6, TIMESTAMP_MICROS);
      timestamp(out, true);
      break;
    case 'timestamp_ntz':
      // No converted type: the old one always means an instant.
      timestamp(out, false);
      break;
    case 'string':
    case 'varchar':
    case 'char':
    case 'json':
      out.i32(6, UTF8);
      logical(out, 1, () => {});
      break;
    default:
  }
}

function logical(out: ThriftWriter, kind: number, fill: () => void): void {
  out.struct(10, () => out.struct(kind, fill));
}

function timestamp(out: ThriftWriter, instant: boolean): void {
  logical(out, 8, () => {
    out.boolean(1, instant);
    out.struct(2, () => out.struct(2, () => {}));
  });
}
