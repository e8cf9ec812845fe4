import { type ColumnData, type OdpsType, physicalOf } from '../src/index.ts';

// biome-ignore lint/suspicious/noExplicitAny: the values of the vectors file, whose legend says what they are
export type VectorValue = any;

const MICROS = 1_000_000n;

function scalar(type: OdpsType, value: VectorValue): unknown {
  switch (type.kind) {
    case 'bigint':
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'interval_year_month':
      return BigInt(typeof value === 'object' ? value.months : value);
    case 'date':
      return BigInt(value.epochDay);
    case 'datetime':
      return BigInt(value.epochMs);
    case 'timestamp':
    case 'timestamp_ntz':
    case 'interval_day_time':
      return { sec: BigInt(value.sec), nano: value.nano };
    case 'float':
    case 'double':
      return typeof value === 'string' ? (value === '-0.0' ? -0 : Number(value)) : value;
    case 'binary':
      return Uint8Array.from(Buffer.from(value.hex, 'hex'));
    case 'json':
      return value.jsonText;
    case 'array':
      return value.map((one: VectorValue) => (one === null ? null : scalar(type.element, one)));
    case 'map':
      return value.map(([key, one]: VectorValue[]) => [
        scalar(type.key, key),
        one === null ? null : scalar(type.value, one),
      ]);
    case 'struct':
      return Object.fromEntries(
        type.fields.map((field) => [
          field.name,
          value[field.name] === null ? null : scalar(field.type, value[field.name]),
        ]),
      );
    default:
      return value;
  }
}

/** A column from the vectors' values, and those values as `valuesOf` shows them. */
export function columnFrom(type: OdpsType, given: VectorValue[]): { column: ColumnData; shown: unknown[] } {
  const shown = given.map((value) => (value === null || value === undefined ? null : scalar(type, value)));
  const length = given.length;
  const validity = new Uint8Array((length + 7) >> 3);
  shown.forEach((value, row) => {
    if (value !== null) validity[row >> 3] |= 1 << (row & 7);
  });
  const physical = physicalOf(type);
  if (physical === 'items') return { column: { length, validity, items: shown }, shown };
  if (physical === 'bytes') {
    const parts = shown.map((value) =>
      value === null ? Buffer.alloc(0) : value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(String(value)),
    );
    const offsets = new Int32Array(length + 1);
    parts.forEach((part, row) => {
      offsets[row + 1] = offsets[row] + part.length;
    });
    return { column: { length, validity, offsets, data: Buffer.concat(parts) }, shown };
  }
  if (physical === 'stamp') {
    const stamps = shown as ({ sec: bigint; nano: number } | null)[];
    const values = BigInt64Array.from(
      stamps.map((one) => (one === null ? 0n : one.sec * MICROS + BigInt(Math.floor(one.nano / 1_000)))),
    );
    return {
      column: { length, validity, values, subMicros: Uint16Array.from(stamps.map((one) => (one?.nano ?? 0) % 1_000)) },
      shown,
    };
  }
  if (physical === 'int64' || physical === 'millis') {
    const scale = physical === 'millis' ? 1_000n : 1n;
    return {
      column: {
        length,
        validity,
        values: BigInt64Array.from((shown as (bigint | null)[]).map((one) => (one ?? 0n) * scale)),
      },
      shown,
    };
  }
  const Kind = {
    int8: Int8Array,
    int16: Int16Array,
    int32: Int32Array,
    date: Int32Array,
    float: Float32Array,
    double: Float64Array,
    bool: Uint8Array,
  }[physical];
  return { column: { length, validity, values: Kind.from(shown.map((one) => Number(one ?? 0))) }, shown };
}

/** A decoded cell in the same form as `columnFrom` shows it. */
export function valuesOf(type: OdpsType, column: ColumnData, row: number): unknown {
  if (column.validity !== undefined && (column.validity[row >> 3] & (1 << (row & 7))) === 0) return null;
  switch (physicalOf(type)) {
    case 'items':
      return column.items![row];
    case 'bytes': {
      const bytes = Buffer.from(column.data!.subarray(column.offsets![row], column.offsets![row + 1]));
      return type.kind === 'binary' ? Uint8Array.from(bytes) : bytes.toString('utf8');
    }
    case 'stamp': {
      const micros = column.values![row] as bigint;
      const sec = micros >= 0n ? micros / MICROS : -((-micros + MICROS - 1n) / MICROS);
      return { sec, nano: Number(micros - sec * MICROS) * 1_000 + (column.subMicros?.[row] ?? 0) };
    }
    case 'millis':
      return (column.values![row] as bigint) / 1_000n;
    case 'bool':
      return column.values![row] === 1;
    case 'float':
    case 'double':
      return column.values![row];
    default:
      return BigInt(column.values![row]);
  }
}
