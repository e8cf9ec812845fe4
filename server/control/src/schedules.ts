import type { Schedule } from './definitions.ts';
import { type Issue, issue } from './errors.ts';

type Maybe<T> = T | null | undefined;

/** A schedule as the API takes it. */
export interface ScheduleInput {
  type: Schedule['type'];
  timeZone: string;
  effectiveFrom?: Maybe<string>;
  effectiveTo?: Maybe<string>;
  period?: Maybe<'MINUTE' | 'HOUR' | 'DAY' | 'WEEK' | 'MONTH' | 'CRON'>;
  every?: Maybe<number>;
  windowFrom?: Maybe<string>;
  windowTo?: Maybe<string>;
  minute?: Maybe<number>;
  at?: Maybe<string>;
  runAt?: Maybe<Date>;
  dependsOnPrevious?: Maybe<Schedule['dependsOnPrevious']>;
  offlineOnFailure?: Maybe<boolean>;
  runOnOnline?: Maybe<boolean>;
  misfire?: Maybe<Schedule['misfire']>;
  maxWaiting?: Maybe<number>;
}

/** Fields that a type or period knows beside those that all know; any other is refused by name. */
const PERIODIC = [
  'effectiveFrom',
  'effectiveTo',
  'period',
  'dependsOnPrevious',
  'offlineOnFailure',
  'runOnOnline',
  'misfire',
  'maxWaiting',
];
const BY_PERIOD: { [period: string]: string[] } = {
  MINUTE: ['every', 'windowFrom', 'windowTo'],
  HOUR: ['every', 'windowFrom', 'windowTo', 'minute'],
  DAY: ['at'],
};
const ALL = [...PERIODIC, 'every', 'windowFrom', 'windowTo', 'minute', 'at', 'runAt'] as const;
const MINUTES_A_DAY = 1_440;

/** The schedule with its defaults, and what is wrong with it. */
export function parseSchedule(input: ScheduleInput): { schedule: Schedule; issues: Issue[] } {
  const issues: Issue[] = [];
  const wrong = (field: string, code: string, message: string, hint: string | null = null) =>
    issues.push(issue(['schedule', field], code, message, hint));
  if (!isTimeZone(input.timeZone))
    wrong(
      'timeZone',
      'UNKNOWN_ZONE',
      `"${input.timeZone}" is not a time zone.`,
      'Use an IANA name such as Asia/Shanghai.',
    );
  const period = input.type === 'PERIODIC' ? (input.period ?? null) : null;
  const known = input.type === 'ONCE' ? ['runAt'] : [...PERIODIC, ...(BY_PERIOD[period ?? ''] ?? [])];
  for (const field of ALL) {
    const value = input[field as keyof ScheduleInput];
    const idle = value === null || value === undefined || value === false || value === 'NONE';
    if (!idle && !known.includes(field))
      wrong(
        field,
        'NOT_OF_THIS_KIND',
        `${field} does not belong to ${input.type === 'ONCE' ? 'a ONCE schedule' : `the period ${period ?? '(none)'}`}.`,
        'Leave it out.',
      );
  }
  for (const field of ['windowFrom', 'windowTo', 'at'] as const)
    if (input[field] && !isTime(input[field]))
      wrong(field, 'NOT_A_TIME', `"${input[field]}" is not a time of day.`, 'Write it as 02:30:00.');
  for (const field of ['effectiveFrom', 'effectiveTo'] as const)
    if (input[field] && !isDate(input[field]))
      wrong(field, 'NOT_A_DATE', `"${input[field]}" is not a date.`, 'Write it as 2026-03-02.');
  if (input.runAt && Number.isNaN(input.runAt.getTime())) wrong('runAt', 'NOT_A_TIME', 'runAt is not a time.');
  if (input.type === 'PERIODIC') periodIssues(input, period, wrong);
  if (
    input.maxWaiting != null &&
    (!Number.isInteger(input.maxWaiting) || input.maxWaiting < 1 || input.maxWaiting > 10_000)
  )
    wrong('maxWaiting', 'OUT_OF_RANGE', 'maxWaiting must be 1 to 10000.');
  if (input.effectiveFrom && input.effectiveTo && input.effectiveFrom > input.effectiveTo)
    wrong('effectiveTo', 'BEFORE_FROM', 'effectiveTo lies before effectiveFrom.');
  return { issues, schedule: withDefaults(input, period) };
}

function periodIssues(
  input: ScheduleInput,
  period: ScheduleInput['period'],
  wrong: (field: string, code: string, message: string, hint?: string | null) => void,
): void {
  if (period == null) return wrong('period', 'REQUIRED', 'A periodic schedule needs a period.');
  if (BY_PERIOD[period] === undefined)
    return wrong(
      'period',
      'PERIOD_UNAVAILABLE',
      `The period ${period} is not available yet.`,
      'Use MINUTE, HOUR or DAY.',
    );
  if (period === 'DAY') {
    if (!input.at) wrong('at', 'REQUIRED', 'A daily schedule needs a time of day.');
    return;
  }
  const most = period === 'MINUTE' ? MINUTES_A_DAY : MINUTES_A_DAY / 60;
  if (input.every == null) wrong('every', 'REQUIRED', `How many ${period.toLowerCase()}s lie between two runs?`);
  else if (!Number.isInteger(input.every) || input.every < 1 || input.every > most)
    wrong('every', 'OUT_OF_RANGE', `every must be 1 to ${most} for ${period}.`);
  if (input.minute != null && (!Number.isInteger(input.minute) || input.minute < 0 || input.minute > 59))
    wrong('minute', 'OUT_OF_RANGE', 'minute must be 0 to 59.');
  if (input.minute != null && input.windowFrom)
    wrong(
      'minute',
      'EXCLUDES_WINDOW_FROM',
      'minute and windowFrom exclude each other.',
      'Let windowFrom say the minute.',
    );
}

function withDefaults(input: ScheduleInput, period: ScheduleInput['period']): Schedule {
  return {
    type: input.type,
    timeZone: input.timeZone,
    effectiveFrom: input.effectiveFrom ?? null,
    effectiveTo: input.effectiveTo ?? null,
    period: (period ?? null) as Schedule['period'],
    every: input.every ?? null,
    windowFrom: input.windowFrom ?? null,
    windowTo: input.windowTo ?? null,
    minute: input.minute ?? null,
    at: input.at ?? null,
    runAt: input.runAt == null || Number.isNaN(input.runAt.getTime()) ? null : wholeSecond(input.runAt).toISOString(),
    dependsOnPrevious: input.dependsOnPrevious ?? 'NONE',
    offlineOnFailure: input.offlineOnFailure ?? false,
    runOnOnline: input.runOnOnline ?? false,
    misfire: input.misfire ?? 'LATEST',
    maxWaiting: input.maxWaiting ?? 100,
  };
}

const isTime = (text: string) => /^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$/.test(text);

/** One that the calendar has: 2026-02-30 is none. */
function isDate(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

/** An IANA name that this machine knows; offsets such as +08:00 are no time zones. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return /^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/.test(name);
  } catch {
    return false;
  }
}

const wholeSecond = (date: Date) => new Date(Math.floor(date.getTime() / 1_000) * 1_000);

/** Three intervals for interval schedules, a day for timed ones. */
export function defaultTimeoutMinutes(schedule: Schedule): number {
  if (schedule.period === 'MINUTE') return 3 * (schedule.every ?? 1);
  if (schedule.period === 'HOUR') return 180 * (schedule.every ?? 1);
  return MINUTES_A_DAY;
}

/** The schedule as a sentence, in English or Chinese (`zh…`). */
export function scheduleInWords(schedule: Schedule, locale: string): string {
  const zh = locale.toLowerCase().startsWith('zh');
  const zone = ` (${schedule.timeZone})`;
  if (schedule.type === 'ONCE') {
    if (schedule.runAt === null) return zh ? '上线时运行一次' : 'Once, when brought online';
    return (zh ? `一次：${schedule.runAt}` : `Once, at ${schedule.runAt}`) + zone;
  }
  const sentence = zh ? intervalZh(schedule) : intervalEn(schedule);
  return sentence + datesIn(schedule, zh) + zone;
}

const windowIn = ({ windowFrom, windowTo }: Schedule) =>
  windowFrom === null && windowTo === null ? '' : ` ${windowFrom ?? '00:00:00'}–${windowTo ?? '23:59:59'}`;

function intervalZh(schedule: Schedule): string {
  const { period, every, minute, at } = schedule;
  if (period === 'DAY') return `每天 ${at}`;
  const from = minute ? `，从 00:${String(minute).padStart(2, '0')} 起` : '';
  return `每 ${every} ${period === 'HOUR' ? '小时' : '分钟'}${from}${windowIn(schedule)}`;
}

function intervalEn(schedule: Schedule): string {
  const { period, every, minute, at } = schedule;
  if (period === 'DAY') return `Every day at ${at}`;
  const unit = period === 'HOUR' ? 'hour' : 'minute';
  const from = minute ? ` from 00:${String(minute).padStart(2, '0')}` : '';
  return `Every ${every === 1 ? unit : `${every} ${unit}s`}${from}${windowIn(schedule)}`;
}

function datesIn({ effectiveFrom, effectiveTo }: Schedule, zh: boolean): string {
  if (effectiveFrom === null && effectiveTo === null) return '';
  if (zh) return `，${effectiveFrom ?? ''} 至 ${effectiveTo ?? ''}`;
  return `${effectiveFrom === null ? '' : `, from ${effectiveFrom}`}${effectiveTo === null ? '' : `${effectiveFrom === null ? ',' : ''} to ${effectiveTo}`}`;
}
