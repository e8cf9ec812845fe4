import { isUtf8 } from 'node:buffer';
import type { Item, OdpsType, Stamp } from '@sampan/maxcompute';
import { INTERVAL_FIELDS } from './nested-types.ts';
import { BadValue } from './parquet/values.ts';

/**
 * What the times and texts of one value hold beyond what is stored of them, in the order in which they come in it:
 * nanoseconds below the microsecond, and the bytes of texts that are not UTF-8 (null where the text says all).
 */
export interface Beyond {
  nanos: number[];
  bytes: (Uint8Array | null)[];
}

export const nothingBeyond = (): Beyond => ({ nanos: [], bytes: [] });
export const hasNanos = ({ nanos }: Beyond) => nanos.some((one) => one !== 0);
export const hasBytes = ({ bytes }: Beyond) => bytes.some((one) => one !== null);

const NANOS = 1_000_000_000n;
const floorDiv = (a: bigint, b: bigint) => (a - (((a % b) + b) % b)) / b;

/** The value as it is stored (see `storedType`); what that cannot hold goes to `beyond`. @throws BadValue */
export function storedItem(type: OdpsType, item: Item, beyond: Beyond): Item {
  if (item === null || item === undefined) return null;
  switch (type.kind) {
    case 'array':
      return (item as Item[]).map((one) => storedItem(type.element, one, beyond));
    case 'map':
      return storedPairs(type, item as [Item, Item][], beyond);
    case 'struct':
      return Object.fromEntries(
        type.fields.map((field) => [
          field.name,
          storedItem(field.type, (item as { [name: string]: Item })[field.name], beyond),
        ]),
      );
    case 'interval_year_month':
      return { [INTERVAL_FIELDS.months]: item };
    case 'interval_day_time': {
      const all = BigInt((item as Stamp).sec) * NANOS + BigInt((item as Stamp).nano);
      const seconds = floorDiv(all, NANOS);
      return { [INTERVAL_FIELDS.seconds]: seconds, [INTERVAL_FIELDS.nanos]: all - seconds * NANOS };
    }
    case 'timestamp':
    case 'timestamp_ntz':
      beyond.nanos.push((item as Stamp).nano % 1_000);
      return item;
    case 'string':
    case 'varchar':
    case 'char':
    case 'json':
      return storedText(type, item, beyond);
    default:
      return item;
  }
}

function storedPairs(type: Extract<OdpsType, { kind: 'map' }>, pairs: [Item, Item][], beyond: Beyond): Item {
  const seen = new Set<string>();
  // Keys first, then values: as they lie on the wire.
  const keys = pairs.map(([key]) => {
    if (key === null || key === undefined) throw new BadValue('a key of a MAP is NULL');
    const text = keyText(key);
    if (seen.has(text)) throw new BadValue('a MAP has a key twice');
    seen.add(text);
    return storedItem(type.key, key, beyond);
  });
  return pairs.map(([, value], at) => [keys[at], storedItem(type.value, value, beyond)]);
}

function keyText(key: Item): string {
  if (key instanceof Uint8Array) return `bytes ${Buffer.from(key).toString('hex')}`;
  return typeof key === 'object' ? `${(key as Stamp).sec}.${(key as Stamp).nano}` : String(key);
}

function storedText(type: OdpsType, item: Item, beyond: Beyond): Item {
  if (item instanceof Uint8Array && !isUtf8(item)) {
    if (type.kind !== 'string') throw new BadValue(`a ${type.kind.toUpperCase()} is not UTF-8`);
    beyond.bytes.push(item);
    return Buffer.from(item).toString('utf8');
  }
  beyond.bytes.push(null);
  const text = item instanceof Uint8Array ? Buffer.from(item).toString('utf8') : String(item);
  if (type.kind === 'varchar' || type.kind === 'char') {
    const characters = [...text].length;
    if (characters > type.length)
      throw new BadValue(`a value has ${characters} characters, ${type.length} are allowed`);
  }
  return text;
}
