import { errorOfTask } from './errors.ts';
import type { Http } from './http.ts';
import { type SubmitOptions, submitTask, taskResult } from './instances.ts';
import { figure, parseJson, strange } from './rest.ts';
import { waitForInstance } from './sql.ts';

/** What a statement would cost, by the service's estimate. Nothing is run. */
export interface SqlCost {
  /** Bytes that it would read. */
  inputBytes: number;
  /** Factor of the price. */
  complexity: number;
  /** Functions of users. */
  functions: number;
}

/** As pyodps's `execute_sql_cost`. @throws MaxComputeError with the statement's own error code */
export async function sqlCost(http: Http, sql: string, options: SubmitOptions = {}): Promise<SqlCost> {
  const { id } = await submitTask(http, sql, options, 'SQLCost');
  const tasks = await waitForInstance(http, id, options.signal);
  const task = tasks[0]?.name ?? '';
  const { text, requestId } = await taskResult(http, id, task, options.signal);
  if (tasks.length === 0 || tasks.some(({ status }) => status !== 'SUCCESS')) throw errorOfTask(text, id, requestId);
  const cost = parseJson(text).Cost as { SQL?: { [name: string]: unknown } } | undefined;
  const input = figure(cost?.SQL?.Input);
  if (input === null) throw strange();
  return { inputBytes: input, complexity: figure(cost?.SQL?.Complexity) ?? 0, functions: figure(cost?.SQL?.UDF) ?? 0 };
}
