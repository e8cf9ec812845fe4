import { type Cell, intRange, type LogicalType, type TypeKind } from '@sampan/connector';

/** Why a value does not go into a type. */
export class Unfit extends Error {}

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/;
const DATE = /^(\d{4})-(\d\d)-(\d\d)/;
const CLOCK = /^(-?)(\d{1,4}):(\d\d):(\d\d)(?:\.(\d{1,9}))?/;
// A byte order mark in front is part of the value.
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * A value, given as its exact text, as a value of the type. `lossy` allows digits (or a zone) to be lost; what does not
 * fit is refused either way. @throws Unfit
 */
export function fromText(text: string, from: TypeKind, to: LogicalType, lossy: boolean): Cell {
  switch (to.kind) {
    case 'utf8':
      if (from === 'binary') return utf8Of(Buffer.from(text, 'hex'), to);
      return bounded(text, to);
    case 'json':
      return jsonOf(text, from);
    case 'binary':
      return from === 'binary' ? Buffer.from(text, 'hex') : Buffer.from(text, 'utf8');
    case 'decimal':
      return decimalOf(text, to.precision, to.scale, lossy);
    case 'float32':
    case 'float64':
      return floatOf(text, to.kind, lossy);
    case 'date':
      return dateOf(text, from, lossy);
    case 'time':
      return clockMicros(text, to.digits, lossy);
    case 'datetime':
    case 'timestamp':
      return instantOf(text, from, to, lossy);
    case 'bool':
      return boolOf(text);
    default:
      return intOf(text, to.kind, lossy);
  }
}

function bounded(text: string, to: Extract<LogicalType, { kind: 'utf8' }>): string {
  if (to.maxChars !== undefined && text.length > to.maxChars && [...text].length > to.maxChars)
    throw new Unfit(`more than ${to.maxChars} characters`);
  if (to.maxBytes !== undefined && text.length * 3 > to.maxBytes && Buffer.byteLength(text) > to.maxBytes)
    throw new Unfit(`more than ${to.maxBytes} bytes`);
  return text;
}

function utf8Of(bytes: Uint8Array, to: Extract<LogicalType, { kind: 'utf8' }>): string {
  try {
    return bounded(UTF8.decode(bytes), to);
  } catch (error) {
    throw error instanceof Unfit ? error : new Unfit('not UTF-8');
  }
}

/** The text is kept as it is: parsing and printing would change numbers above 2^53. */
function jsonOf(text: string, from: TypeKind): string {
  if (from === 'json') return text;
  try {
    JSON.parse(text);
    return text;
  } catch {
    throw new Unfit('not JSON');
  }
}

/** Digits with exactly `scale` behind the point. */
function decimalOf(text: string, precision: number, scale: number, lossy: boolean): string {
  const match = DECIMAL.exec(text.trim());
  if (match === null || (match[2] === '' && !match[3])) throw new Unfit('not a number');
  const [, sign, whole, fraction = '', exponent = '0'] = match;
  const digits = `${whole}${fraction}`;
  const point = whole.length + Number(exponent);
  const shifted = point >= 0 ? digits.padEnd(point, '0') : `${'0'.repeat(-point)}${digits}`;
  const front = point >= 0 ? shifted.slice(0, point) : '';
  const behind = point >= 0 ? shifted.slice(point) : shifted;
  let unscaled = BigInt(`${front}${behind.slice(0, scale).padEnd(scale, '0')}` || '0');
  const cut = behind.slice(scale);
  if (/[1-9]/.test(cut)) {
    if (!lossy) throw new Unfit(`more than ${scale} digits behind the point`);
    if (cut[0] >= '5') unscaled += 1n;
  }
  const plain = unscaled.toString().padStart(scale + 1, '0');
  if (plain.length > Math.max(precision, scale + 1) || unscaled >= 10n ** BigInt(precision))
    throw new Unfit(`more than ${precision} digits`);
  const minus = sign === '-' && unscaled !== 0n ? '-' : '';
  return scale === 0 ? `${minus}${plain}` : `${minus}${plain.slice(0, -scale)}.${plain.slice(-scale)}`;
}

function intOf(text: string, kind: TypeKind, lossy: boolean): Cell {
  const value = BigInt(decimalOf(text, 65, 0, lossy));
  const range = intRange(kind);
  if (range === undefined || value < range.low || value > range.high) throw new Unfit(`out of the range of ${kind}`);
  return kind === 'int64' || kind === 'uint64' ? value : Number(value);
}

function floatOf(text: string, kind: 'float32' | 'float64', lossy: boolean): number {
  if (/^(NaN|-?Infinity)$/.test(text)) return Number(text);
  const digits = digitsOf(text.trim());
  // JavaScript would read 0x1f and more as numbers.
  if (digits === null) throw new Unfit('not a number');
  const value = Number(text);
  const rounded = kind === 'float32' ? Math.fround(value) : value;
  if (!Number.isFinite(rounded)) throw new Unfit(`out of the range of ${kind}`);
  if (!lossy && (!Object.is(rounded, value) || !holds(value, digits))) throw new Unfit('digits would be lost');
  return rounded;
}

/** The significant digits of a number and the power of ten of the last; null for what is no number. */
function digitsOf(text: string): { digits: string; power: number } | null {
  const match = DECIMAL.exec(text);
  if (match === null || (match[2] === '' && !match[3])) return null;
  const [, , whole, fraction = '', exponent = '0'] = match;
  const all = `${whole}${fraction}`;
  const digits = all.replace(/0+$/, '');
  const power = Number(exponent) - fraction.length + (all.length - digits.length);
  const significant = digits.replace(/^0+/, '');
  return { digits: significant, power: significant === '' ? 0 : power };
}

/** Whether a float, printed with as many digits, is that number again. */
function holds(value: number, { digits, power }: { digits: string; power: number }): boolean {
  if (digits === '' || digits.length > 100) return digits === '';
  const printed = digitsOf(Math.abs(value).toPrecision(digits.length));
  return printed?.digits === digits && printed.power === power;
}

function boolOf(text: string): boolean {
  if (text === '1' || text === 'true') return true;
  if (text === '0' || text === 'false') return false;
  throw new Unfit('neither 0 nor 1');
}

function daysOf(text: string): number {
  const match = DATE.exec(text);
  const millis = match === null ? Number.NaN : Date.parse(`${match[0]}T00:00:00Z`);
  if (Number.isNaN(millis) || new Date(millis).toISOString().slice(0, 10) !== match![0]) throw new Unfit('not a date');
  return millis / 86_400_000;
}

function dateOf(text: string, from: TypeKind, lossy: boolean): number {
  const days = daysOf(text);
  const clock = text.slice(10).replace('+00:00', '');
  if (from === 'utf8' && clock !== '' && !/^[ T]00:00:00(\.0+)?$/.test(clock) && !lossy)
    throw new Unfit('a time of day would be lost');
  if (from !== 'utf8' && !lossy && /[1-9]/.test(clock)) throw new Unfit('a time of day would be lost');
  return days;
}

function clockMicros(text: string, digits: number, lossy: boolean): bigint {
  const match = CLOCK.exec(text);
  if (match === null || match[0].length !== text.length || Number(match[3]) > 59 || Number(match[4]) > 59)
    throw new Unfit('not a time');
  const fraction = (match[5] ?? '').padEnd(9, '0');
  if (!lossy && /[1-9]/.test(fraction.slice(digits))) throw new Unfit(`more than ${digits} digits behind the second`);
  const kept = BigInt(fraction.slice(0, Math.min(digits, 6)).padEnd(6, '0'));
  const micros = (BigInt(match[2]) * 3_600n + BigInt(match[3]) * 60n + BigInt(match[4])) * 1_000_000n + kept;
  return match[1] === '-' ? -micros : micros;
}

type Instant = Extract<LogicalType, { kind: 'time' | 'datetime' | 'timestamp' }>;

function instantOf(text: string, from: TypeKind, { kind, digits }: Instant, lossy: boolean): bigint {
  if (!lossy && kind === 'timestamp' && (from === 'datetime' || from === 'date'))
    throw new Unfit('it has no time zone');
  if (!lossy && kind === 'datetime' && from === 'timestamp') throw new Unfit('its time zone would be lost');
  const day = BigInt(daysOf(text)) * 86_400_000_000n;
  const clock = text
    .slice(10)
    .replace(/(\+00:00|Z)$/, '')
    .trim()
    .replace(/^T/, '');
  if (clock === '') return day;
  const micros = clockMicros(clock, digits, lossy);
  if (micros < 0n || micros >= 86_400_000_000n) throw new Unfit('not a time of day');
  return day + micros;
}
