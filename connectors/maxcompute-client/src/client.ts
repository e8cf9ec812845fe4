import { createSchemaSql, createTableSql, dropSchemaSql, type TableDefinition } from './ddl.ts';
import { Http } from './http.ts';
import {
  type InstanceFilter,
  type InstanceProgress,
  type InstanceSummary,
  instanceProgress,
  instanceSource,
  listInstances,
  type TaskSummary,
  taskSummary,
} from './instance-reports.ts';
import {
  instanceStatus,
  type SubmitOptions,
  stopInstance,
  submitSql,
  type TaskStatus,
  taskStatuses,
} from './instances.ts';
import { logviewAddress } from './logview.ts';
import type { ClientOptions } from './options.ts';
import { getProject, listProjects, type Project, type ProjectFilter } from './projects.ts';
import { getSchema, listSchemas, type SchemaInfo } from './schemas.ts';
import { runSql, type SqlOptions, type SqlResult, waitForInstance } from './sql.ts';
import { type SqlCost, sqlCost } from './sql-cost.ts';
import { type Download, openDownload, type TableClient, tableClient } from './table-client.ts';
import { findTables, getTables, listTables, type TableDetails, type TableFilter, type TableSummary } from './tables.ts';

/** One project, as a program uses it. Everything here is also a function over `Http`, with more options. */
export interface Client {
  readonly http: Http;
  /** Also the check that the project can be reached with these credentials. */
  project(signal?: AbortSignal): Promise<Project>;
  /** All projects that the account may see. */
  projects(filter?: ProjectFilter, signal?: AbortSignal): AsyncGenerator<Project>;
  /** Names alone. */
  tables(prefix?: string, signal?: AbortSignal): AsyncGenerator<string>;
  findTables(filter?: TableFilter, signal?: AbortSignal): AsyncGenerator<TableSummary>;
  /** Many tables in few requests; those that are not there are left out. */
  getTables(names: readonly string[], signal?: AbortSignal): AsyncGenerator<TableDetails>;
  table(name: string): TableClient;
  /** Does nothing where there is a table of that name. */
  createTable(name: string, definition: TableDefinition, signal?: AbortSignal): Promise<void>;
  /** Of a project with three-tier names. */
  schemas(signal?: AbortSignal): AsyncGenerator<SchemaInfo>;
  /** Undefined where there is no such schema. */
  schema(name: string, signal?: AbortSignal): Promise<SchemaInfo | undefined>;
  /** Does nothing where it is there. */
  createSchema(name: string, signal?: AbortSignal): Promise<void>;
  /** Does nothing where it is not there. */
  dropSchema(name: string, signal?: AbortSignal): Promise<void>;
  /** Runs a statement and waits for it. */
  sql(text: string, options?: SqlOptions): Promise<SqlResult>;
  /** Submits a statement and does not wait. */
  submit(text: string, options?: SubmitOptions): Promise<InstanceClient>;
  /** What a statement would cost. Nothing is run. */
  cost(text: string, options?: SubmitOptions): Promise<SqlCost>;
  instance(id: string): InstanceClient;
  instances(filter?: InstanceFilter, signal?: AbortSignal): AsyncGenerator<InstanceSummary>;
  /** The rows of a SELECT, typed and without the limit of `sql`, by the `instanceId` that it gave. */
  result(instanceId: string, signal?: AbortSignal): Promise<Download>;
  /** Closes kept-alive connections. */
  close(): void;
}

/** One submitted statement. */
export interface InstanceClient {
  readonly id: string;
  /** `RUNNING`, `SUSPENDED` or `TERMINATED`, which does not say how it ended: `tasks` does. */
  status(signal?: AbortSignal): Promise<string>;
  tasks(signal?: AbortSignal): Promise<TaskStatus[]>;
  progress(signal?: AbortSignal): Promise<InstanceProgress>;
  /** The statement, as it was submitted. */
  source(signal?: AbortSignal): Promise<string>;
  /** Of its first task where none is named. */
  summary(task?: string, signal?: AbortSignal): Promise<TaskSummary>;
  /** Waits until it has ended; a signal stops it. */
  wait(onProgress?: (progress: InstanceProgress) => void, signal?: AbortSignal): Promise<TaskStatus[]>;
  /** Takes a while; one that has ended is no error. */
  stop(signal?: AbortSignal): Promise<void>;
  /** An address for people, which shows the instance to whoever has it. @param hours how long (default 24) */
  logview(hours?: number, signal?: AbortSignal): Promise<string>;
}

/** @throws MaxComputeError `BadOption` */
export function createClient(options: ClientOptions): Client {
  const http = new Http(options);
  const run = async (sql: string, signal?: AbortSignal) => {
    await runSql(http, sql, signal === undefined ? {} : { signal });
  };
  return {
    http,
    project: (signal) => getProject(http, signal),
    projects: (filter, signal) => listProjects(http, filter, signal),
    tables: (prefix, signal) => listTables(http, prefix, signal),
    findTables: (filter, signal) => findTables(http, filter, signal),
    getTables: (names, signal) => getTables(http, names, signal),
    table: (name) => tableClient(http, name),
    createTable: (name, definition, signal) => run(createTableSql(name, definition, true), signal),
    schemas: (signal) => listSchemas(http, signal),
    schema: (name, signal) => getSchema(http, name, signal),
    createSchema: (name, signal) => run(createSchemaSql(name, true), signal),
    dropSchema: (name, signal) => run(dropSchemaSql(name, true), signal),
    sql: (text, how) => runSql(http, text, how),
    submit: async (text, how) => instanceClient(http, await submitSql(http, text, how)),
    cost: (text, how) => sqlCost(http, text, how),
    instance: (id) => instanceClient(http, id),
    instances: (filter, signal) => listInstances(http, filter, signal),
    result: (instance, signal) => openDownload(http, { instance }, signal),
    close: () => http.close(),
  };
}

function instanceClient(http: Http, id: string): InstanceClient {
  return {
    id,
    status: (signal) => instanceStatus(http, id, signal),
    tasks: (signal) => taskStatuses(http, id, signal),
    progress: (signal) => instanceProgress(http, id, signal),
    source: (signal) => instanceSource(http, id, signal),
    summary: async (task, signal) =>
      taskSummary(http, id, task ?? (await taskStatuses(http, id, signal))[0]?.name ?? '', signal),
    wait: (onProgress, signal) => waitForInstance(http, id, signal, onProgress),
    stop: (signal) => stopInstance(http, id, signal),
    logview: (hours, signal) => logviewAddress(http, id, hours, signal),
  };
}
