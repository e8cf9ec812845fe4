import { dateText } from '@sampan/connector';
import type { Item, OdpsType, Stamp } from '@sampan/maxcompute';

const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?$/;

/** A value that has no text: bytes that are not UTF-8. */
export class Unreadable extends Error {}

const two = (value: bigint) => String(value).padStart(2, '0');

/** `-1 02:03:04.123456789`: days, then the clock. */
export function dayTimeText({ sec, nano }: Stamp): string {
  const total = BigInt(sec) * 1_000_000_000n + BigInt(nano);
  const size = total < 0n ? -total : total;
  const seconds = size / 1_000_000_000n;
  const clock = `${two((seconds / 3600n) % 24n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}`;
  return `${total < 0n ? '-' : ''}${seconds / 86_400n} ${clock}.${String(size % 1_000_000_000n).padStart(9, '0')}`;
}

/** `-1-02`: years and months. */
export function yearMonthText(months: bigint): string {
  const size = months < 0n ? -months : months;
  return `${months < 0n ? '-' : ''}${size / 12n}-${two(size % 12n)}`;
}

/** `2026-03-01 12:00:00.123456789`, from seconds since 1970 and so many digits behind the point. */
export function clockText(seconds: bigint, fraction: number, digits: number): string {
  const days = (seconds - (((seconds % 86_400n) + 86_400n) % 86_400n)) / 86_400n;
  const rest = seconds - days * 86_400n;
  const behind = digits === 0 ? '' : `.${String(fraction).padStart(digits, '0')}`;
  return `${dateText(Number(days))} ${two(rest / 3600n)}:${two((rest / 60n) % 60n)}:${two(rest % 60n)}${behind}`;
}

/**
 * A nested value as JSON, with every digit it has: whole numbers and decimals as JSON numbers, whatever their length;
 * NaN and infinities, dates, times and binary (hex) as text; MAP and STRUCT as objects. @throws Unreadable
 */
export function itemJson(type: OdpsType, item: Item): string {
  if (item === null || item === undefined) return 'null';
  switch (type.kind) {
    case 'array':
      return `[${(item as Item[]).map((one) => itemJson(type.element, one)).join(',')}]`;
    case 'map':
      return `{${(item as [Item, Item][])
        .map(([key, value]) => `${keyJson(type.key, key)}:${itemJson(type.value, value)}`)
        .join(',')}}`;
    case 'struct':
      return `{${type.fields
        .map(
          ({ name, type: inner }) =>
            `${JSON.stringify(name)}:${itemJson(inner, (item as { [field: string]: Item })[name])}`,
        )
        .join(',')}}`;
    case 'boolean':
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'bigint':
      return String(item);
    case 'float':
    case 'double':
      return Number.isFinite(item) ? (Object.is(item, -0) ? '-0' : String(item)) : `"${item}"`;
    case 'decimal':
      return JSON_NUMBER.test(String(item)) ? String(item) : JSON.stringify(String(item));
    default:
      return JSON.stringify(scalarText(type, item));
  }
}

/** Keys of JSON objects are text. */
function keyJson(type: OdpsType, key: Item): string {
  const json = itemJson(type, key);
  return json.startsWith('"') ? json : JSON.stringify(json);
}

function scalarText(type: OdpsType, item: Item): string {
  switch (type.kind) {
    case 'date':
      return dateText(Number(item));
    case 'datetime': {
      const millis = item as bigint;
      const fraction = ((millis % 1_000n) + 1_000n) % 1_000n;
      return `${clockText((millis - fraction) / 1_000n, Number(fraction), 3)}+00:00`;
    }
    case 'timestamp':
      return `${clockText(BigInt((item as Stamp).sec), (item as Stamp).nano, 9)}+00:00`;
    case 'timestamp_ntz':
      return clockText(BigInt((item as Stamp).sec), (item as Stamp).nano, 9);
    case 'interval_day_time':
      return dayTimeText(item as Stamp);
    case 'interval_year_month':
      return yearMonthText(item as bigint);
    case 'binary':
      return Buffer.from(item as Uint8Array)
        .toString('hex')
        .toUpperCase();
    default:
      if (item instanceof Uint8Array) throw new Unreadable('bytes that are not UTF-8');
      return String(item);
  }
}
