import { isUtf8 } from 'node:buffer';
import { type ColumnData, createValues, physicalOf } from './columns.ts';
import type { Item, Stamp } from './record-items.ts';
import type { OdpsType } from './types.ts';

/** Values inside ARRAY, MAP and STRUCT lie as columns in Arrow, and as one JavaScript value each in `items`. */
const MICROS = 1_000_000n;

/** A column of these items, which are as `Item` says. */
export function columnOfItems(type: OdpsType, items: readonly Item[]): ColumnData {
  const length = items.length;
  const validity = new Uint8Array((length + 7) >> 3);
  for (let row = 0; row < length; row++)
    if (items[row] !== null && items[row] !== undefined) validity[row >> 3] |= 1 << (row & 7);
  const physical = physicalOf(type);
  if (physical === 'items') return { length, validity, items: [...items] };
  if (physical === 'bytes') return { length, validity, ...textOf(items) };
  const values = createValues(physical, length) as { [row: number]: number | bigint };
  const subMicros = physical === 'stamp' ? new Uint16Array(length) : undefined;
  for (let row = 0; row < length; row++) {
    const item = items[row];
    if (item === null || item === undefined) continue;
    if (subMicros !== undefined) {
      const { sec, nano } = item as Stamp;
      values[row] = BigInt(sec) * MICROS + BigInt(Math.floor(nano / 1_000));
      subMicros[row] = nano % 1_000;
    } else if (physical === 'millis') values[row] = BigInt(item as bigint) * 1_000n;
    else values[row] = physical === 'int64' ? BigInt(item as bigint) : Number(item);
  }
  return { length, validity, values: values as ColumnData['values'], subMicros };
}

function textOf(items: readonly Item[]): { offsets: Int32Array; data: Buffer } {
  const offsets = new Int32Array(items.length + 1);
  const parts = items.map((item, row) => {
    const bytes =
      item === null || item === undefined
        ? Buffer.alloc(0)
        : item instanceof Uint8Array
          ? Buffer.from(item)
          : Buffer.from(String(item));
    offsets[row + 1] = offsets[row] + bytes.length;
    return bytes;
  });
  return { offsets, data: Buffer.concat(parts) };
}

/** The items of a column. */
export function itemsOf(type: OdpsType, column: ColumnData): Item[] {
  const one = itemReader(type, column);
  return Array.from({ length: column.length }, (_, row) => {
    const there = column.validity === undefined || (column.validity[row >> 3] & (1 << (row & 7))) !== 0;
    return there ? one(row) : null;
  });
}

function itemReader(type: OdpsType, column: ColumnData): (row: number) => Item {
  const { values, items, offsets, data, subMicros } = column;
  switch (physicalOf(type)) {
    case 'items':
      return (row) => items?.[row] as Item;
    case 'bytes':
      return (row) => {
        const bytes = (data as Buffer).subarray(offsets?.[row], offsets?.[row + 1]);
        return type.kind === 'binary' || !isUtf8(bytes) ? Uint8Array.from(bytes) : Buffer.from(bytes).toString('utf8');
      };
    case 'stamp':
      return (row) => {
        const micros = values?.[row] as bigint;
        const below = BigInt.asUintN(64, ((micros % MICROS) + MICROS) % MICROS);
        return { sec: (micros - below) / MICROS, nano: Number(below) * 1_000 + (subMicros?.[row] ?? 0) };
      };
    case 'millis':
      return (row) => (values?.[row] as bigint) / 1_000n;
    case 'bool':
      return (row) => values?.[row] === 1;
    case 'float':
    case 'double':
      return (row) => values?.[row] as number;
    default:
      return (row) => BigInt(values?.[row] as number);
  }
}
