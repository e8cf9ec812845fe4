import type { LogicalType, TypeKind } from './types.ts';

export type VerdictName = 'EXACT' | 'WIDENING' | 'NARROWING' | 'LOSSY' | 'IMPOSSIBLE';

/**
 * What becomes of values of one type in another. `EXACT` and `WIDENING`: every value arrives whole. `NARROWING`: values
 * that do not fit are dirty, the others arrive whole. `LOSSY`: values that fit may lose something (digits, a zone).
 */
export interface TypeVerdict {
  verdict: VerdictName;
  reason: string;
}

type Text = Extract<LogicalType, { kind: 'utf8' }>;

const answer = (verdict: VerdictName, reason: string): TypeVerdict => ({ verdict, reason });
const same = answer('EXACT', 'Same type.');
const fits = answer('WIDENING', 'Every value fits.');

/** Bits and sign of the integer kinds. */
const INTS: { [K in TypeKind]?: { digits: number; low: bigint; high: bigint } } = {
  bool: { digits: 1, low: 0n, high: 1n },
  int8: { digits: 3, low: -(2n ** 7n), high: 2n ** 7n - 1n },
  int16: { digits: 5, low: -(2n ** 15n), high: 2n ** 15n - 1n },
  int32: { digits: 10, low: -(2n ** 31n), high: 2n ** 31n - 1n },
  int64: { digits: 19, low: -(2n ** 63n), high: 2n ** 63n - 1n },
  uint64: { digits: 20, low: 0n, high: 2n ** 64n - 1n },
};

/** Least and greatest value of an integer kind; undefined for the others. */
export function intRange(kind: TypeKind): { low: bigint; high: bigint } | undefined {
  return INTS[kind];
}

/** The verdict on a link from values of one type to a column of another. `IMPOSSIBLE`: there is no conversion at all. */
export function verdict(from: LogicalType, to: LogicalType): TypeVerdict {
  const ints = INTS[from.kind];
  if (ints !== undefined) return fromInt(from.kind, ints, to);
  switch (from.kind) {
    case 'float32':
    case 'float64':
      return fromFloat(from.kind, to);
    case 'decimal':
      return fromDecimal(from, to);
    case 'utf8':
    case 'json':
      return fromText(from, to);
    case 'binary':
      if (to.kind === 'binary') return bounded(from.maxBytes, to.maxBytes, 'bytes');
      return to.kind === 'utf8' ? answer('NARROWING', 'Bytes that are not UTF-8 are dirty.') : impossible(from, to);
    default:
      return fromTime(from, to);
  }
}

const impossible = (from: LogicalType, to: LogicalType) =>
  answer('IMPOSSIBLE', `A ${from.kind} has no meaning as ${to.kind}.`);

function fromInt(kind: TypeKind, ints: { digits: number; low: bigint; high: bigint }, to: LogicalType): TypeVerdict {
  const range = INTS[to.kind];
  if (range !== undefined) {
    if (kind === to.kind) return same;
    if (range.low <= ints.low && range.high >= ints.high) return fits;
    return answer('NARROWING', `Values outside ${range.low}…${range.high} are dirty.`);
  }
  switch (to.kind) {
    case 'decimal':
      return to.precision - to.scale >= ints.digits ? fits : answer('NARROWING', 'Values with more digits are dirty.');
    case 'float64':
      return ints.digits <= 10 ? fits : answer('LOSSY', 'Above 2^53 the last digits are lost.');
    case 'float32':
      return ints.digits <= 5 ? fits : answer('LOSSY', 'Above 2^24 the last digits are lost.');
    case 'utf8':
      return text(ints.digits + (ints.low < 0n ? 1 : 0), to);
    default:
      return impossible({ kind } as LogicalType, to);
  }
}

function fromFloat(kind: 'float32' | 'float64', to: LogicalType): TypeVerdict {
  if (kind === to.kind) return same;
  if (to.kind === 'float64') return fits;
  if (to.kind === 'float32') return answer('LOSSY', 'Digits beyond about 7 are lost.');
  if (to.kind === 'utf8') return text(25, to);
  if (to.kind === 'bool') return answer('NARROWING', 'Values other than 0 and 1 are dirty.');
  if (to.kind === 'decimal' || INTS[to.kind] !== undefined)
    return answer('LOSSY', 'A binary fraction is rounded; values out of range are dirty.');
  return impossible({ kind }, to);
}

function fromDecimal(from: Extract<LogicalType, { kind: 'decimal' }>, to: LogicalType): TypeVerdict {
  switch (to.kind) {
    case 'decimal':
      if (to.scale < from.scale) return answer('LOSSY', `At most ${to.scale} digits behind the point are kept.`);
      if (to.precision - to.scale < from.precision - from.scale)
        return answer('NARROWING', 'Values with more digits before the point are dirty.');
      return to.scale === from.scale && to.precision === from.precision ? same : fits;
    case 'utf8':
      // A sign, a point, and the zero before it where there is no other digit.
      return text(from.precision + (from.scale === 0 ? 1 : from.scale < from.precision ? 2 : 3), to);
    case 'float32':
    case 'float64':
      return answer('LOSSY', 'A binary fraction holds about 15 digits.');
    default:
      return decimalToInt(from, to);
  }
}

function decimalToInt(from: Extract<LogicalType, { kind: 'decimal' }>, to: LogicalType): TypeVerdict {
  const range = INTS[to.kind];
  if (range === undefined) return impossible(from, to);
  if (to.kind === 'bool') return answer('NARROWING', 'Values other than 0 and 1 are dirty.');
  if (from.scale > 0) return answer('LOSSY', 'Digits behind the point are lost.');
  // One digit less than the greatest value has is always in range; below zero only where there is room for it.
  return from.precision < range.digits && range.low < 0n ? fits : answer('NARROWING', 'Values out of range are dirty.');
}

function fromText(from: Extract<LogicalType, { kind: 'utf8' | 'json' }>, to: LogicalType): TypeVerdict {
  if (to.kind === 'binary') return widened(bounded(mostBytes(from), to.maxBytes, 'bytes'));
  if (to.kind === 'utf8') return textToText(from, to);
  if (from.kind === 'json')
    return to.kind === 'json' ? bounded(from.maxBytes, to.maxBytes, 'bytes') : impossible(from, to);
  switch (to.kind) {
    case 'json':
      return answer('NARROWING', 'Text that is not JSON is dirty.');
    case 'float32':
    case 'float64':
      return answer('LOSSY', 'A binary fraction is rounded; text that is no number is dirty.');
    default:
      return answer('NARROWING', `Text that does not read as ${to.kind} is dirty.`);
  }
}

/** A character of UTF-8 has at most four bytes. */
function mostBytes(from: Extract<LogicalType, { kind: 'utf8' | 'json' }>): number | undefined {
  if (from.kind === 'json' || from.maxChars === undefined) return from.maxBytes;
  return Math.min(from.maxChars * 4, from.maxBytes ?? Number.POSITIVE_INFINITY);
}

function textToText(from: Extract<LogicalType, { kind: 'utf8' | 'json' }>, to: Text): TypeVerdict {
  if (from.kind === 'utf8' && from.maxChars === to.maxChars && from.maxBytes === to.maxBytes) return same;
  const chars = from.kind === 'utf8' ? (from.maxChars ?? from.maxBytes) : from.maxBytes;
  const byChars = bounded(chars, to.maxChars, 'characters');
  return byChars.verdict === 'NARROWING' ? byChars : widened(bounded(mostBytes(from), to.maxBytes, 'bytes'));
}

function bounded(from: number | undefined, to: number | undefined, unit: string): TypeVerdict {
  if (from === to) return same;
  if (to === undefined || (from !== undefined && from <= to)) return fits;
  return answer('NARROWING', `Values of more than ${to} ${unit} are dirty.`);
}

const widened = (found: TypeVerdict) => (found.verdict === 'EXACT' ? fits : found);

/** Plain text of so many characters, each of one byte. */
function text(chars: number, to: Text): TypeVerdict {
  const room = Math.min(to.maxChars ?? Number.POSITIVE_INFINITY, to.maxBytes ?? Number.POSITIVE_INFINITY);
  return chars <= room ? fits : answer('NARROWING', `Values of more than ${room} characters are dirty.`);
}

const TEMPORAL = new Set<TypeKind>(['date', 'time', 'datetime', 'timestamp']);

function fromTime(from: LogicalType, to: LogicalType): TypeVerdict {
  if (to.kind === 'utf8') return text(charsOf(from), to);
  if (!TEMPORAL.has(to.kind)) return impossible(from, to);
  if (from.kind === to.kind) return digits(from, to);
  if (from.kind === 'date')
    return to.kind === 'datetime'
      ? answer('WIDENING', 'Midnight of that day.')
      : to.kind === 'timestamp'
        ? zone()
        : impossible(from, to);
  if (from.kind === 'time' || to.kind === 'time') return impossible(from, to);
  if (to.kind === 'date') return answer('LOSSY', 'The time of day is lost.');
  return zone();
}

/** Characters of a date or time as text; the hours of a time may have ten digits. */
function charsOf(from: LogicalType): number {
  const fraction = 'digits' in from && from.digits > 0 ? from.digits + 1 : 0;
  if (from.kind === 'date') return 10;
  if (from.kind === 'time') return 17 + fraction;
  return 19 + fraction + (from.kind === 'timestamp' ? '+00:00'.length : 0);
}

const zone = () => answer('LOSSY', 'A wall clock and an instant differ by a zone; UTC is taken.');

function digits(from: LogicalType, to: LogicalType): TypeVerdict {
  if (!('digits' in from) || !('digits' in to) || from.digits === to.digits) return same;
  return from.digits < to.digits
    ? fits
    : answer('LOSSY', `At most ${to.digits} digits of a second's fraction are kept.`);
}
