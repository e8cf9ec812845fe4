import type { DuckDBListValue, DuckDBMapValue, DuckDBStructValue, DuckDBValue } from '@duckdb/node-api';
import type { Item, OdpsType } from '@sampan/maxcompute';
import { INTERVAL_FIELDS } from './nested-types.ts';

const MICROS = 1_000_000n;
const floorDiv = (a: bigint, b: bigint) => (a - (((a % b) + b) % b)) / b;

/** What lies in the columns beside a nested one, taken in the order in which it was put there (see `Beyond`). */
interface Beside {
  nanos: readonly DuckDBValue[];
  raw: readonly DuckDBValue[];
  nextTime: number;
  nextText: number;
}

const listed = (value: DuckDBValue) => (value === null ? [] : (value as DuckDBListValue).items);

/** One nested value of DuckDB's, or an interval, as the client's encoders take it. */
export function itemOf(type: OdpsType, value: DuckDBValue, nanos: DuckDBValue, raw: DuckDBValue): Item {
  return read(type, value, { nanos: listed(nanos), raw: listed(raw), nextTime: 0, nextText: 0 });
}

function read(type: OdpsType, value: DuckDBValue, beside: Beside): Item {
  if (value === null) return null;
  switch (type.kind) {
    case 'array':
      return (value as DuckDBListValue).items.map((one) => read(type.element, one, beside));
    case 'map': {
      const { entries } = value as DuckDBMapValue;
      const keys = entries.map((entry) => read(type.key, entry.key, beside));
      return entries.map((entry, at) => [keys[at], read(type.value, entry.value, beside)]);
    }
    case 'struct': {
      const { entries } = value as DuckDBStructValue;
      return Object.fromEntries(
        type.fields.map((field) => [field.name, read(field.type, entries[field.name], beside)]),
      );
    }
    case 'interval_year_month':
      return fieldOf(value, INTERVAL_FIELDS.months) as bigint;
    case 'interval_day_time':
      return {
        sec: fieldOf(value, INTERVAL_FIELDS.seconds) as bigint,
        nano: Number(fieldOf(value, INTERVAL_FIELDS.nanos)),
      };
    default:
      return scalar(type, value, beside);
  }
}

const fieldOf = (value: DuckDBValue, name: string) => (value as DuckDBStructValue).entries[name];

function scalar(type: OdpsType, value: DuckDBValue, beside: Beside): Item {
  switch (type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'bigint':
      return BigInt(value as number | bigint);
    case 'boolean':
    case 'float':
    case 'double':
      return value as boolean | number;
    case 'date':
      return BigInt((value as { days: number }).days);
    case 'datetime':
      return floorDiv((value as { micros: bigint }).micros, 1_000n);
    case 'timestamp':
    case 'timestamp_ntz': {
      const { micros } = value as { micros: bigint };
      const sec = floorDiv(micros, MICROS);
      const nanos = Number(beside.nanos[beside.nextTime++] ?? 0);
      return { sec, nano: Number(micros - sec * MICROS) * 1_000 + nanos };
    }
    case 'binary':
      return (value as { bytes: Uint8Array }).bytes;
    case 'decimal':
      return String(value);
    default: {
      const bytes = beside.raw[beside.nextText++] ?? null;
      return bytes === null ? String(value) : (bytes as { bytes: Uint8Array }).bytes;
    }
  }
}
