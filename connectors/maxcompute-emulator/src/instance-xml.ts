import { escapeXml } from '@sampan/maxcompute';
import type { Instance } from './instances.ts';

const cdata = (text: string) => `<![CDATA[${text.replaceAll(']]>', ']]]]><![CDATA[>')}]]>`;

/** What `GET …/instances/{id}` answers, by the parameter that is there. */
export function instanceXml(instance: Instance, query: ReadonlyMap<string, string>): string {
  if (query.has('result')) return resultXml(instance);
  if (query.has('source'))
    return `<Job><Tasks><SQL><Name>${escapeXml(instance.taskName)}</Name><Query>${cdata(instance.sql)}</Query></SQL></Tasks></Job>`;
  if (query.has('instanceprogress')) return '<Progress></Progress>';
  return statusXml(instance, query.has('taskstatus'));
}

export function instancesXml({ shown, marker }: { shown: readonly Instance[]; marker: string }): string {
  const rows = shown.map((one) => {
    const ended = one.endedAt === null ? '' : one.endedAt.toUTCString();
    return `<Instance><Name>${one.id}</Name><Owner>emulator</Owner><Status>${stateOf(one)}</Status><StartTime>${one.startedAt.toUTCString()}</StartTime><EndTime>${ended}</EndTime></Instance>`;
  });
  return `<Instances><Marker>${marker}</Marker><MaxItems>${rows.length}</MaxItems>${rows.join('')}</Instances>`;
}

const stateOf = (instance: Instance) => (instance.status === 'Running' ? 'Running' : 'Terminated');

function statusXml(instance: Instance, tasks: boolean): string {
  if (!tasks) return `<Instance><Status>${stateOf(instance)}</Status></Instance>`;
  const end = instance.endedAt === null ? '' : instance.endedAt.toUTCString();
  const task = `<Task Type="SQL"><Name>${escapeXml(instance.taskName)}</Name><StartTime>${instance.startedAt.toUTCString()}</StartTime><EndTime>${end}</EndTime><Status>${instance.status}</Status><Histories/></Task>`;
  return `<Instance><Status>${stateOf(instance)}</Status><Tasks>${task}</Tasks></Instance>`;
}

function resultXml({ taskName, outcome }: Instance): string {
  const rows = typeof outcome === 'string' ? null : outcome;
  const descriptor = JSON.stringify({
    IsSelect: rows !== null,
    Schema: { Columns: (rows?.columns ?? []).map((column) => ({ Name: column.name, Type: column.type })) },
    SelectResultStatus: rows?.truncated ? 'TRUNCATED' : 'FULL',
  });
  const text = typeof outcome === 'string' ? outcome : csv(outcome);
  const result = `<Result Transform="Base64" Format="${rows === null ? 'text' : 'csv'}"><![CDATA[${Buffer.from(text).toString('base64')}]]></Result>`;
  return `<Instance><Tasks><Task Type="SQL"><Name>${escapeXml(taskName)}</Name><ResultDescriptor>${cdata(descriptor)}</ResultDescriptor>${result}</Task></Tasks></Instance>`;
}

const field = (text: string) => `"${text.replaceAll('"', '""')}"`;

function csv({ columns, rows }: Exclude<Instance['outcome'], string>): string {
  const lines = [
    columns.map((column) => field(column.name)),
    ...rows.map((row) => row.map((value) => (value === null ? '\\N' : field(value)))),
  ];
  return lines.map((line) => `${line.join(',')}\n`).join('');
}
