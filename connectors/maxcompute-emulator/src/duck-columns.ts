import type { DuckDBValue } from '@duckdb/node-api';
import { type ColumnData, type OdpsType, physicalOf } from '@sampan/maxcompute';
import { itemOf } from './duck-items.ts';
import { isNested } from './nested-types.ts';

const NUMBERS = {
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  date: Int32Array,
  float: Float32Array,
  double: Float64Array,
  bool: Uint8Array,
};

/**
 * DuckDB's values of a column, laid out as the record encoder takes them. `nanos` are those below the microsecond, `raw`
 * the bytes of texts that are not UTF-8; both are NULL in rows that have none.
 */
export function columnOf(
  type: OdpsType,
  values: readonly DuckDBValue[],
  nanos: readonly DuckDBValue[],
  raw: readonly DuckDBValue[],
): ColumnData {
  const length = values.length;
  const validity = new Uint8Array((length + 7) >> 3);
  values.forEach((value, row) => {
    if (value !== null) validity[row >> 3] |= 1 << (row & 7);
  });
  const physical = physicalOf(type);
  if (isNested(type)) {
    const items = values.map((value, row) => itemOf(type, value, nanos[row], raw[row]));
    if (physical === 'items') return { length, validity, items };
    return { length, validity, values: BigInt64Array.from(items, (months) => (months ?? 0n) as bigint) };
  }
  switch (physical) {
    case 'bytes':
      return { length, validity, ...bytesOf(type, values, raw) };
    case 'int64':
      return { length, validity, values: BigInt64Array.from(values, (value) => (value ?? 0n) as bigint) };
    case 'millis':
    case 'stamp': {
      const times = BigInt64Array.from(values, (value) => (value as { micros: bigint } | null)?.micros ?? 0n);
      const below = nanos.some((one) => one !== null) ? Uint16Array.from(nanos, (one) => Number(one ?? 0)) : undefined;
      return { length, validity, values: times, subMicros: below };
    }
    case 'date':
      return {
        length,
        validity,
        values: Int32Array.from(values, (value) => (value as { days: number } | null)?.days ?? 0),
      };
    default:
      return {
        length,
        validity,
        values: NUMBERS[physical as keyof typeof NUMBERS].from(values.map((value) => Number(value ?? 0))),
      };
  }
}

function bytesOf(
  type: OdpsType,
  values: readonly DuckDBValue[],
  raw: readonly DuckDBValue[],
): { offsets: Int32Array; data: Buffer } {
  const parts = values.map((value, row) => {
    if (value === null) return Buffer.alloc(0);
    const bytes = type.kind === 'binary' ? value : raw[row];
    return bytes === null ? Buffer.from(String(value)) : Buffer.from((bytes as { bytes: Uint8Array }).bytes);
  });
  const offsets = new Int32Array(values.length + 1);
  parts.forEach((part, row) => {
    offsets[row + 1] = offsets[row] + part.length;
  });
  return { offsets, data: Buffer.concat(parts) };
}
