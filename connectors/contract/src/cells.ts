import { type Batch, type Column, isValid } from './batch.ts';
import type { LogicalType } from './types.ts';

const MICROS_A_DAY = 86_400_000_000n;

/** A cell as a JavaScript value: the slow, easy way. 64-bit integers are bigint, decimals, dates and times exact text. */
export type Cell = null | boolean | number | bigint | string | Uint8Array;

export function cell(column: Column, type: LogicalType, row: number): Cell {
  if (!isValid(column, row)) return null;
  switch (type.kind) {
    case 'bool':
      return column.values![row] !== 0;
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint64':
    case 'float32':
    case 'float64':
      return column.values![row];
    case 'binary':
      return column.data!.slice(column.offsets![row], column.offsets![row + 1]);
    default:
      return cellText(column, type, row);
  }
}

/** A cell as exact text: what people see in previews and dirty records. Binary as upper-case hex; null for NULL. */
export function cellText(column: Column, type: LogicalType, row: number): string | null {
  if (!isValid(column, row)) return null;
  switch (type.kind) {
    case 'utf8':
    case 'json':
    case 'decimal':
      return bytesOf(column, row).toString('utf8');
    case 'binary':
      return bytesOf(column, row).toString('hex').toUpperCase();
    case 'bool':
      return column.values![row] === 0 ? 'false' : 'true';
    case 'date':
      return dateText(Number(column.values![row]));
    case 'time':
      return timeText(column.values![row] as bigint, type.digits);
    case 'datetime':
    case 'timestamp': {
      const micros = column.values![row] as bigint;
      const days = floorDiv(micros, MICROS_A_DAY);
      const clock = clockText(micros - days * MICROS_A_DAY, type.digits);
      return `${dateText(Number(days))} ${clock}${type.kind === 'timestamp' ? '+00:00' : ''}`;
    }
    default:
      return Object.is(column.values![row], -0) ? '-0' : String(column.values![row]);
  }
}

/** A cell as dirty records show it: its exact text, cut to 1,000 characters. However long it is, no more is looked at. */
export function cutText(column: Column, type: LogicalType, row: number): string | null {
  const from = column.offsets?.[row] ?? 0;
  const to = column.offsets?.[row + 1] ?? 0;
  if (to - from <= CUT_BYTES) return cellText(column, type, row)?.slice(0, CUT_CHARS) ?? null;
  const start = new Int32Array([from, from + CUT_BYTES]);
  return cellText({ length: 1, offsets: start, data: column.data }, type, 0)!.slice(0, CUT_CHARS);
}

const CUT_CHARS = 1_000;
/** At most four bytes a character. */
const CUT_BYTES = 4 * CUT_CHARS;

function bytesOf(column: Column, row: number): Buffer {
  const data = column.data!;
  return Buffer.from(
    data.buffer,
    data.byteOffset + column.offsets![row],
    column.offsets![row + 1] - column.offsets![row],
  );
}

const floorDiv = (a: bigint, b: bigint) => (a >= 0n ? a / b : -((-a + b - 1n) / b));

const two = (n: number | bigint) => String(n).padStart(2, '0');

/** `2026-03-02` for days since 1970-01-01, in the proleptic Gregorian calendar. */
export function dateText(days: number): string {
  const date = new Date(days * 86_400_000);
  const year = date.getUTCFullYear();
  if (Number.isNaN(year)) return `day ${days}`;
  const sign = year < 0 ? '-' : '';
  return `${sign}${String(Math.abs(year)).padStart(4, '0')}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
}

function clockText(micros: bigint, digits: number): string {
  const seconds = micros / 1_000_000n;
  const fraction =
    digits === 0
      ? ''
      : `.${String(micros % 1_000_000n)
          .padStart(6, '0')
          .slice(0, digits)}`;
  return `${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}${fraction}`;
}

/** `-838:59:59.000000`: signed, and hours beyond 24. */
function timeText(micros: bigint, digits: number): string {
  return micros < 0n ? `-${clockText(-micros, digits)}` : clockText(micros, digits);
}

/**
 * The rows of a batch as objects, for connectors that need no speed. A rare cell reads as null: a target gets none, since
 * the engine has taken their rows out; whoever reads a source's own batches looks at `Batch.rare` first.
 */
export function* rows(batch: Batch): Generator<{ [name: string]: Cell }> {
  for (let row = 0; row < batch.rows; row++) {
    const record: { [name: string]: Cell } = {};
    batch.fields.forEach((field, index) => {
      record[field.name] = cell(batch.columns[index], field.type, row);
    });
    yield record;
  }
}
