import type { OdpsType } from '@sampan/maxcompute';

/** Fields that an interval has where it is stored. No STRUCT of a user's may have one of these names. */
export const INTERVAL_FIELDS = { months: '__months', seconds: '__seconds', nanos: '__nanos' } as const;

const INT64: OdpsType = { kind: 'bigint' };

/** An interval of days is at most 999,999,999 ns above its seconds, which are rounded down: as a TIMESTAMP is. */
const DAY_TIME: OdpsType = {
  kind: 'struct',
  fields: [
    { name: INTERVAL_FIELDS.seconds, type: INT64 },
    { name: INTERVAL_FIELDS.nanos, type: { kind: 'int' } },
  ],
};
const YEAR_MONTH: OdpsType = { kind: 'struct', fields: [{ name: INTERVAL_FIELDS.months, type: INT64 }] };

/** The type that values are stored as: that of the column, intervals as a STRUCT of whole numbers. */
export function storedType(type: OdpsType): OdpsType {
  switch (type.kind) {
    case 'interval_day_time':
      return DAY_TIME;
    case 'interval_year_month':
      return YEAR_MONTH;
    case 'array':
      return { kind: 'array', element: storedType(type.element) };
    case 'map':
      return { kind: 'map', key: storedType(type.key), value: storedType(type.value) };
    case 'struct':
      return { kind: 'struct', fields: type.fields.map((field) => ({ ...field, type: storedType(field.type) })) };
    default:
      return type;
  }
}

/** Whether values are stored with structure, rather than as one scalar each. */
export function isNested({ kind }: OdpsType): boolean {
  return kind === 'array' || kind === 'map' || kind === 'struct' || kind.startsWith('interval_');
}

const KEYS = new Set(['array', 'map', 'struct', 'float', 'double', 'interval_day_time', 'interval_year_month', 'json']);

/** Why a column cannot be of this type, or null. */
export function problemOf(type: OdpsType): string | null {
  switch (type.kind) {
    case 'array':
      return problemOf(type.element);
    case 'map':
      return KEYS.has(type.key.kind)
        ? `the key of a MAP cannot be of type ${type.key.kind.toUpperCase()}`
        : (problemOf(type.key) ?? problemOf(type.value));
    case 'struct': {
      const names = type.fields.map((field) => field.name.toLowerCase());
      const bad = names.find(
        (name, at) => names.indexOf(name) !== at || (Object.values(INTERVAL_FIELDS) as string[]).includes(name),
      );
      if (bad !== undefined) return `field ${bad} of a STRUCT is defined twice, or its name is taken`;
      return type.fields.map((field) => problemOf(field.type)).find((problem) => problem !== null) ?? null;
    }
    default:
      return null;
  }
}
