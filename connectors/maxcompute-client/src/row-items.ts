import { daysOf, isInYears, parseStamp } from './calendar.ts';
import { decimalOf } from './decimal-value.ts';
import type { Item, Stamp } from './record-items.ts';
import { type RowOptions, ValueProblem } from './row-values.ts';
import type { OdpsType, ScalarKind } from './types.ts';

const wrong = (value: unknown, wanted: string) =>
  new ValueProblem('WrongValue', `${nameOf(value)} stands for no ${wanted}`);
const beyond = (what: string) => new ValueProblem('ValueOutOfRange', what);

function nameOf(value: unknown): string {
  if (value === null || typeof value !== 'object') return typeof value === 'object' ? 'null' : `a ${typeof value}`;
  return `an object of class ${value.constructor?.name ?? 'none'}`;
}

const INTEGERS: { [kind in ScalarKind]?: [bigint, bigint] } = {
  tinyint: [-128n, 127n],
  smallint: [-32_768n, 32_767n],
  int: [-(2n ** 31n), 2n ** 31n - 1n],
  // −2^63 is none in MaxCompute.
  bigint: [-(2n ** 63n) + 1n, 2n ** 63n - 1n],
  interval_year_month: [-(2n ** 31n), 2n ** 31n - 1n],
};
const MOST_FLOAT = 3.4028235677973366e38;

/** The item (see `Item`) that a JavaScript value stands for. @param fieldBytes the most bytes of a cell @throws ValueProblem */
export function itemOfValue(type: OdpsType, value: unknown, options: RowOptions, fieldBytes: number): Item {
  if (value === null || value === undefined) return null;
  switch (type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'bigint':
    case 'interval_year_month':
      return integer(type.kind, value);
    case 'float':
    case 'double':
      if (typeof value !== 'number') throw wrong(value, type.kind.toUpperCase());
      if (type.kind === 'float' && Number.isFinite(value) && Math.abs(value) >= MOST_FLOAT)
        throw beyond('the number is larger than any FLOAT');
      return value;
    case 'boolean':
      if (typeof value !== 'boolean') throw wrong(value, 'BOOLEAN');
      return value;
    case 'decimal':
      return decimal(type, value);
    case 'date':
      return date(value);
    case 'datetime':
    case 'timestamp':
    case 'timestamp_ntz':
      return instant(type.kind, value);
    case 'interval_day_time':
      return interval(value);
    case 'array':
    case 'map':
    case 'struct':
      return nested(type, value, options, fieldBytes);
    default:
      return bytes(type, value, options, fieldBytes);
  }
}

function integer(kind: ScalarKind, value: unknown): bigint {
  const name = kind.toUpperCase();
  if (typeof value !== 'bigint' && typeof value !== 'number') throw wrong(value, name);
  if (typeof value === 'number' && !Number.isInteger(value))
    throw beyond(`a fraction or no number at all is no ${name}`);
  // A larger number has lost its last digits already.
  if (typeof value === 'number' && !Number.isSafeInteger(value))
    throw beyond(`a number of more than 53 bits is not exact: give a bigint for ${name}`);
  const [least, most] = INTEGERS[kind] as [bigint, bigint];
  if (BigInt(value) < least || BigInt(value) > most) throw beyond(`${name} goes from ${least} to ${most}`);
  return BigInt(value);
}

function decimal(type: { precision: number; scale: number }, value: unknown): string {
  const text = typeof value === 'bigint' || Number.isSafeInteger(value) ? String(value) : value;
  if (typeof text !== 'string') throw wrong(value, 'DECIMAL: give its text');
  const found = decimalOf(text, type.precision, type.scale);
  if (found === null) throw new ValueProblem('WrongValue', 'the text is no decimal number');
  if (found === 'beyond') throw beyond(`it has more digits than DECIMAL(${type.precision},${type.scale})`);
  return found;
}

function date(value: unknown): bigint {
  if (typeof value !== 'string') throw wrong(value, 'DATE: give "2026-03-01"');
  const days = daysOf(value);
  if (days === null) throw beyond('the text is no date of the years 0001 to 9999');
  return BigInt(days);
}

function instant(kind: 'datetime' | 'timestamp' | 'timestamp_ntz', value: unknown): bigint | Stamp {
  const name = kind.toUpperCase();
  const local = kind === 'timestamp_ntz';
  if (value instanceof Date && !local) {
    const millis = Number(value);
    if (Number.isNaN(millis) || !isInYears(Math.floor(millis / 1_000)))
      throw beyond(`${name} holds the years 0001 to 9999`);
    if (kind === 'datetime') return BigInt(millis);
    const seconds = Math.floor(millis / 1_000);
    return { sec: BigInt(seconds), nano: (millis - seconds * 1_000) * 1_000_000 };
  }
  if (typeof value !== 'string') throw wrong(value, local ? `${name}: give "2026-03-01T12:00:00"` : name);
  const found = parseStamp(value);
  if (found === null) throw beyond('the text is no point in time of the years 0001 to 9999');
  if (found.hasZone === local)
    throw new ValueProblem(
      'WrongValue',
      local ? `${name} has no zone, the text names one` : `${name} needs a zone, such as Z`,
    );
  if (kind !== 'datetime') return { sec: found.seconds, nano: found.nanos };
  if (found.nanos % 1_000_000 !== 0) throw beyond('DATETIME holds whole milliseconds');
  return found.seconds * 1_000n + BigInt(found.nanos / 1_000_000);
}

function interval(value: unknown): Stamp {
  const { sec, nano } = value as Stamp;
  if (typeof sec !== 'bigint' || !Number.isInteger(nano)) throw wrong(value, 'INTERVAL_DAY_TIME: give {sec, nano}');
  if (Math.abs(nano) > 999_999_999) throw beyond('nano is less than a second');
  return { sec, nano };
}

function bytes(type: OdpsType, value: unknown, { json }: RowOptions, fieldBytes: number): string | Uint8Array {
  const name = type.kind.toUpperCase();
  const text = type.kind === 'json' && json === 'value' ? JSON.stringify(value) : value;
  if (type.kind === 'json' && json !== 'value') checkJson(text);
  if (typeof text !== 'string' && !(text instanceof Uint8Array)) throw wrong(value, name);
  if (type.kind === 'binary' && typeof text === 'string') throw wrong(value, 'BINARY: give a Uint8Array');
  if (typeof text === 'string' && /\p{Cs}/u.test(text)) throw beyond('half a surrogate pair is no text');
  const length = typeof text === 'string' ? Buffer.byteLength(text) : text.length;
  if (length > fieldBytes) throw beyond(`it has ${length} bytes, at most ${fieldBytes} are allowed`);
  if ((type.kind === 'varchar' || type.kind === 'char') && typeof text === 'string') {
    const letters = text.length <= type.length ? text.length : [...text].length;
    if (letters > type.length) throw beyond(`it has ${letters} characters, ${name} has ${type.length}`);
  }
  return text;
}

function checkJson(text: unknown): void {
  if (typeof text !== 'string') throw wrong(text, 'JSON: give its text, or set the option json to "value"');
  try {
    JSON.parse(text);
  } catch {
    throw new ValueProblem('WrongValue', 'the text is no JSON');
  }
}

/** Runs `work`, and adds where it is to a problem that it meets. */
function at<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ValueProblem) error.path = path + error.path;
    throw error;
  }
}

type Nested = Extract<OdpsType, { kind: 'array' | 'map' | 'struct' }>;

function nested(type: Nested, value: unknown, options: RowOptions, fieldBytes: number): Item {
  const inner = (kind: OdpsType, one: unknown, path: string) =>
    at(path, () => itemOfValue(kind, one, options, fieldBytes));
  if (type.kind === 'array') {
    if (!Array.isArray(value)) throw wrong(value, 'ARRAY');
    return value.map((one, index) => inner(type.element, one, `[${index}]`));
  }
  if (type.kind === 'map') {
    const pairs = value instanceof Map ? [...value] : value;
    if (!Array.isArray(pairs) || !pairs.every(Array.isArray)) throw wrong(value, 'MAP: give a Map');
    return pairs.map(([key, one], index) => {
      if (key === null || key === undefined) throw beyond('NULL is no key of a MAP');
      return [inner(type.key, key, `(key ${index})`), inner(type.value, one, `(value ${index})`)];
    });
  }
  if (typeof value !== 'object' || Array.isArray(value) || value instanceof Map) throw wrong(value, 'STRUCT');
  const given = new Map(Object.entries(value as object).map(([name, one]) => [name.toLowerCase(), one as unknown]));
  const fields = type.fields.map(({ name, type: kind }) => {
    const one = given.get(name.toLowerCase());
    given.delete(name.toLowerCase());
    return [name, inner(kind, one, `.${name}`)];
  });
  if (given.size > 0) throw new ValueProblem('WrongValue', `the STRUCT has no field "${given.keys().next().value}"`);
  return Object.fromEntries(fields) as Item;
}
