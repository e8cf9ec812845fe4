import type { Http } from './http.ts';
import { instancePath, type TaskStatus, taskStatuses } from './instances.ts';
import { resourceOf } from './resource.ts';
import { ask, dateOf, figure, pages, parseJson } from './rest.ts';
import { attributeOf, elements, textOf } from './xml.ts';

/** A stage of a task, as the service counts it. */
export interface Stage {
  name: string;
  /** `READY`, `RUNNING`, `TERMINATED` and others; `WAITING` where it has not begun. */
  status: string;
  workers: number;
  running: number;
  terminated: number;
  inputRows: number | null;
  outputRows: number | null;
  /** 0 to 100. */
  percent: number;
}

/** How far an instance is. */
export interface InstanceProgress {
  tasks: TaskStatus[];
  stages: Stage[];
}

/** Statuses of the tasks, and of the stages of those that run. */
export async function instanceProgress(http: Http, id: string, signal?: AbortSignal): Promise<InstanceProgress> {
  const tasks = await taskStatuses(http, id, signal);
  const stages: Stage[] = [];
  for (const { name, status } of tasks)
    if (status === 'RUNNING') stages.push(...(await taskStages(http, id, name, signal)));
  return { tasks, stages };
}

async function taskStages(http: Http, id: string, task: string, signal?: AbortSignal): Promise<Stage[]> {
  const query = { instanceprogress: '', taskname: task, curr_schema: undefined };
  const { body } = await ask(http, instancePath(http, id), query, signal);
  return elements(body, 'Stage').map(({ attributes, content }) => ({
    name: attributeOf(attributes, 'ID') ?? '',
    status: (textOf(content, 'Status') || 'WAITING').toUpperCase(),
    workers: figure(textOf(content, 'TotalWorkers')) ?? 0,
    running: figure(textOf(content, 'RunningWorkers')) ?? 0,
    terminated: figure(textOf(content, 'TerminatedWorkers')) ?? 0,
    inputRows: figure(textOf(content, 'InputRecords')),
    outputRows: figure(textOf(content, 'OutputRecords') ?? textOf(content, 'OutRecords')),
    percent: figure(textOf(content, 'FinishedPercentage')) ?? 0,
  }));
}

/** The statement that the instance runs, as it was submitted. */
export async function instanceSource(http: Http, id: string, signal?: AbortSignal): Promise<string> {
  const { body } = await ask(http, instancePath(http, id), { source: '', curr_schema: undefined }, signal);
  return textOf(body, 'Query') ?? '';
}

/** What a task did, in the service's words: rows in and out of each stage, resources. */
export interface TaskSummary {
  text: string;
  /** The same as JSON, as the service wrote it; empty where it wrote none. */
  json: string;
}

export async function taskSummary(http: Http, id: string, task: string, signal?: AbortSignal): Promise<TaskSummary> {
  const query = { instancesummary: '', taskname: task, curr_schema: undefined };
  const answer = await ask(http, instancePath(http, id), query, signal);
  const instance = (parseJson(answer.body, answer).Instance ?? {}) as { JsonSummary?: unknown; Summary?: unknown };
  return { text: String(instance.Summary ?? ''), json: String(instance.JsonSummary ?? '') };
}

export interface InstanceSummary {
  id: string;
  owner: string;
  /** `RUNNING`, `SUSPENDED` or `TERMINATED`. */
  status: string;
  startedAt: Date | null;
  endedAt: Date | null;
}

export interface InstanceFilter {
  status?: 'Running' | 'Suspended' | 'Terminated' | undefined;
  from?: Date | undefined;
  to?: Date | undefined;
  /** Those of this account alone; default: what the service takes for it. */
  onlyOwner?: boolean | undefined;
}

/** Instances of the project, page by page. */
export async function* listInstances(
  http: Http,
  { status, from, to, onlyOwner }: InstanceFilter = {},
  signal?: AbortSignal,
): AsyncGenerator<InstanceSummary> {
  const seconds = (date: Date | undefined) => (date === undefined ? '' : String(Math.floor(Number(date) / 1_000)));
  const query = {
    status,
    daterange: from === undefined && to === undefined ? undefined : `${seconds(from)}:${seconds(to)}`,
    onlyowner: onlyOwner === undefined ? undefined : onlyOwner ? 'yes' : 'no',
    curr_schema: undefined,
  };
  for await (const page of pages(http, resourceOf('projects', http.options.project, 'instances'), query, signal)) {
    for (const { content } of elements(page, 'Instance'))
      yield {
        id: textOf(content, 'Name') ?? '',
        owner: textOf(content, 'Owner') ?? '',
        status: (textOf(content, 'Status') ?? '').toUpperCase(),
        startedAt: dateOf(textOf(content, 'StartTime')),
        endedAt: dateOf(textOf(content, 'EndTime')),
      };
  }
}
