import type { Column, LogicalType } from '@sampan/connector';
import type { StagedColumn } from './target-columns.ts';
import {
  type Out,
  putDate,
  putDouble,
  putInteger,
  putPadded,
  putSigned64,
  putUnsigned64,
  putWhole,
  room,
} from './writer-bytes.ts';
import type { Dialect } from './writer-dialects.ts';
import { jsonFault } from './writer-json.ts';

/** Prints one cell that is not NULL; answers why it cannot be written, or null. Has 64 bytes of room beforehand. */
export type PutCell = (out: Out, row: number) => string | null;
/** Chosen once for a column; bound once for each batch. */
export type CellCodec = (column: Column) => PutCell;

/** Days of 0000-01-01 and 9999-12-31. */
const FIRST_DAY = -719_528;
const LAST_DAY = 2_932_896;
const LAST_TIME_SECONDS = 838 * 3600 + 59 * 60 + 59;
const UNITS = [1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];

export function cellCodec(type: LogicalType, target: StagedColumn, dialect: Dialect): CellCodec {
  if (/^year\b/i.test(target.native)) return yearCodec(dialect);
  switch (type.kind) {
    case 'bool':
    case 'int8':
    case 'int16':
    case 'int32':
      return integers;
    case 'int64':
      return halves(putSigned64, true);
    case 'uint64':
      return halves(putUnsigned64, false);
    case 'float32':
    case 'float64':
      return doubleCodec(dialect, target.zeros !== 'unsigned');
    case 'date':
      return dateCodec(dialect);
    case 'time':
      return timeCodec(fraction(target, type.digits), dialect);
    case 'datetime':
    case 'timestamp':
      return momentCodec(fraction(target, type.digits), dialect);
    case 'decimal':
    case 'utf8':
    case 'json':
      return bytesCodec(dialect.text, target.json === 'native' ? jsonRule : textRule(target));
    case 'binary':
      return bytesCodec(dialect.binary, binaryRule(target));
  }
}

/** Fractional digits of the column itself: the server would round what has more, without a word. */
function fraction({ native }: StagedColumn, digits: number): number {
  const stated = /^(?:timestamp|datetime|time)\b(?:\((\d)\))?/i.exec(native);
  return stated === null ? digits : Number(stated[1] ?? 0);
}

const integers: CellCodec = ({ values }) => {
  const numbers = values as Int32Array;
  return (out, row) => {
    putInteger(out, numbers[row]);
    return null;
  };
};

function halves(put: (out: Out, low: number, high: number) => void, signed: boolean): CellCodec {
  return ({ values }) => {
    const { buffer, byteOffset, length } = values as BigInt64Array;
    const low = new Uint32Array(buffer, byteOffset, length * 2);
    const high = signed ? new Int32Array(buffer, byteOffset, length * 2) : low;
    return (out, row) => {
      put(out, low[row * 2], high[row * 2 + 1]);
      return null;
    };
  };
}

/** Quoted, since -0 without quotes is a whole number, and its sign would go. */
function doubleCodec({ quote }: Dialect, signedZero: boolean): CellCodec {
  return ({ values }) => {
    const numbers = values as Float64Array;
    return (out, row) => {
      const value = numbers[row];
      if (!Number.isFinite(value)) return 'MySQL has no such number';
      if (!signedZero && value === 0 && Object.is(value, -0)) return 'MariaDB has no zero below zero';
      quote(out);
      putDouble(out, value);
      quote(out);
      return null;
    };
  };
}

/** MySQL reads the texts 70 and 0070 as 1970. */
function yearCodec({ quote }: Dialect): CellCodec {
  return ({ values }) => {
    const years = values as Int32Array;
    return (out, row) => {
      const year = Number(years[row]);
      if (year !== 0 && (year < 1901 || year > 2155)) return 'a YEAR is 0 or 1901 to 2155';
      quote(out);
      putPadded(out, year, 4);
      quote(out);
      return null;
    };
  };
}

function dateCodec({ quote }: Dialect): CellCodec {
  return ({ values }) => {
    const days = values as Int32Array;
    return (out, row) => {
      const day = days[row];
      if (day < FIRST_DAY || day > LAST_DAY) return 'outside the years 0 to 9999';
      quote(out);
      putDate(out, day);
      quote(out);
      return null;
    };
  };
}

/** Whole seconds and the microseconds left of a 64-bit count of microseconds, exact without BigInt. */
function splitMicros(low: number, high: number, into: { seconds: number; micros: number }): void {
  // 2^32 = 4294 · 10^6 + 967296
  const rest = high * 967_296 + low;
  const carry = Math.floor(rest / 1_000_000);
  into.seconds = high * 4_294 + carry;
  into.micros = rest - carry * 1_000_000;
}

function putClock(out: Out, seconds: number, hourWidth: number): void {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds - hours * 3600) / 60);
  if (hours > 99) putWhole(out, hours);
  else putPadded(out, hours, hourWidth);
  out.bytes[out.at++] = 58;
  putPadded(out, minutes, 2);
  out.bytes[out.at++] = 58;
  putPadded(out, seconds - hours * 3600 - minutes * 60, 2);
}

function putFraction(out: Out, micros: number, digits: number): boolean {
  const whole = Math.floor(micros / UNITS[digits]);
  if (whole * UNITS[digits] !== micros) return false;
  if (digits === 0) return true;
  out.bytes[out.at++] = 46;
  putPadded(out, whole, digits);
  return true;
}

const tooFine = (digits: number) => `has more than ${digits} fractional digits`;

function momentCodec(digits: number, { quote }: Dialect): CellCodec {
  const parts = { seconds: 0, micros: 0 };
  return ({ values }) => {
    const { buffer, byteOffset, length } = values as BigInt64Array;
    const low = new Uint32Array(buffer, byteOffset, length * 2);
    const high = new Int32Array(buffer, byteOffset, length * 2);
    return (out, row) => {
      splitMicros(low[row * 2], high[row * 2 + 1], parts);
      const day = Math.floor(parts.seconds / 86_400);
      if (day < FIRST_DAY || day > LAST_DAY) return 'outside the years 0 to 9999';
      quote(out);
      putDate(out, day);
      out.bytes[out.at++] = 32;
      putClock(out, parts.seconds - day * 86_400, 2);
      if (!putFraction(out, parts.micros, digits)) return tooFine(digits);
      quote(out);
      return null;
    };
  };
}

function timeCodec(digits: number, { quote }: Dialect): CellCodec {
  const parts = { seconds: 0, micros: 0 };
  return ({ values }) => {
    const { buffer, byteOffset, length } = values as BigInt64Array;
    const low = new Uint32Array(buffer, byteOffset, length * 2);
    const high = new Int32Array(buffer, byteOffset, length * 2);
    return (out, row) => {
      splitMicros(low[row * 2], high[row * 2 + 1], parts);
      let { seconds, micros } = parts;
      quote(out);
      if (seconds < 0) {
        out.bytes[out.at++] = 45;
        seconds = micros === 0 ? -seconds : -seconds - 1;
        micros = micros === 0 ? 0 : 1_000_000 - micros;
      }
      if (seconds > LAST_TIME_SECONDS || (seconds === LAST_TIME_SECONDS && micros > 0))
        return 'outside -838:59:59 to 838:59:59';
      putClock(out, seconds, 2);
      if (!putFraction(out, micros, digits)) return tooFine(digits);
      quote(out);
      return null;
    };
  };
}

type BytesRule = (data: Uint8Array, from: number, to: number) => string | null;

function bytesCodec(put: Dialect['text'], rule: BytesRule | null): CellCodec {
  return (column) => {
    const data = column.data as Uint8Array;
    const offsets = column.offsets as Int32Array;
    const copy = put(data, offsets[0], offsets[column.length]);
    return (out, row) => {
      const from = offsets[row];
      const to = offsets[row + 1];
      const reason = rule === null ? null : rule(data, from, to);
      if (reason !== null) return reason;
      // Twice the length and a little: each byte escaped, or as hex, and quotes.
      room(out, (to - from) * 2 + 64);
      copy(out, from, to);
      return null;
    };
  };
}

const jsonRule: BytesRule = (data, from, to) =>
  jsonFault(Buffer.from(data.buffer, data.byteOffset + from, to - from).toString('utf8'));

/** What the server would change in a text without a warning. */
function textRule({ native }: StagedColumn): BytesRule | null {
  if (/^char\b/i.test(native)) {
    return (data, from, to) => (to > from && data[to - 1] === 32 ? 'a CHAR column drops trailing spaces' : null);
  }
  const listed = /^(enum|set)\((.*)\)$/is.exec(native);
  return listed === null ? null : memberRule(listed[1].toLowerCase(), listed[2]);
}

/** Digits that are no member of an ENUM or SET would be taken as the number of one. */
function memberRule(kind: string, list: string): BytesRule {
  const members = new Set(
    [...list.matchAll(/'((?:[^']|'')*)'/g)].map((match) => match[1].replaceAll("''", "'").toLowerCase()),
  );
  return (data, from, to) => {
    const first = data[from];
    if (to === from || (first > 57 && first !== 44)) return null;
    const text = Buffer.from(data.buffer, data.byteOffset + from, to - from).toString('utf8');
    if (!/^[\s+-]*\d+\s*$/.test(text)) return null;
    return members.has(text.toLowerCase()) ? null : `not a member of the ${kind.toUpperCase()}`;
  };
}

function binaryRule({ native }: StagedColumn): BytesRule | null {
  const fixed = /^binary\((\d+)\)/i.exec(native);
  if (fixed === null) return null;
  const size = Number(fixed[1]);
  return (_data, from, to) =>
    to - from < size ? `a BINARY(${size}) column would fill ${to - from} bytes up with zeros` : null;
}
