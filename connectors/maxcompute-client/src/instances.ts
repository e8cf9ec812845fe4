import { randomUUID } from 'node:crypto';
import { errorOfTask, MaxComputeError } from './errors.ts';
import type { Http } from './http.ts';
import { elements, escapeXml, textOf } from './xml.ts';

const TASK = 'AnonymousSQLTask';
/** The types of version 2, without which half of the types are refused; UTC, so that nothing depends on the project. */
const SETTINGS = { 'odps.sql.type.system.odps2': 'true', 'odps.sql.decimal.odps2': 'true', 'odps.sql.timezone': 'UTC' };
const POLL_MS = [100, 200, 400, 800, 1_600, 2_000];

export interface SqlOptions {
  /** Hints, the `SET` lines of a console. */
  settings?: { [name: string]: string };
  signal?: AbortSignal | undefined;
  /** Names the submission: the same id again runs nothing twice. */
  guid?: string;
}

/** What a statement answered, as text. */
export interface SqlResult {
  instanceId: string;
  /** Rows of a SELECT, the header left out; a cell of `null` is NULL. Limited by the service, 10,000 rows by default. */
  rows: (string | null)[][];
  columns: string[];
}

/** Runs one statement and waits for it. @throws MaxComputeError with the statement's own error code */
export async function runSql(http: Http, sql: string, options: SqlOptions = {}): Promise<SqlResult> {
  const { project } = http.options;
  const instanceId = await submit(http, sql, options);
  const resource = `/projects/${project}/instances/${instanceId}`;
  const get = (query: { [name: string]: string }) =>
    http.call({
      method: 'GET',
      base: http.options.endpoint,
      resource,
      query: { curr_project: project, ...query },
      repeatable: true,
      signal: options.signal,
    });
  for (let poll = 0; ; poll++) {
    const { body } = await get({});
    if (/terminated/i.test(textOf(body, 'Status') ?? '')) break;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS[Math.min(poll, POLL_MS.length - 1)]));
    if (options.signal?.aborted) {
      await stop(http, resource);
      throw new MaxComputeError({ code: 'Stopped', kind: 'busy', message: 'The statement was stopped.' });
    }
  }
  // Terminated says only that it ended: the status of the task says how.
  const [task] = elements((await get({ taskstatus: '' })).body, 'Task');
  const result = await get({ result: '' });
  const { text, format } = resultText(result.body);
  if (!/success/i.test(textOf(task?.content ?? '', 'Status') ?? '')) throw errorOfTask(text, instanceId);
  const [columns = [], ...rows] = format === 'csv' ? parseCsv(text) : [];
  return { instanceId, columns: columns.map(String), rows };
}

async function submit(http: Http, sql: string, options: SqlOptions): Promise<string> {
  const { project, schema } = http.options;
  const named =
    schema === undefined
      ? {}
      : { 'odps.namespace.schema': 'true', 'odps.sql.allow.namespace.schema': 'true', 'odps.default.schema': schema };
  const settings = JSON.stringify({ ...SETTINGS, ...named, ...options.settings });
  const property = (name: string, value: string) =>
    `<Property><Name>${name}</Name><Value>${escapeXml(value)}</Value></Property>`;
  const query = `<Query><![CDATA[${sql.replaceAll(']]>', ']]]]><![CDATA[>')}]]></Query>`;
  const body = `<?xml version="1.0" encoding="utf-8"?><Instance><Job><Priority>9</Priority><Guid>${options.guid ?? randomUUID()}</Guid><Tasks><SQL><Name>${TASK}</Name><Config>${property('uuid', randomUUID())}${property('settings', settings)}</Config>${query}</SQL></Tasks><DAG><RunMode>Sequence</RunMode></DAG></Job></Instance>`;
  // The Guid makes the request repeatable: a second submission finds the first one's instance.
  const answer = await http.call({
    method: 'POST',
    base: http.options.endpoint,
    resource: `/projects/${project}/instances`,
    query: { curr_project: project, ...(schema === undefined ? {} : { curr_schema: schema }) },
    body,
    repeatable: true,
    signal: options.signal,
  });
  const id = answer.headers.location?.split('/').pop();
  if (!id)
    throw new MaxComputeError({
      code: 'UnreadableAnswer',
      kind: 'bug',
      message: 'The answer to a statement names no instance.',
    });
  return id;
}

async function stop(http: Http, resource: string): Promise<void> {
  const body = '<Instance><Status>Terminated</Status></Instance>';
  await http
    .call({
      method: 'PUT',
      base: http.options.endpoint,
      resource,
      query: { curr_project: http.options.project },
      body,
      repeatable: true,
    })
    .catch(() => {});
}

function resultText(xml: string): { text: string; format: string } {
  const [result] = elements(xml, 'Result');
  if (result === undefined) return { text: '', format: 'text' };
  const raw = textOf(xml, 'Result') ?? '';
  const format = /Format="([^"]*)"/i.exec(result.attributes)?.[1].toLowerCase() ?? 'text';
  return {
    text: /Transform="base64"/i.test(result.attributes) ? Buffer.from(raw, 'base64').toString('utf8') : raw,
    format,
  };
}

/** CSV with quoted fields; the unquoted token `\N` is NULL. */
export function parseCsv(text: string): (string | null)[][] {
  const rows: (string | null)[][] = [];
  let row: (string | null)[] = [];
  const token = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g;
  for (let match = token.exec(text); match !== null && match.index < text.length; match = token.exec(text)) {
    row.push(match[1] === undefined ? (match[2] === '\\N' ? null : match[2]) : match[1].replaceAll('""', '"'));
    if (match[3] !== ',') {
      rows.push(row);
      row = [];
    }
  }
  return rows;
}
