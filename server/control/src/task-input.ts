import type { Json, WriteMode } from '@sampan/connector';
import type { FailureKindName, LinkDefinition, RunOptions, SourceDefinition, TargetDefinition } from './definitions.ts';
import { type Issue, issue } from './errors.ts';
import type { ScheduleInput } from './schedules.ts';
import type { TaskKind } from './tables/tasks.ts';

type Maybe<T> = T | null | undefined;

/** A task as the API takes it; what is absent gets its default. */
export interface TaskInput {
  folderId: string;
  name: string;
  description?: Maybe<string>;
  owner?: Maybe<string>;
  tags?: Maybe<string[]>;
  kind: TaskKind;
  source: SourceInput;
  target: TargetInput;
  mapping: LinkInput[];
  schedule: ScheduleInput;
  options?: Maybe<RunOptionsInput>;
}

/** A wizard's state: only what is there is checked. `id` names the task that is being edited. */
export type TaskDraft = { [K in keyof TaskInput]?: Maybe<TaskInput[K]> } & { id?: Maybe<string> };

export interface SourceInput {
  dataSourceId: string;
  objects: string[];
  where?: Maybe<string>;
  splitKey?: Maybe<string>;
  splits?: Maybe<number>;
  parallel?: Maybe<number>;
  fetchSize?: Maybe<number>;
  options?: Maybe<{ [key: string]: Json }>;
}

export interface TargetInput {
  dataSourceId: string;
  object: string;
  create?: Maybe<boolean>;
  ddl?: Maybe<string>;
  writeMode: WriteMode;
  keys?: Maybe<string[]>;
  partition?: Maybe<{ name: string; value: string }[]>;
  preSql?: Maybe<string[]>;
  postSql?: Maybe<string[]>;
  publish?: Maybe<TargetDefinition['publish']>;
  options?: Maybe<{ [key: string]: Json }>;
}

export interface LinkInput {
  target: string;
  column?: Maybe<string>;
  constant?: Maybe<string>;
  onLossy?: Maybe<LinkDefinition['onLossy']>;
}

export interface RunOptionsInput {
  cpu?: Maybe<number>;
  memoryMb?: Maybe<number>;
  timeoutMinutes?: Maybe<number>;
  priority?: Maybe<RunOptions['priority']>;
  dirtyRows?: Maybe<string>;
  dirtyShare?: Maybe<number>;
  rowsPerSecond?: Maybe<number>;
  bytesPerSecond?: Maybe<string>;
  reconciliation?: Maybe<RunOptions['reconciliation']>;
  retries?: Maybe<number>;
  retryDelaySeconds?: Maybe<number>;
  retryBackoff?: Maybe<number>;
  retryOn?: Maybe<FailureKindName[]>;
}

/** A statement or name that holds a time expression would be taken literally today: refused until they are evaluated. */
export function expressionIssues(path: string[], text: Maybe<string>): Issue[] {
  if (!text || !/\$\{|\$\[/.test(text)) return [];
  return [issue(path, 'EXPRESSIONS_UNAVAILABLE', 'Time expressions are not available yet.', 'Write the value itself.')];
}

export function sourceDefinition(input: SourceInput): { source: SourceDefinition; issues: Issue[] } {
  const at = (...rest: string[]) => ['source', ...rest];
  const issues = [...expressionIssues(at('where'), input.where)];
  if (input.objects.length !== 1 || input.objects[0] === '') {
    issues.push(
      issue(
        at('objects'),
        'ONE_OBJECT',
        'Name exactly one object to read.',
        'Several objects read as one are not available yet.',
      ),
    );
  }
  issues.push(
    ...wholeNumber(at('splits'), input.splits, 1, 10_000),
    ...wholeNumber(at('parallel'), input.parallel, 1, 64),
  );
  issues.push(...wholeNumber(at('fetchSize'), input.fetchSize, 1, 1_000_000));
  const source: SourceDefinition = {
    dataSourceId: input.dataSourceId,
    objects: input.objects,
    where: input.where?.trim() || null,
    splitKey: input.splitKey || null,
    splits: input.splits ?? null,
    parallel: input.parallel ?? 2,
    fetchSize: input.fetchSize ?? null,
    options: input.options ?? {},
  };
  return { source, issues };
}

export function targetDefinition(input: TargetInput): { target: TargetDefinition; issues: Issue[] } {
  const at = (...rest: string[]) => ['target', ...rest];
  const issues = [...expressionIssues(at('object'), input.object)];
  if (input.object.trim() === '') issues.push(issue(at('object'), 'REQUIRED', 'Name the target object.'));
  if (input.ddl && !input.create)
    issues.push(issue(at('ddl'), 'WITHOUT_CREATE', 'A statement to create the object needs create: true.'));
  const partition = input.partition ?? [];
  partition.forEach((one, index) => {
    issues.push(...expressionIssues(at('partition', String(index)), one.value));
  });
  const keys = input.keys ?? [];
  keys.forEach((key, index) => {
    if (keys.indexOf(key) !== index)
      issues.push(issue(at('keys', String(index)), 'TWICE', `"${key}" is named twice.`, 'Name each key column once.'));
  });
  for (const list of ['preSql', 'postSql'] as const) {
    (input[list] ?? []).forEach((text, index) => {
      issues.push(...expressionIssues(at(list, String(index)), text));
    });
  }
  const target: TargetDefinition = {
    dataSourceId: input.dataSourceId,
    object: input.object.trim(),
    create: input.create ?? false,
    ddl: input.ddl?.trim() || null,
    writeMode: input.writeMode,
    keys,
    partition,
    preSql: input.preSql ?? [],
    postSql: input.postSql ?? [],
    publish: input.publish ?? 'AUTO',
    options: input.options ?? {},
  };
  return { target, issues };
}

export function linkDefinitions(inputs: LinkInput[]): { mapping: LinkDefinition[]; issues: Issue[] } {
  const issues: Issue[] = [];
  const seen = new Set<string>();
  inputs.forEach((link, index) => {
    const path = ['mapping', String(index)];
    if (seen.has(link.target.toLowerCase()))
      issues.push(issue([...path, 'target'], 'TWICE', `Target column "${link.target}" is linked twice.`));
    seen.add(link.target.toLowerCase());
    if ((link.column == null) === (link.constant == null)) {
      issues.push(
        issue(path, 'ONE_ORIGIN', `Give exactly one of column and constant for target column "${link.target}".`),
      );
    }
    issues.push(...expressionIssues([...path, 'constant'], link.constant));
  });
  if (inputs.length === 0)
    issues.push(issue(['mapping'], 'EMPTY', 'Link at least one column.', 'Start from suggestMapping.'));
  const mapping = inputs.map((link) => ({
    target: link.target,
    column: link.column ?? null,
    constant: link.constant ?? null,
    onLossy: link.onLossy ?? 'REFUSE',
  }));
  return { mapping, issues };
}

const COUNT_TEXT = /^(0|[1-9]\d{0,18})$/;

export function runOptions(input: RunOptionsInput, timeoutMinutes: number): { options: RunOptions; issues: Issue[] } {
  const at = (name: string) => ['options', name];
  const issues = [
    ...wholeNumber(at('memoryMb'), input.memoryMb, 128, 1_048_576),
    ...wholeNumber(at('timeoutMinutes'), input.timeoutMinutes, 1, 525_600),
    ...wholeNumber(at('rowsPerSecond'), input.rowsPerSecond, 1, 2_147_483_647),
    ...wholeNumber(at('retries'), input.retries, 0, 100),
    ...wholeNumber(at('retryDelaySeconds'), input.retryDelaySeconds, 0, 86_400),
    ...within(at('cpu'), input.cpu, 0.1, 256),
    ...within(at('dirtyShare'), input.dirtyShare, 0, 1),
    ...within(at('retryBackoff'), input.retryBackoff, 1, 10),
  ];
  for (const name of ['dirtyRows', 'bytesPerSecond'] as const) {
    const text = input[name];
    if (text != null && !COUNT_TEXT.test(text))
      issues.push(issue(at(name), 'NOT_A_COUNT', `"${text}" is not a whole number.`));
  }
  if (input.bytesPerSecond === '0')
    issues.push(
      issue(at('bytesPerSecond'), 'OUT_OF_RANGE', 'bytesPerSecond must be at least 1.', 'Leave it out for no limit.'),
    );
  const options: RunOptions = {
    cpu: input.cpu ?? 2,
    memoryMb: input.memoryMb ?? 1024,
    timeoutMinutes: input.timeoutMinutes ?? timeoutMinutes,
    priority: input.priority ?? 'NORMAL',
    dirtyRows: input.dirtyRows ?? (input.dirtyShare == null ? '0' : null),
    dirtyShare: input.dirtyShare ?? null,
    rowsPerSecond: input.rowsPerSecond ?? null,
    bytesPerSecond: input.bytesPerSecond ?? null,
    reconciliation: input.reconciliation ?? 'COUNT',
    retries: input.retries ?? 3,
    retryDelaySeconds: input.retryDelaySeconds ?? 10,
    retryBackoff: input.retryBackoff ?? 2,
    retryOn: input.retryOn ?? ['BUSY'],
  };
  return { options, issues };
}

function wholeNumber(path: string[], value: Maybe<number>, least: number, most: number): Issue[] {
  if (value == null || Number.isInteger(value)) return within(path, value, least, most);
  return [issue(path, 'NOT_WHOLE', `${path.at(-1)} must be a whole number.`)];
}

function within(path: string[], value: Maybe<number>, least: number, most: number): Issue[] {
  if (value == null || (value >= least && value <= most)) return [];
  return [issue(path, 'OUT_OF_RANGE', `${path.at(-1)} must be ${least} to ${most}.`)];
}
