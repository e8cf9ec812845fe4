import type { IncomingHttpHeaders } from 'node:http';
import { itemsOf } from './arrow-items.ts';
import { type ColumnData, physicalOf } from './columns.ts';
import { MaxComputeError } from './errors.ts';
import type { Item, Stamp } from './record-items.ts';
import type { OdpsColumn, OdpsType } from './types.ts';

/** 1900-01-01, in days and in seconds since 1970. Zones had odd offsets before, and an older calendar ran before 1582. */
const FIRST_DAY = -25_567n;
const FIRST_SECOND = FIRST_DAY * 86_400n;

/** Whether a session's answer says that the service takes very old dates by another calendar, as the Java SDK reads it. */
export const changesOldDates = (headers: IncomingHttpHeaders): boolean =>
  headers['odps-tunnel-date-transform'] === 'true';

/** Refuses what would come out as another date. @throws MaxComputeError `OldDate` */
export function refuseOldDates(columns: readonly OdpsColumn[], values: readonly ColumnData[], rows: number): void {
  for (const [place, { name, type }] of columns.entries()) {
    if (!hasDates(type)) continue;
    const items = itemsOf(type, { ...values[place], length: rows });
    if (items.some((item) => isOld(type, item)))
      throw new MaxComputeError({
        code: 'OldDate',
        kind: 'data',
        message: `Column "${name}" holds a date before 1900, which this service takes by another calendar.`,
        hint: 'Move such values as text, by SQL.',
      });
  }
}

function hasDates(type: OdpsType): boolean {
  if (type.kind === 'array') return hasDates(type.element);
  if (type.kind === 'map') return hasDates(type.key) || hasDates(type.value);
  if (type.kind === 'struct') return type.fields.some((field) => hasDates(field.type));
  if (type.kind === 'unknown') return false;
  return ['date', 'millis', 'stamp'].includes(physicalOf(type));
}

function isOld(type: OdpsType, item: Item): boolean {
  if (item === null || item === undefined) return false;
  switch (type.kind) {
    case 'date':
      return (item as bigint) < FIRST_DAY;
    case 'datetime':
      return (item as bigint) < FIRST_SECOND * 1_000n;
    case 'timestamp':
    case 'timestamp_ntz':
      return (item as Stamp).sec < FIRST_SECOND;
    case 'array':
      return (item as Item[]).some((one) => isOld(type.element, one));
    case 'map':
      return (item as [Item, Item][]).some(([key, one]) => isOld(type.key, key) || isOld(type.value, one));
    case 'struct':
      return type.fields.some((field) => isOld(field.type, (item as { [name: string]: Item })[field.name] ?? null));
    default:
      return false;
  }
}
