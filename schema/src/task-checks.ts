import {
  businessDate,
  type CheckedLink,
  checkDraft,
  type DraftCheck,
  nextOccurrences,
  readNow,
  suggestMapping,
} from '@sampan/control';
import { builder } from './builder.ts';
import { IssueType } from './errors.ts';
import { idOf } from './node-ids.ts';
import { taskOf } from './task-ids.ts';
import { SourceInput, TargetInput, TaskDraftInput } from './task-inputs.ts';
import { NextRun, PublishPlan } from './task-versions.ts';

const Verdict = builder.enumType('Verdict', {
  description: 'What becomes of values on a link; see reason.',
  values: ['EXACT', 'WIDENING', 'NARROWING', 'LOSSY', 'IMPOSSIBLE'] as const,
});
const MappingRule = builder.enumType('MappingRule', {
  description: '同名映射, the same without letter case and _, 同行映射.',
  values: ['SAME_NAME', 'SAME_NAME_LOOSE', 'SAME_POSITION'] as const,
});
const SuggestedLinkType = builder.objectRef<CheckedLink>('SuggestedLink').implement({
  description: 'A link with its verdict.',
  fields: (t) => ({
    target: t.exposeString('target', { description: 'Target column.' }),
    column: t.exposeString('column', { description: 'Source column; empty for a constant.' }),
    targetPosition: t.exposeInt('targetPosition', { description: 'From 1.' }),
    verdict: t.field({ type: Verdict, description: 'What becomes of values.', resolve: (one) => one.verdict }),
    reason: t.exposeString('reason', { description: 'Why.' }),
  }),
});

interface Suggestion {
  links: CheckedLink[];
  unmappedSource: string[];
  unmappedTarget: string[];
}
const MappingSuggestion = builder.objectRef<Suggestion>('MappingSuggestion').implement({
  description: 'Links by rule.',
  fields: (t) => ({
    links: t.field({
      type: [SuggestedLinkType],
      description: 'In the order of the target.',
      resolve: (one) => one.links,
    }),
    unmappedSource: t.exposeStringList('unmappedSource', { description: 'Source columns left over.' }),
    unmappedTarget: t.exposeStringList('unmappedTarget', { description: 'Target columns left over.' }),
  }),
});

const TaskCheckType = builder
  .objectRef<DraftCheck & { runs: { scheduledAt: Date; businessDate: string }[] }>('TaskCheck')
  .implement({
    description: 'What is wrong with a draft, and what it would do.',
    fields: (t) => ({
      ok: t.boolean({
        description: 'No problem of severity ERROR.',
        resolve: (one) => !one.issues.some((issue) => issue.severity === 'ERROR'),
      }),
      problems: t.field({
        type: [IssueType],
        description: 'Mistakes and warnings, each with its field.',
        resolve: (one) => one.issues,
      }),
      links: t.field({
        type: [SuggestedLinkType],
        description: 'The links with their verdicts.',
        resolve: (one) => one.links,
      }),
      ddl: t.string({
        nullable: true,
        description: 'The statement that will create the target; null where it exists.',
        resolve: (one) => one.prepared?.ddl ?? null,
      }),
      publish: t.field({
        type: PublishPlan,
        nullable: true,
        description: 'How it will be published.',
        resolve: (one) => (one.prepared === null ? null : { way: one.prepared.publish, visible: one.prepared.visible }),
      }),
      nextRuns: t.field({
        type: [NextRun],
        description: 'The first periods of its schedule.',
        resolve: (one) => one.runs,
      }),
    }),
  });

builder.queryFields((t) => ({
  suggestMapping: t.field({
    type: MappingSuggestion,
    description:
      'Links the columns of both ends by rule; where the target is to be created, to columns of the same names.',
    args: {
      input: t.arg({
        type: builder.inputType('SuggestMappingInput', {
          description: 'Both ends and a rule.',
          fields: (f) => ({
            source: f.field({ type: SourceInput, required: true, description: 'What is read.' }),
            target: f.field({ type: TargetInput, required: true, description: 'Where it is written.' }),
            rule: f.field({ type: MappingRule, required: true, description: 'How columns are paired.' }),
          }),
        }),
        required: true,
        description: 'What to pair.',
      }),
    },
    resolve: (_root, { input }, context) =>
      suggestMapping(
        context.control,
        context.actor!,
        {
          source: { ...input.source, dataSourceId: idOf('DataSource', input.source.dataSourceId) },
          target: { ...input.target, dataSourceId: idOf('DataSource', input.target.dataSourceId) },
        },
        input.rule,
      ),
  }),
  checkTask: t.field({
    type: TaskCheckType,
    description: 'Checks what a draft holds so far against both ends as they are now. Changes nothing.',
    args: {
      input: t.arg({ type: TaskDraftInput, required: true, description: 'The draft.' }),
      runs: t.arg.int({ defaultValue: 5, description: 'How many periods to show, at most 100.' }),
      runsFrom: t.arg({ type: 'DateTime', description: 'Periods after this; absent: now.' }),
    },
    resolve: async (_root, args, context) => {
      const check = await checkDraft(context.control, context.actor!, taskOf(args.input) as never);
      const from = args.runsFrom ?? (await readNow(context.control.db));
      const { schedule } = check;
      const runs = schedule === null ? [] : nextOccurrences(schedule, from, Math.min(args.runs ?? 5, 100));
      return {
        ...check,
        runs: runs.map((scheduledAt) => ({ scheduledAt, businessDate: businessDate(scheduledAt, schedule!.timeZone) })),
      };
    },
  }),
}));
