import { Temporal } from '@js-temporal/polyfill';
import type { Schedule } from './definitions.ts';

/** Days looked at in search of one more occurrence: the longest pause between two, and room to spare. */
const DAYS_AHEAD = 800;

/**
 * Instants at which a periodic schedule is due, strictly after one and in order. Wall times become instants as
 * Temporal's `compatible` has it: one in a gap moves forward by the gap, one that occurs twice is the first. Intervals
 * count elapsed time from the window's start, anew each local day.
 */
export function* occurrencesAfter(schedule: Schedule, after: Date): Generator<Date> {
  if (schedule.type !== 'PERIODIC') return;
  const afterMs = after.getTime();
  // A window that crosses midnight belongs to the day it begins on: begin a day early.
  let day = localDate(after, schedule.timeZone).subtract({ days: 1 });
  if (schedule.effectiveFrom !== null && Temporal.PlainDate.compare(day, schedule.effectiveFrom) < 0)
    day = Temporal.PlainDate.from(schedule.effectiveFrom);
  let last = afterMs;
  for (let seen = 0; seen < DAYS_AHEAD; seen++, day = day.add({ days: 1 })) {
    if (schedule.effectiveTo !== null && Temporal.PlainDate.compare(day, schedule.effectiveTo) > 0) return;
    for (const millis of ofDay(schedule, day)) {
      // Two wall times can be one instant.
      if (millis <= last) continue;
      last = millis;
      seen = 0;
      yield new Date(millis);
    }
  }
}

/** The first `count` of them. */
export function nextOccurrences(schedule: Schedule, after: Date, count: number): Date[] {
  const found: Date[] = [];
  for (const one of occurrencesAfter(schedule, after)) {
    if (found.length >= count) break;
    found.push(one);
  }
  return found;
}

function ofDay(schedule: Schedule, day: Temporal.PlainDate): number[] {
  const at = (date: Temporal.PlainDate, time: string) =>
    date.toZonedDateTime({ timeZone: schedule.timeZone, plainTime: Temporal.PlainTime.from(time) }).epochMilliseconds;
  if (schedule.period === 'DAY') return [at(day, schedule.at ?? '00:00:00')];
  const from = schedule.windowFrom ?? `00:${String(schedule.minute ?? 0).padStart(2, '0')}:00`;
  const to = schedule.windowTo ?? '23:59:59';
  const start = at(day, from);
  const end = at(from > to ? day.add({ days: 1 }) : day, to);
  const step = (schedule.every ?? 1) * (schedule.period === 'HOUR' ? 3_600_000 : 60_000);
  const found: number[] = [];
  for (let millis = start; millis <= end; millis += step) found.push(millis);
  return found;
}

export function localDate(instant: Date, timeZone: string): Temporal.PlainDate {
  return Temporal.Instant.fromEpochMilliseconds(instant.getTime()).toZonedDateTimeISO(timeZone).toPlainDate();
}

/** The scheduled date in the task's zone minus one day (业务日期), as `2026-03-01`. */
export function businessDate(scheduledAt: Date, timeZone: string): string {
  return localDate(scheduledAt, timeZone).subtract({ days: 1 }).toString();
}

/** Whether the local day of an instant lies inside the effective dates, both ends included. */
export function isEffective(schedule: Schedule, instant: Date): boolean {
  const day = localDate(instant, schedule.timeZone).toString();
  return (
    (schedule.effectiveFrom === null || day >= schedule.effectiveFrom) &&
    (schedule.effectiveTo === null || day <= schedule.effectiveTo)
  );
}
