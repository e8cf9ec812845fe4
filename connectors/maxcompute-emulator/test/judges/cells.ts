import type { ColumnData, Item, OdpsType, Stamp } from '@sampan/maxcompute';
import { bits, texts } from '../fixture.ts';

/** A value as it travels to and from a judge (see `judge.py`). */
export type Text = null | string | Text[];

const floorDiv = (a: bigint, b: bigint) => (a - (((a % b) + b) % b)) / b;

const dayOf = (text: string) => Date.parse(`${text}T00:00:00Z`) / 86_400_000;
const dayText = (day: number) => new Date(day * 86_400_000).toISOString().slice(0, 10).replace(/^\+00/, '');

function floatOf(text: string): number {
  if (text === 'nan') return Number.NaN;
  const bytes = Buffer.from(text, 'hex');
  return bytes.length === 4 ? bytes.readFloatLE() : bytes.readDoubleLE();
}

function floatText(value: number, width: 4 | 8): string {
  if (Number.isNaN(value)) return 'nan';
  const bytes = Buffer.alloc(width);
  if (width === 4) bytes.writeFloatLE(value);
  else bytes.writeDoubleLE(value);
  return bytes.toString('hex');
}

/** Values of a type as the column that our client writes. */
export function columnOf(type: OdpsType, cells: readonly Text[]): ColumnData {
  const length = cells.length;
  const validity = bits(cells);
  const fixed = <T>(
    Kind: { from(values: T[]): ColumnData['values'] },
    of: (text: string) => T,
    none: T,
  ): ColumnData => ({
    length,
    validity,
    values: Kind.from(cells.map((cell) => (cell === null ? none : of(cell as string)))),
  });
  switch (type.kind) {
    case 'tinyint':
      return fixed(Int8Array, Number, 0);
    case 'smallint':
      return fixed(Int16Array, Number, 0);
    case 'int':
      return fixed(Int32Array, Number, 0);
    case 'bigint':
    case 'interval_year_month':
      return fixed(BigInt64Array, BigInt, 0n);
    case 'float':
      return fixed(Float32Array, floatOf, 0);
    case 'double':
      return fixed(Float64Array, floatOf, 0);
    case 'boolean':
      return fixed(Uint8Array, (text) => (text === 'true' ? 1 : 0), 0);
    case 'date':
      return fixed(Int32Array, dayOf, 0);
    case 'datetime':
      return fixed(BigInt64Array, BigInt, 0n);
    case 'timestamp':
    case 'timestamp_ntz': {
      const nanos = cells.map((cell) => (cell === null ? 0n : BigInt(cell as string)));
      return {
        ...fixed(BigInt64Array, (text) => floorDiv(BigInt(text), 1_000n), 0n),
        subMicros: Uint16Array.from(nanos.map((one) => Number(((one % 1_000n) + 1_000n) % 1_000n))),
      };
    }
    case 'array':
    case 'map':
    case 'struct':
    case 'interval_day_time':
      return { length, validity, items: cells.map((cell) => itemOf(type, cell)) };
    case 'binary':
      return texts(cells.map((cell) => (cell === null ? null : Buffer.from(cell as string, 'hex'))));
    default:
      return texts(cells as (string | null)[]);
  }
}

function itemOf(type: OdpsType, text: Text): Item {
  if (text === null) return null;
  switch (type.kind) {
    case 'array':
      return (text as Text[]).map((one) => itemOf(type.element, one));
    case 'map':
      return (text as [Text, Text][]).map(([key, value]) => [itemOf(type.key, key), itemOf(type.value, value)]);
    case 'struct':
      return Object.fromEntries(
        type.fields.map(({ name, type: inner }, at) => [name, itemOf(inner, (text as Text[])[at])]),
      );
    case 'float':
    case 'double':
      return floatOf(text as string);
    case 'boolean':
      return text === 'true';
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'bigint':
    case 'interval_year_month':
      return BigInt(text as string);
    case 'date':
      return BigInt(dayOf(text as string));
    case 'datetime':
      return BigInt(text as string) / 1_000n;
    case 'timestamp':
    case 'timestamp_ntz':
    case 'interval_day_time': {
      const sec = floorDiv(BigInt(text as string), 1_000_000_000n);
      return { sec, nano: Number(BigInt(text as string) - sec * 1_000_000_000n) };
    }
    case 'binary':
      return Buffer.from(text as string, 'hex');
    default:
      return text as string;
  }
}

/** The value of a row as text. */
export function textOf(type: OdpsType, column: ColumnData, row: number): Text {
  if (column.validity !== undefined && (column.validity[row >> 3] & (1 << (row & 7))) === 0) return null;
  const value = column.values?.[row];
  switch (type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'bigint':
    case 'datetime':
    case 'interval_year_month':
      return String(value);
    case 'float':
      return floatText(value as number, 4);
    case 'double':
      return floatText(value as number, 8);
    case 'boolean':
      return value === 1 ? 'true' : 'false';
    case 'date':
      return dayText(value as number);
    case 'timestamp':
    case 'timestamp_ntz':
      return String((value as bigint) * 1_000n + BigInt(column.subMicros?.[row] ?? 0));
    case 'array':
    case 'map':
    case 'struct':
    case 'interval_day_time':
      return itemText(type, column.items![row] as Item);
    default: {
      const bytes = Buffer.from(column.data!.subarray(column.offsets![row], column.offsets![row + 1]));
      return bytes.toString(type.kind === 'binary' ? 'hex' : 'utf8');
    }
  }
}

function itemText(type: OdpsType, item: Item): Text {
  if (item === null || item === undefined) return null;
  switch (type.kind) {
    case 'array':
      return (item as Item[]).map((one) => itemText(type.element, one));
    case 'map':
      return (item as [Item, Item][]).map(([key, value]) => [itemText(type.key, key), itemText(type.value, value)]);
    case 'struct':
      return type.fields.map(({ name, type: inner }) => itemText(inner, (item as { [name: string]: Item })[name]));
    case 'interval_day_time':
      return String(BigInt((item as Stamp).sec) * 1_000_000_000n + BigInt((item as Stamp).nano));
    case 'float':
      return floatText(item as number, 4);
    case 'double':
      return floatText(item as number, 8);
    case 'date':
      return dayText(Number(item));
    case 'datetime':
      return String((item as bigint) * 1_000n);
    case 'timestamp':
    case 'timestamp_ntz':
      return String((item as Stamp).sec * 1_000_000_000n + BigInt((item as Stamp).nano));
    case 'binary':
      return Buffer.from(item as Uint8Array).toString('hex');
    default:
      return String(item);
  }
}

/** Edges of each type, NULL among them. Times stay where nanoseconds fit 64 bits: Python's SDK knows no others. */
export const EDGES: { [type: string]: Text[] } = {
  TINYINT: ['-128', '0', null, '127'],
  SMALLINT: ['-32768', null, '0', '32767'],
  INT: ['-2147483648', '0', null, '2147483647'],
  BIGINT: ['-9223372036854775807', null, '9007199254740993', '9223372036854775807'],
  FLOAT: ['00000080', 'nan', null, 'ffff7f7f', '0000807f', '01000000'],
  DOUBLE: ['0000000000000080', 'nan', null, '000000000000f0ff', '0100000000000000', 'ffffffffffffef7f'],
  BOOLEAN: ['true', null, 'false'],
  STRING: ['', null, 'naïve 🎉 "quoted"\t\n\\N', 'NULL', '\u0000', 'x'.repeat(70_000)],
  'VARCHAR(20)': ['äöü', null, '', '🎉'.repeat(5)],
  'CHAR(5)': ['abcde', null, 'ä'],
  BINARY: ['', null, '00ff80', 'c328'],
  DATE: ['0001-01-01', null, '1582-10-10', '1969-12-31', '2026-02-28', '9999-12-31'],
  DATETIME: ['-62135596800000000', null, '-1000', '0', '1772366400123000', '253402300799999000'],
  TIMESTAMP: ['-9000000000000000001', null, '-1', '0', '1772366400123456789', '9000000000000000001'],
  TIMESTAMP_NTZ: ['-1', null, '1', '1772366400123456789', '-2208988800000000001'],
  'DECIMAL(38,18)': ['-99999999999999999999.999999999999999999', null, '0.000000000000000001', '0.000000000000000000'],
  'DECIMAL(9,2)': ['-1234567.89', null, '0.50', '9999999.99'],
  'DECIMAL(20,0)': ['18446744073709551615', null, '-1', '0'],
};
