import { dateText, stampText } from './calendar.ts';
import type { Item, Stamp } from './record-items.ts';
import type { OdpsType } from './types.ts';

/** The JavaScript value of a cell, for the easy way of reading and writing rows. See `rowValue`. */
export type RowValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Date
  | Uint8Array
  | RowValue[]
  | Map<RowValue, RowValue>
  | { [field: string]: RowValue };

export interface RowOptions {
  /** JSON columns as their text (default), or as the value that `JSON.parse` makes of it, whose numbers are floats. */
  json?: 'text' | 'value' | undefined;
}

/** Tells what is wrong with a value; where it is, the caller knows. */
export class ValueProblem extends Error {
  readonly code: 'WrongValue' | 'ValueOutOfRange';
  path = '';

  constructor(code: 'WrongValue' | 'ValueOutOfRange', what: string) {
    super(what);
    this.code = code;
  }
}

/**
 * The JavaScript value of an item: numbers for TINYINT, SMALLINT, INT, FLOAT, DOUBLE and INTERVAL_YEAR_MONTH (months) ·
 * bigint for BIGINT · text for DECIMAL, STRING, VARCHAR, CHAR and JSON; bytes where a text is not UTF-8 · Uint8Array for
 * BINARY · `2026-03-01` for DATE · a Date for DATETIME · `2026-03-01T12:00:00.123456789Z` for TIMESTAMP, the same without
 * Z for TIMESTAMP_NTZ · `{sec, nano}` for INTERVAL_DAY_TIME · arrays, Maps and objects.
 * @throws ValueProblem for a point in time outside of the years 0000 to 9999
 */
export function valueOfItem(type: OdpsType, item: Item, options: RowOptions): RowValue {
  if (item === null) return null;
  switch (type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'interval_year_month':
      return Number(item);
    case 'date':
      return known(dateText(Number(item)));
    case 'datetime':
      return new Date(Number(item));
    case 'timestamp':
    case 'timestamp_ntz': {
      const { sec, nano } = item as Stamp;
      return known(stampText(sec, nano)) + (type.kind === 'timestamp' ? 'Z' : '');
    }
    case 'json':
      return options.json === 'value' && typeof item === 'string' ? parsedJson(item) : (item as RowValue);
    case 'array':
      return (item as Item[]).map((one) => valueOfItem(type.element, one, options));
    case 'map':
      return new Map(
        (item as [Item, Item][]).map(([key, one]) => [
          valueOfItem(type.key, key, options),
          valueOfItem(type.value, one, options),
        ]),
      );
    case 'struct': {
      const given = item as { [field: string]: Item };
      return Object.fromEntries(
        type.fields.map(({ name, type: kind }) => [name, valueOfItem(kind, given[name] ?? null, options)]),
      );
    }
    default:
      return item as RowValue;
  }
}

function known(text: string | null): string {
  if (text === null)
    throw new ValueProblem('ValueOutOfRange', 'a point in time outside of the years 0000 to 9999 has no text');
  return text;
}

function parsedJson(text: string): RowValue {
  try {
    return JSON.parse(text) as RowValue;
  } catch {
    throw new ValueProblem('WrongValue', 'the text is no JSON');
  }
}
