import type { DuckDBListValue, DuckDBMapValue, DuckDBStructValue, DuckDBValue } from '@duckdb/node-api';
import type { OdpsType } from '@sampan/maxcompute';
import { INTERVAL_FIELDS } from '../nested-types.ts';

/** How NULL is written inside a nested value, and by itself. */
const NULL = '\\N';

/**
 * A nested value or an interval as a field of a result's CSV: `["a",\N]`, `{"k":1}`, as pyodps takes it apart; intervals
 * as the Java SDK writes them, `1-2` and `3 04:05:06.000000000`. Instants are told in `zone`.
 */
export function nestedText(type: OdpsType, value: DuckDBValue, zone: string): string {
  if (value === null) return NULL;
  switch (type.kind) {
    case 'array':
      return `[${(value as DuckDBListValue).items.map((one) => nestedText(type.element, one, zone)).join(',')}]`;
    case 'map': {
      const pairs = (value as DuckDBMapValue).entries.map(
        (entry) => `${nestedText(type.key, entry.key, zone)}:${nestedText(type.value, entry.value, zone)}`,
      );
      return `{${pairs.join(',')}}`;
    }
    case 'struct': {
      const { entries } = value as DuckDBStructValue;
      const fields = type.fields.map(
        (field) => `${inQuotes(field.name)}:${nestedText(field.type, entries[field.name], zone)}`,
      );
      return `{${fields.join(',')}}`;
    }
    case 'interval_year_month':
      return monthsText(fieldOf(value, INTERVAL_FIELDS.months));
    case 'interval_day_time':
      return secondsText(fieldOf(value, INTERVAL_FIELDS.seconds), fieldOf(value, INTERVAL_FIELDS.nanos));
    default:
      return scalarText(type, value, zone);
  }
}

const inQuotes = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
const fieldOf = (value: DuckDBValue, name: string) => BigInt((value as DuckDBStructValue).entries[name] as bigint);
const two = (value: bigint) => String(value).padStart(2, '0');

function monthsText(all: bigint): string {
  const months = all < 0n ? -all : all;
  return `${all < 0n ? '-' : ''}${months / 12n}-${months % 12n}`;
}

function secondsText(wholeSeconds: bigint, nanosAbove: bigint): string {
  const all = wholeSeconds * 1_000_000_000n + nanosAbove;
  const nanos = all < 0n ? -all : all;
  const seconds = nanos / 1_000_000_000n;
  const clock = `${two((seconds / 3_600n) % 24n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}`;
  return `${all < 0n ? '-' : ''}${seconds / 86_400n} ${clock}.${String(nanos % 1_000_000_000n).padStart(9, '0')}`;
}

function scalarText(type: OdpsType, value: DuckDBValue, zone: string): string {
  switch (type.kind) {
    case 'string':
    case 'date':
    case 'timestamp_ntz':
      return inQuotes(String(value));
    case 'datetime':
      return inQuotes(instantText((value as { micros: bigint }).micros, zone));
    case 'binary':
      return inQuotes(Buffer.from((value as { bytes: Uint8Array }).bytes).toString('utf8'));
    case 'float':
    case 'double':
      return numberText(value as number, type.kind);
    default:
      return String(value);
  }
}

/** The shortest digits that give the same number again. */
function numberText(value: number, kind: 'float' | 'double'): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  const digits = [6, 7, 8].find((one) => Math.fround(Number(value.toPrecision(one))) === value);
  const shown = kind === 'float' && digits !== undefined ? Number(value.toPrecision(digits)) : value;
  if (Object.is(shown, -0)) return '-0.0';
  return Number.isInteger(shown) && Math.abs(shown) < 1e16 ? `${shown}.0` : String(shown);
}

function instantText(micros: bigint, zone: string): string {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  const below = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const parts = new Map(format.formatToParts(Number((micros - below) / 1_000n)).map((one) => [one.type, one.value]));
  const day = `${parts.get('year')?.padStart(4, '0')}-${parts.get('month')}-${parts.get('day')}`;
  const fraction = below === 0n ? '' : `.${String(below).padStart(6, '0').replace(/0+$/, '')}`;
  return `${day} ${parts.get('hour')}:${parts.get('minute')}:${parts.get('second')}${fraction}`;
}
