import type { Field, LogicalType, TypeKind } from './types.ts';

export type VerdictName = 'EXACT' | 'WIDENING' | 'NARROWING' | 'LOSSY' | 'IMPOSSIBLE';

/**
 * What becomes of values of one type in another. `EXACT` and `WIDENING`: every value arrives whole. `NARROWING`: values
 * that do not fit are dirty, the others arrive whole. `LOSSY`: values that fit may lose something (digits, a zone).
 */
export interface TypeVerdict {
  verdict: VerdictName;
  reason: string;
}

const answer = (verdict: VerdictName, reason: string): TypeVerdict => ({ verdict, reason });
const same = answer('EXACT', 'Same type.');

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
  answer('IMPOSSIBLE', `${from.kind} has no meaning as ${to.kind}.`);

function fromInt(kind: TypeKind, ints: { digits: number; low: bigint; high: bigint }, to: LogicalType): TypeVerdict {
  const range = INTS[to.kind];
  if (range !== undefined) {
    if (kind === to.kind) return same;
    if (range.low <= ints.low && range.high >= ints.high) return answer('WIDENING', 'Every value fits.');
    return answer('NARROWING', `Values outside ${range.low}…${range.high} are dirty.`);
  }
  switch (to.kind) {
    case 'decimal':
      return to.precision - to.scale >= ints.digits
        ? answer('WIDENING', 'Every value fits.')
        : answer('NARROWING', 'Values with more digits are dirty.');
    case 'float64':
      return ints.digits <= 10
        ? answer('WIDENING', 'Every value fits.')
        : answer('LOSSY', 'Above 2^53 the last digits are lost.');
    case 'float32':
      return ints.digits <= 5
        ? answer('WIDENING', 'Every value fits.')
        : answer('LOSSY', 'Above 2^24 the last digits are lost.');
    case 'utf8':
      return text(ints.digits + 1, to);
    default:
      return impossible({ kind } as LogicalType, to);
  }
}

function fromFloat(kind: 'float32' | 'float64', to: LogicalType): TypeVerdict {
  if (kind === to.kind) return same;
  if (to.kind === 'float64') return answer('WIDENING', 'Every value fits.');
  if (to.kind === 'float32') return answer('LOSSY', 'Digits beyond about 7 are lost.');
  if (to.kind === 'utf8') return text(25, to);
  if (to.kind === 'decimal' || INTS[to.kind] !== undefined)
    return answer('LOSSY', 'A binary fraction is rounded; values out of range are dirty.');
  return impossible({ kind }, to);
}

function fromDecimal(from: Extract<LogicalType, { kind: 'decimal' }>, to: LogicalType): TypeVerdict {
  switch (to.kind) {
    case 'decimal':
      if (to.scale < from.scale) return answer('LOSSY', `Digits behind the ${to.scale}th are lost.`);
      if (to.precision - to.scale < from.precision - from.scale)
        return answer('NARROWING', 'Values with more digits before the point are dirty.');
      return to.scale === from.scale && to.precision === from.precision
        ? same
        : answer('WIDENING', 'Every value fits.');
    case 'utf8':
      return text(from.precision + 2, to);
    case 'float32':
    case 'float64':
      return answer('LOSSY', 'A binary fraction holds about 15 digits.');
    default:
      if (INTS[to.kind] === undefined) return impossible(from, to);
      return from.scale === 0
        ? answer('NARROWING', 'Values out of range are dirty.')
        : answer('LOSSY', 'Digits behind the point are lost.');
  }
}

function fromText(from: Extract<LogicalType, { kind: 'utf8' | 'json' }>, to: LogicalType): TypeVerdict {
  const bytes = from.maxBytes ?? (from.kind === 'utf8' && from.maxChars !== undefined ? from.maxChars * 4 : undefined);
  if (to.kind === 'binary') return widened(bounded(bytes, to.maxBytes, 'bytes'));
  if (to.kind === 'utf8') {
    const chars = from.kind === 'utf8' ? (from.maxChars ?? from.maxBytes) : from.maxBytes;
    const fits =
      to.maxChars === undefined ? bounded(bytes, to.maxBytes, 'bytes') : bounded(chars, to.maxChars, 'characters');
    return from.kind === 'utf8' ? fits : widened(fits);
  }
  if (to.kind === 'json')
    return from.kind === 'json'
      ? bounded(from.maxBytes, to.maxBytes, 'bytes')
      : answer('NARROWING', 'Text that is not JSON is dirty.');
  return from.kind === 'json'
    ? impossible(from, to)
    : answer('NARROWING', `Text that does not read as ${to.kind} is dirty.`);
}

function bounded(from: number | undefined, to: number | undefined, unit: string): TypeVerdict {
  if (from === to) return same;
  if (to === undefined || (from !== undefined && from <= to)) return answer('WIDENING', 'Every value fits.');
  return answer('NARROWING', `Values of more than ${to} ${unit} are dirty.`);
}

const widened = (found: TypeVerdict) => (found.verdict === 'EXACT' ? answer('WIDENING', 'Every value fits.') : found);

function text(chars: number, to: Extract<LogicalType, { kind: 'utf8' }>): TypeVerdict {
  return widened(bounded(chars, to.maxChars ?? to.maxBytes, 'characters'));
}

const TEMPORAL = new Set<TypeKind>(['date', 'time', 'datetime', 'timestamp']);

function fromTime(from: LogicalType, to: LogicalType): TypeVerdict {
  if (to.kind === 'utf8') return text(32, to);
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

const zone = () => answer('LOSSY', 'A wall clock and an instant differ by a zone; UTC is taken.');

function digits(from: LogicalType, to: LogicalType): TypeVerdict {
  if (!('digits' in from) || !('digits' in to) || from.digits === to.digits) return same;
  return from.digits < to.digits
    ? answer('WIDENING', 'Every value fits.')
    : answer('LOSSY', `Digits behind the ${to.digits}th of the second are lost.`);
}

export type MappingRuleName = 'SAME_NAME' | 'SAME_NAME_LOOSE' | 'SAME_POSITION';

export interface SuggestedLink extends TypeVerdict {
  target: string;
  column: string;
  /** Position of the target column, from 1. */
  targetPosition: number;
}

export interface SuggestedLinks {
  links: SuggestedLink[];
  unmappedSource: string[];
  unmappedTarget: string[];
}

/** Links by rule. Names are compared without regard to letter case; loosely, `_` is ignored as well. */
export function suggestLinks(
  source: readonly Field[],
  target: readonly Field[],
  rule: MappingRuleName,
): SuggestedLinks {
  const key = (name: string) =>
    rule === 'SAME_NAME_LOOSE' ? name.toLowerCase().replaceAll('_', '') : name.toLowerCase();
  const byName = new Map<string, Field>();
  for (const field of source) if (!byName.has(key(field.name))) byName.set(key(field.name), field);
  const links: SuggestedLink[] = [];
  const used = new Set<string>();
  target.forEach((field, index) => {
    const from = rule === 'SAME_POSITION' ? source[index] : byName.get(key(field.name));
    if (from === undefined || used.has(from.name)) return;
    used.add(from.name);
    links.push({ target: field.name, column: from.name, targetPosition: index + 1, ...verdict(from.type, field.type) });
  });
  const linked = new Set(links.map((link) => link.target));
  return {
    links,
    unmappedSource: source.filter((field) => !used.has(field.name)).map((field) => field.name),
    unmappedTarget: target.filter((field) => !linked.has(field.name)).map((field) => field.name),
  };
}
