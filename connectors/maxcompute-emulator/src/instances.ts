import { randomBytes } from 'node:crypto';
import type { DuckDBInstance } from '@duckdb/node-api';
import { elements, escapeXml, textOf } from '@sampan/maxcompute';
import { Refusal } from './refusal.ts';
import { execute } from './sql/execute.ts';
import type { QueryResult } from './sql/query.ts';
import type { Storage } from './storage.ts';

interface Instance {
  id: string;
  taskName: string;
  status: 'Running' | 'Success' | 'Failed' | 'Cancelled';
  result: { text: string; format: 'csv' | 'text'; columns: QueryResult['columns'] };
  startedAt: Date;
  endedAt: Date | null;
}

/** SQL instances. They run one after another where they touch one table, and are remembered while the process lives. */
export interface Instances {
  /** The id of the instance; the same Guid again gives the same one. @throws Refusal */
  submit(xml: string): Promise<string>;
  show(id: string, query: Map<string, string>): { body: string; headers: { [name: string]: string } };
  stop(id: string): void;
}

const MOST_KEPT = 10_000;

export function openInstances(storage: Storage, duck: DuckDBInstance): Instances {
  const instances = new Map<string, Instance>();
  const byGuid = new Map<string, string>();
  const find = (id: string) => {
    const found = instances.get(id);
    if (found === undefined) throw new Refusal(404, 'NoSuchObject', `There is no instance ${id}.`);
    return found;
  };
  return {
    async submit(xml) {
      const guid = textOf(xml, 'Guid');
      const known = guid === undefined ? undefined : byGuid.get(guid);
      if (known !== undefined) return known;
      const sql = textOf(xml, 'Query');
      if (sql === undefined) throw new Refusal(400, 'InvalidParameter', 'The job holds no SQL task with a Query.');
      const taskName = textOf(elements(xml, 'SQL')[0]?.content ?? '', 'Name') ?? 'AnonymousSQLTask';
      const id = `${new Date().toISOString().replace(/\D/g, '')}g${randomBytes(6).toString('hex')}`;
      const instance: Instance = {
        id,
        taskName,
        status: 'Running',
        result: { text: '', format: 'text', columns: [] },
        startedAt: new Date(),
        endedAt: null,
      };
      instances.set(id, instance);
      if (guid) byGuid.set(guid, id);
      if (instances.size > MOST_KEPT) instances.delete(instances.keys().next().value as string);
      void run(storage, duck, sql, instance);
      return id;
    },
    show(id, query) {
      const instance = find(id);
      const headers = {
        'x-odps-owner': 'emulator',
        'x-odps-start-time': instance.startedAt.toUTCString(),
        'x-odps-end-time': instance.endedAt?.toUTCString() ?? '',
      };
      if (query.has('result')) return { body: resultXml(instance), headers };
      if (query.has('taskstatus')) return { body: statusXml(instance, true), headers };
      return { body: statusXml(instance, false), headers };
    },
    stop(id) {
      const instance = find(id);
      if (instance.status !== 'Running') throw new Refusal(400, 'InvalidStateSetting', 'The instance has ended.');
      instance.status = 'Cancelled';
      instance.endedAt = new Date();
    },
  };
}

async function run(storage: Storage, duck: DuckDBInstance, sql: string, instance: Instance): Promise<void> {
  try {
    const rows = await execute(storage, duck, sql);
    if (rows !== null) instance.result = { text: csv(rows), format: 'csv', columns: rows.columns };
    if (instance.status === 'Running') instance.status = 'Success';
  } catch (error) {
    instance.result = {
      text:
        error instanceof Refusal ? error.message : `ODPS-0010000:System internal error - ${(error as Error).message}`,
      format: 'text',
      columns: [],
    };
    instance.status = 'Failed';
  }
  instance.endedAt = new Date();
}

const field = (text: string) => `"${text.replaceAll('"', '""')}"`;

function csv(result: QueryResult): string {
  const lines = [
    result.columns.map((column) => field(column.name)),
    ...result.rows.map((row) => row.map((value) => (value === null ? '\\N' : field(value)))),
  ];
  return lines.map((line) => `${line.join(',')}\n`).join('');
}

function statusXml(instance: Instance, tasks: boolean): string {
  const status = instance.status === 'Running' ? 'Running' : 'Terminated';
  if (!tasks) return `<Instance><Status>${status}</Status></Instance>`;
  const end = instance.endedAt === null ? '' : instance.endedAt.toUTCString();
  const task = `<Task Type="SQL"><Name>${escapeXml(instance.taskName)}</Name><StartTime>${instance.startedAt.toUTCString()}</StartTime><EndTime>${end}</EndTime><Status>${instance.status}</Status><Histories/></Task>`;
  return `<Instance><Status>${status}</Status><Tasks>${task}</Tasks></Instance>`;
}

function resultXml(instance: Instance): string {
  const { text, format, columns } = instance.result;
  const descriptor = JSON.stringify({
    IsSelect: format === 'csv',
    Schema: { Columns: columns.map((column) => ({ Name: column.name, Type: column.type })) },
    SelectResultStatus: 'NO',
  });
  const task = `<Task Type="SQL"><Name>${escapeXml(instance.taskName)}</Name><ResultDescriptor><![CDATA[${descriptor}]]></ResultDescriptor><Result Transform="Base64" Format="${format}"><![CDATA[${Buffer.from(text).toString('base64')}]]></Result></Task>`;
  return `<Instance><Tasks>${task}</Tasks></Instance>`;
}
