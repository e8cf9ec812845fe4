import { describe, expect, it } from 'vitest';
import type { Schedule } from '../src/definitions.ts';
import { businessDate, isEffective, nextOccurrences } from '../src/occurrences.ts';
import { choose } from '../src/planner.ts';
import { parseSchedule } from '../src/schedules.ts';

const schedule = (changes: Partial<Schedule>): Schedule => ({
  ...parseSchedule({ type: 'PERIODIC', timeZone: 'UTC', period: 'DAY', at: '00:00:00' }).schedule,
  ...changes,
});
const times = (one: Schedule, after: string, count: number) =>
  nextOccurrences(one, new Date(after), count).map((date) => date.toISOString().replace('.000Z', 'Z'));

describe('intervals', () => {
  it('start anew each day: every 7 hours is 00, 07, 14, 21', () => {
    expect(times(schedule({ period: 'HOUR', every: 7, at: null }), '2026-03-01T00:00:00Z', 5)).toEqual([
      '2026-03-01T07:00:00Z',
      '2026-03-01T14:00:00Z',
      '2026-03-01T21:00:00Z',
      '2026-03-02T00:00:00Z',
      '2026-03-02T07:00:00Z',
    ]);
  });

  it('keep to a window, both ends included', () => {
    expect(
      times(
        schedule({ period: 'MINUTE', every: 30, at: null, windowFrom: '08:00:00', windowTo: '09:00:00' }),
        '2026-03-01T08:00:00Z',
        4,
      ),
    ).toEqual(['2026-03-01T08:30:00Z', '2026-03-01T09:00:00Z', '2026-03-02T08:00:00Z', '2026-03-02T08:30:00Z']);
  });

  it('keep to a window across midnight, which belongs to the day it begins on', () => {
    const night = schedule({
      period: 'HOUR',
      every: 1,
      at: null,
      windowFrom: '23:00:00',
      windowTo: '01:00:00',
      effectiveFrom: '2026-03-01',
      effectiveTo: '2026-03-01',
    });
    expect(times(night, '2026-02-01T00:00:00Z', 10)).toEqual([
      '2026-03-01T23:00:00Z',
      '2026-03-02T00:00:00Z',
      '2026-03-02T01:00:00Z',
    ]);
  });

  it('count elapsed time on days that are not 24 hours long', () => {
    const berlin = schedule({ period: 'HOUR', every: 6, at: null, timeZone: 'Europe/Berlin' });
    // 29 March 2026: 23 hours. 00:00 +01:00, then 6, 12, 18 elapsed hours.
    expect(times(berlin, '2026-03-28T22:59:59Z', 5)).toEqual([
      '2026-03-28T23:00:00Z',
      '2026-03-29T05:00:00Z',
      '2026-03-29T11:00:00Z',
      '2026-03-29T17:00:00Z',
      '2026-03-29T22:00:00Z',
    ]);
    // 25 October 2026: 25 hours, so that a fifth one fits.
    expect(times(berlin, '2026-10-24T21:59:59Z', 6)).toEqual([
      '2026-10-24T22:00:00Z',
      '2026-10-25T04:00:00Z',
      '2026-10-25T10:00:00Z',
      '2026-10-25T16:00:00Z',
      '2026-10-25T22:00:00Z',
      '2026-10-25T23:00:00Z',
    ]);
  });
});

describe('times of day', () => {
  it('move forward by the length of a gap', () => {
    expect(times(schedule({ at: '02:30:00', timeZone: 'Europe/Berlin' }), '2026-03-28T12:00:00Z', 2)).toEqual([
      '2026-03-29T01:30:00Z',
      '2026-03-30T00:30:00Z',
    ]);
    expect(times(schedule({ at: '02:15:00', timeZone: 'Australia/Lord_Howe' }), '2026-10-03T00:00:00Z', 1)).toEqual([
      '2026-10-03T15:45:00Z',
    ]);
    expect(times(schedule({ at: '00:00:00', timeZone: 'America/Santiago' }), '2026-09-05T12:00:00Z', 1)).toEqual([
      '2026-09-06T04:00:00Z',
    ]);
  });

  it('are the first of two in an overlap', () => {
    expect(times(schedule({ at: '02:30:00', timeZone: 'Europe/Berlin' }), '2026-10-24T12:00:00Z', 1)).toEqual([
      '2026-10-25T00:30:00Z',
    ]);
    expect(times(schedule({ at: '01:30:00', timeZone: 'America/New_York' }), '2026-10-31T12:00:00Z', 1)).toEqual([
      '2026-11-01T05:30:00Z',
    ]);
  });

  it('come once on every day of two years, 29 February among them, wherever', () => {
    for (const timeZone of [
      'UTC',
      'Asia/Shanghai',
      'Antarctica/Troll',
      'Pacific/Apia',
      'Africa/Casablanca',
      'America/New_York',
    ]) {
      const found = nextOccurrences(schedule({ at: '02:30:00', timeZone }), new Date('2027-06-30T12:00:00Z'), 731).map(
        (date) => date.getTime(),
      );
      expect(new Set(found).size).toBe(731);
      for (let at = 1; at < found.length; at++)
        expect(Math.abs(found[at] - found[at - 1] - 86_400_000)).toBeLessThanOrEqual(7_200_000);
    }
  });

  it('end with the last effective day', () => {
    const bounded = schedule({
      at: '10:00:00',
      effectiveFrom: '2026-03-05',
      effectiveTo: '2026-03-06',
      timeZone: 'Asia/Shanghai',
    });
    expect(times(bounded, '2026-01-01T00:00:00Z', 9)).toEqual(['2026-03-05T02:00:00Z', '2026-03-06T02:00:00Z']);
    expect(isEffective(bounded, new Date('2026-03-04T16:00:00Z'))).toBe(true);
    expect(isEffective(bounded, new Date('2026-03-06T16:00:00Z'))).toBe(false);
  });
});

it("takes the business date in the task's zone", () => {
  expect(businessDate(new Date('2026-03-01T16:00:00Z'), 'Asia/Shanghai')).toBe('2026-03-01');
  expect(businessDate(new Date('2026-03-01T16:00:00Z'), 'UTC')).toBe('2026-02-28');
});

describe('the misfire rule', () => {
  const due = ['00:00', '01:00', '02:00'].map((clock) => new Date(`2026-03-01T${clock}:00Z`));
  const at = new Date('2026-03-01T02:00:30Z');
  it('ALL makes every one, as far as there is room, and goes on later', () => {
    expect(choose(due, 'ALL', at, 100)).toEqual({ rows: due.map((one) => ({ at: one, skip: null })), left: null });
    expect(choose(due, 'ALL', at, 2)).toEqual({
      rows: due.slice(0, 2).map((one) => ({ at: one, skip: null })),
      left: due[2],
    });
  });
  it('LATEST makes the newest, and says so of the others', () => {
    expect(choose(due, 'LATEST', at, 100).rows.map((row) => row.skip === null)).toEqual([false, false, true]);
  });
  it('SKIP makes none that is more than a minute late', () => {
    expect(choose(due, 'SKIP', at, 100).rows.map((row) => row.skip)).toEqual(['missed', 'missed', null]);
  });
});

describe('a schedule', () => {
  const codes = (input: object) =>
    parseSchedule({ timeZone: 'UTC', type: 'PERIODIC', ...input } as never).issues.map(
      (issue) => `${issue.path[1]} ${issue.code}`,
    );
  it('refuses what does not belong to it, by name', () => {
    expect(codes({ type: 'ONCE', every: 5 })).toEqual(['every NOT_OF_THIS_KIND']);
    expect(codes({ type: 'ONCE', offlineOnFailure: true })).toEqual(['offlineOnFailure NOT_OF_THIS_KIND']);
    expect(codes({ period: 'DAY', at: '10:00:00', windowFrom: '08:00:00' })).toEqual(['windowFrom NOT_OF_THIS_KIND']);
    expect(codes({ period: 'MINUTE', every: 5, at: '10:00:00' })).toEqual(['at NOT_OF_THIS_KIND']);
  });
  it('refuses what is missing or out of range', () => {
    expect(codes({})).toEqual(['period REQUIRED']);
    expect(codes({ period: 'DAY' })).toEqual(['at REQUIRED']);
    expect(codes({ period: 'HOUR', every: 25 })).toEqual(['every OUT_OF_RANGE']);
    expect(codes({ period: 'MINUTE', every: 1441 })).toEqual(['every OUT_OF_RANGE']);
    expect(codes({ period: 'HOUR', every: 1, minute: 5, windowFrom: '01:00:00' })).toEqual([
      'minute EXCLUDES_WINDOW_FROM',
    ]);
    expect(codes({ period: 'DAY', at: '10:00:00', timeZone: 'Mars/Olympus' })).toEqual(['timeZone UNKNOWN_ZONE']);
    expect(codes({ period: 'CRON' })).toEqual(['period PERIOD_UNAVAILABLE']);
  });
});
