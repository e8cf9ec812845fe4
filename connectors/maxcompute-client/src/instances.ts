import { randomUUID } from 'node:crypto';
import { MaxComputeError } from './errors.ts';
import type { Answer, Http } from './http.ts';
import { pause } from './pause.ts';
import { resourceOf } from './resource.ts';
import { strange } from './rest.ts';
import { withoutSettings } from './sql-text.ts';
import { attributeOf, elements, escapeXml, textOf } from './xml.ts';

/** What is run: a statement, or the estimate of its cost. */
const TASKS = {
  SQL: { name: 'AnonymousSQLTask', more: '' },
  SQLCost: {
    name: 'AnonymousSQLCostTask',
    more: '<Property><Name>sqlcostmode</Name><Value>sqlcostmode</Value></Property>',
  },
};
/** The types of version 2, without which half of the types are refused; UTC, so that nothing depends on the project. */
const SETTINGS = { 'odps.sql.type.system.odps2': 'true', 'odps.sql.decimal.odps2': 'true', 'odps.sql.timezone': 'UTC' };
/** How long the first submission of a Guid may take to be set up. */
const CONFLICT_MS = 180_000;

export interface SubmitOptions {
  /** Hints, the `SET` lines of a console. */
  settings?: { [name: string]: string };
  signal?: AbortSignal | undefined;
  /** Names the submission: the same id again runs nothing twice. */
  guid?: string;
  /** 0 is the highest (default 9). */
  priority?: number;
  /** Asks the service to wait a little and to answer with the result, where it can: saves polling for short statements. */
  tryWait?: boolean;
}

export interface TaskStatus {
  name: string;
  /** `WAITING`, `RUNNING`, `SUCCESS`, `FAILED`, `SUSPENDED` or `CANCELLED`. */
  status: string;
}

export const instancePath = (http: Http, id: string) => resourceOf('projects', http.options.project, 'instances', id);

function get(http: Http, id: string, query: { [name: string]: string }, signal?: AbortSignal): Promise<Answer> {
  return http.call({
    method: 'GET',
    base: http.options.endpoint,
    resource: instancePath(http, id),
    query: { curr_project: http.options.project, ...query },
    repeatable: true,
    signal,
  });
}

/** Submits one statement; gives the instance's id at once. Repeated with its Guid while the answer is not known. */
export async function submitSql(http: Http, sql: string, options: SubmitOptions = {}): Promise<string> {
  return (await submitTask(http, sql, options)).id;
}

/** The same, with the answer's body, which holds the results where the service waited. */
export async function submitTask(
  http: Http,
  sql: string,
  options: SubmitOptions,
  kind: keyof typeof TASKS = 'SQL',
): Promise<{ id: string; answer: Answer }> {
  const { project, schema } = http.options;
  const body = jobXml(http, sql, options, kind);
  const deadline = Date.now() + CONFLICT_MS;
  for (;;) {
    try {
      const answer = await http.call({
        method: 'POST',
        base: http.options.endpoint,
        resource: `${resourceOf('projects', project)}/instances`,
        query: { curr_project: project, curr_schema: schema, tryWait: options.tryWait ? '' : undefined },
        body,
        // The Guid makes it so: a second submission finds the first one's instance.
        repeatable: true,
        signal: options.signal,
      });
      return { id: idOf(answer), answer };
    } catch (error) {
      // The first submission with this Guid is still being set up.
      if (!(error instanceof MaxComputeError) || error.status !== 409 || Date.now() > deadline) throw error;
      await pause(error.retryAfterMs ?? 1_000, options.signal);
    }
  }
}

function idOf(answer: Answer): string {
  const id = answer.headers.location?.split('?')[0].split('/').pop();
  if (id) return decodeURIComponent(id);
  throw strange(answer).with({ message: 'The answer to a statement names no instance.' });
}

function jobXml(http: Http, text: string, options: SubmitOptions, kind: keyof typeof TASKS): string {
  const { sql, settings: set } = withoutSettings(text);
  const { schema } = http.options;
  const named =
    schema === undefined
      ? {}
      : { 'odps.namespace.schema': 'true', 'odps.sql.allow.namespace.schema': 'true', 'odps.default.schema': schema };
  const settings = JSON.stringify({ ...SETTINGS, ...named, ...options.settings, ...set });
  const property = (name: string, value: string) =>
    `<Property><Name>${name}</Name><Value>${escapeXml(value)}</Value></Property>`;
  const config = `<Config>${property('uuid', randomUUID())}${property('settings', settings)}${TASKS[kind].more}</Config>`;
  const query = `<Query><![CDATA[${terminated(sql).replaceAll(']]>', ']]]]><![CDATA[>')}]]></Query>`;
  const task = `<${kind}><Name>${TASKS[kind].name}</Name>${config}${query}</${kind}>`;
  const guid = escapeXml(options.guid ?? randomUUID());
  return `<?xml version="1.0" encoding="utf-8"?><Instance><Job><Priority>${options.priority ?? 9}</Priority><Guid>${guid}</Guid><Tasks>${task}</Tasks><DAG><RunMode>Sequence</RunMode></DAG></Job></Instance>`;
}

/** Some servers want the semicolon. On a line of its own where a comment would swallow it. */
function terminated(sql: string): string {
  const text = sql.trimEnd();
  if (text.endsWith(';')) return text;
  return text.slice(text.lastIndexOf('\n') + 1).includes('--') ? `${text}\n;` : `${text};`;
}

/** `RUNNING`, `SUSPENDED` or `TERMINATED`, which does not say how it ended: `taskStatuses` does. */
export async function instanceStatus(http: Http, id: string, signal?: AbortSignal): Promise<string> {
  return (textOf((await get(http, id, {}, signal)).body, 'Status') ?? 'UNKNOWN').toUpperCase();
}

export async function taskStatuses(http: Http, id: string, signal?: AbortSignal): Promise<TaskStatus[]> {
  return statusesIn((await get(http, id, { taskstatus: '' }, signal)).body);
}

export function statusesIn(xml: string): TaskStatus[] {
  return elements(xml, 'Task').map(({ content }) => ({
    name: textOf(content, 'Name') ?? '',
    status: (textOf(content, 'Status') ?? 'UNKNOWN').toUpperCase(),
  }));
}

/** What a task left: rows as CSV, or the text of an error or of a statement that has no rows. */
export interface TaskResult {
  text: string;
  format: string;
  /** The service cut the rows at its limit. */
  truncated: boolean;
  requestId: string | undefined;
}

export async function taskResult(http: Http, id: string, task: string, signal?: AbortSignal): Promise<TaskResult> {
  return resultIn(await get(http, id, { result: '' }, signal), task);
}

export function resultIn({ body, headers }: Pick<Answer, 'body' | 'headers'>, task: string): TaskResult {
  const requestId = headers['x-odps-request-id'] as string | undefined;
  const tasks = elements(body, 'Task');
  const found = tasks.find(({ content }) => textOf(content, 'Name') === task) ?? tasks[0];
  const [result] = elements(found?.content ?? '', 'Result');
  if (found === undefined || result === undefined) return { text: '', format: 'text', truncated: false, requestId };
  const raw = textOf(found.content, 'Result') ?? '';
  const packed = attributeOf(result.attributes, 'Transform')?.toLowerCase() === 'base64';
  return {
    text: packed ? Buffer.from(raw, 'base64').toString('utf8') : raw,
    format: attributeOf(result.attributes, 'Format')?.toLowerCase() ?? 'text',
    truncated: /"SelectResultStatus"\s*:\s*"TRUNCATED"/i.test(textOf(found.content, 'ResultDescriptor') ?? ''),
    requestId,
  };
}

/** Asks the service to stop an instance. It takes a while; one that has ended is no error. */
export async function stopInstance(http: Http, id: string, signal?: AbortSignal): Promise<void> {
  try {
    await http.call({
      method: 'PUT',
      base: http.options.endpoint,
      resource: instancePath(http, id),
      query: { curr_project: http.options.project },
      body: '<Instance><Status>Terminated</Status></Instance>',
      repeatable: true,
      signal,
    });
  } catch (error) {
    if (!(error instanceof MaxComputeError) || error.code !== 'InvalidStateSetting') throw error;
  }
}
