/** Dates and instants as text, by the proleptic Gregorian calendar, from year 0001 to 9999. */

const DAY_MS = 86_400_000;
/** 0001-01-01 and the day behind 9999-12-31, in seconds since 1970. */
const FIRST_SECOND = -62_135_596_800;
const END_SECOND = 253_402_300_800;

/** `2026-03-01` of days since 1970-01-01; null outside of the years 0000 to 9999. */
export function dateText(days: number): string | null {
  const date = new Date(days * DAY_MS);
  const text = Number.isNaN(Number(date)) ? '' : date.toISOString();
  return /^\d{4}-/.test(text) ? text.slice(0, 10) : null;
}

/** Days since 1970-01-01; null where it is no such date. */
export function daysOf(text: string): number | null {
  const millis = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(millis) || millis < FIRST_SECOND * 1_000) return null;
  // Days that a month lacks would become those of the next one.
  return new Date(millis).toISOString().startsWith(text) ? millis / DAY_MS : null;
}

/** `2026-03-01T12:00:00.123456789`, with no, three, six or nine digits of the second; null outside of the years 0000 to 9999. */
export function stampText(seconds: bigint, nanos: number): string | null {
  const date = new Date(Number(seconds) * 1_000);
  const text = Number.isNaN(Number(date)) ? '' : date.toISOString();
  if (!/^\d{4}-/.test(text)) return null;
  const fraction = String(nanos)
    .padStart(9, '0')
    .replace(/(?:000){1,3}$/, '');
  return text.slice(0, 19) + (fraction === '' ? '' : `.${fraction}`);
}

/** What a text says: seconds since 1970 in UTC (without a zone: as if it were UTC), nanoseconds, and whether it names one. */
export interface ParsedStamp {
  seconds: bigint;
  nanos: number;
  hasZone: boolean;
}

/** Null where it is no point in time, or outside of the years 0001 to 9999. */
export function parseStamp(text: string): ParsedStamp | null {
  const match = /^(\d{4}-\d\d-\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|([+-])(\d\d):?(\d\d))?$/.exec(text);
  if (match === null) return null;
  const [, date, hour, minute, second, fraction = '', zone, sign, zoneHour, zoneMinute] = match;
  const days = daysOf(date);
  if (days === null || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return null;
  const ahead = zoneHour === undefined ? 0 : (sign === '-' ? -60 : 60) * (Number(zoneHour) * 60 + Number(zoneMinute));
  if (Math.abs(ahead) > 18 * 3_600 || Number(zoneMinute ?? 0) > 59) return null;
  const seconds = days * 86_400 + Number(hour) * 3_600 + Number(minute) * 60 + Number(second) - ahead;
  if (!isInYears(seconds)) return null;
  return { seconds: BigInt(seconds), nanos: Number(fraction.padEnd(9, '0')), hasZone: zone !== undefined };
}

/** Within the years 0001 to 9999. */
export const isInYears = (seconds: number) => seconds >= FIRST_SECOND && seconds < END_SECOND;
