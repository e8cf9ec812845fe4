import type { Schedule } from '@sampan/control';
import { builder } from './builder.ts';

const ScheduleTypeEnum = builder.enumType('ScheduleType', {
  description: '周期调度 or 一次性调度.',
  values: ['PERIODIC', 'ONCE'] as const,
});
const PeriodEnum = builder.enumType('Period', {
  description: '调度周期. WEEK, MONTH and CRON are not available yet and are refused.',
  values: ['MINUTE', 'HOUR', 'DAY', 'WEEK', 'MONTH', 'CRON'] as const,
});
const DependsOnPrevious = builder.enumType('DependsOnPrevious', {
  description: '依赖上一周期: an instance starts when the one before it has ended, or has succeeded.',
  values: ['NONE', 'ENDED', 'SUCCEEDED'] as const,
});
const Misfire = builder.enumType('Misfire', {
  description: 'Periods missed while nothing ran: all in order, only the latest, or none.',
  values: ['ALL', 'LATEST', 'SKIP'] as const,
});

export const ScheduleObject = builder.objectRef<Schedule>('Schedule').implement({
  description: 'When a task runs.',
  fields: (t) => ({
    type: t.field({ type: ScheduleTypeEnum, description: 'Periodic, or once.', resolve: (one) => one.type }),
    timeZone: t.exposeString('timeZone', { description: 'IANA name; dates and times below belong to it.' }),
    effectiveFrom: t.field({
      type: 'LocalDate',
      nullable: true,
      description: 'First day (生效日期), included.',
      resolve: (one) => one.effectiveFrom,
    }),
    effectiveTo: t.field({
      type: 'LocalDate',
      nullable: true,
      description: 'Last day, included.',
      resolve: (one) => one.effectiveTo,
    }),
    period: t.field({
      type: PeriodEnum,
      nullable: true,
      description: 'Of a periodic one.',
      resolve: (one) => one.period,
    }),
    every: t.exposeInt('every', { nullable: true, description: 'Minutes or hours between two runs.' }),
    windowFrom: t.field({
      type: 'LocalTime',
      nullable: true,
      description: 'Intervals start here each day.',
      resolve: (one) => one.windowFrom,
    }),
    windowTo: t.field({
      type: 'LocalTime',
      nullable: true,
      description: 'No run begins after it.',
      resolve: (one) => one.windowTo,
    }),
    minute: t.exposeInt('minute', { nullable: true, description: 'HOUR: intervals start at 00:minute.' }),
    at: t.field({ type: 'LocalTime', nullable: true, description: 'DAY: time of day.', resolve: (one) => one.at }),
    runAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'ONCE: when; absent: when brought online.',
      resolve: (one) => (one.runAt === null ? null : new Date(one.runAt)),
    }),
    dependsOnPrevious: t.field({
      type: DependsOnPrevious,
      description: 'What it needs of the period before.',
      resolve: (one) => one.dependsOnPrevious,
    }),
    offlineOnFailure: t.exposeBoolean('offlineOnFailure', { description: '运行异常，下线任务.' }),
    runOnOnline: t.exposeBoolean('runOnOnline', { description: '任务上线立即运行.' }),
    misfire: t.field({ type: Misfire, description: 'What becomes of missed periods.', resolve: (one) => one.misfire }),
    maxWaiting: t.exposeInt('maxWaiting', { description: 'Waiting instances above which no more are made.' }),
  }),
});

export const ScheduleInput = builder.inputType('ScheduleInput', {
  description: 'When a task runs. Fields that do not belong to the type or period are refused by name.',
  fields: (t) => ({
    type: t.field({ type: ScheduleTypeEnum, required: true, description: 'Periodic, or once.' }),
    timeZone: t.string({ required: true, description: 'IANA name, such as Asia/Shanghai.' }),
    effectiveFrom: t.field({ type: 'LocalDate', description: 'First day, included.' }),
    effectiveTo: t.field({ type: 'LocalDate', description: 'Last day, included.' }),
    period: t.field({ type: PeriodEnum, description: 'Needed for PERIODIC.' }),
    every: t.int({ description: 'MINUTE, HOUR: minutes or hours between two runs, up to 24 hours.' }),
    windowFrom: t.field({ type: 'LocalTime', description: 'MINUTE, HOUR: default 00:00.' }),
    windowTo: t.field({
      type: 'LocalTime',
      description: 'MINUTE, HOUR: default 23:59:59; before windowFrom it lies on the next day.',
    }),
    minute: t.int({ description: 'HOUR: intervals start at 00:minute; excludes windowFrom.' }),
    at: t.field({ type: 'LocalTime', description: 'DAY: needed.' }),
    runAt: t.field({ type: 'DateTime', description: 'ONCE: absent: when brought online.' }),
    dependsOnPrevious: t.field({ type: DependsOnPrevious, description: 'Default NONE.' }),
    offlineOnFailure: t.boolean({ description: 'Default false.' }),
    runOnOnline: t.boolean({ description: 'Default false.' }),
    misfire: t.field({ type: Misfire, description: 'Default LATEST.' }),
    maxWaiting: t.int({ description: 'Default 100.' }),
  }),
});
