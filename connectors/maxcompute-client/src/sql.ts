import { parseCsv } from './csv.ts';
import { errorOfTask, MaxComputeError } from './errors.ts';
import type { Http } from './http.ts';
import { type InstanceProgress, instanceProgress } from './instance-reports.ts';
import {
  instanceStatus,
  resultIn,
  type SubmitOptions,
  statusesIn,
  stopInstance,
  submitTask,
  type TaskStatus,
  taskResult,
  taskStatuses,
} from './instances.ts';
import { kindOf } from './network-error.ts';
import { pause } from './pause.ts';

const POLL_MS = [100, 200, 400, 800, 1_600, 2_000];
/** How long a service that cannot be asked is asked again, before the statement is given up. */
const SILENCE_MS = 300_000;
const ENDED = ['SUCCESS', 'FAILED', 'CANCELLED'];

export interface SqlOptions extends SubmitOptions {
  /** Told between polls how far the statement is; costs two requests each time. */
  onProgress?: (progress: InstanceProgress) => void;
}

/** What a statement answered, as text. */
export interface SqlResult {
  instanceId: string;
  /** Rows of a SELECT, the header left out; a cell of `null` is NULL. Limited by the service, 10,000 rows by default. */
  rows: (string | null)[][];
  columns: string[];
  /** What a statement without rows says, such as SHOW. */
  text: string;
  /** The service cut the rows at its limit. */
  truncated: boolean;
}

/**
 * Runs one statement and waits for it. A signal stops the statement. Lines `SET name=value;` in front become settings; of
 * several statements the service wants a script (setting `odps.sql.submit.mode` = `script`), or one call each.
 * @throws MaxComputeError with the statement's own error code; `Stopped` where the signal came first
 */
export async function runSql(http: Http, sql: string, options: SqlOptions = {}): Promise<SqlResult> {
  const { id, answer } = await submitTask(http, sql, options);
  const early = answer.status === 200 ? statusesIn(answer.body) : [];
  const waited = early.length > 0 && early.every(({ status }) => ENDED.includes(status));
  const tasks = waited ? early : await waitForInstance(http, id, options.signal, options.onProgress);
  const failed = tasks.find((task) => task.status !== 'SUCCESS');
  const task = (failed ?? tasks[0])?.name ?? '';
  const result = waited ? resultIn(answer, task) : await taskResult(http, id, task, options.signal);
  if (failed !== undefined || tasks.length === 0)
    throw errorOfTask(result.text || `Task ${task} is ${failed?.status ?? 'not there'}`, id, result.requestId);
  if (result.format !== 'csv')
    return { instanceId: id, columns: [], rows: [], text: result.text, truncated: result.truncated };
  const [columns = [], ...rows] = parseCsv(result.text);
  return { instanceId: id, columns: columns.map(String), rows, text: '', truncated: result.truncated };
}

/**
 * Waits until the instance has ended, and tells how its tasks did. A signal stops the instance.
 * @param onProgress told between polls how far it is; costs two requests each time
 */
export async function waitForInstance(
  http: Http,
  id: string,
  signal?: AbortSignal,
  onProgress?: (progress: InstanceProgress) => void,
): Promise<TaskStatus[]> {
  try {
    let heard = Date.now();
    for (let poll = 0; ; poll++) {
      try {
        if ((await instanceStatus(http, id, signal)) === 'TERMINATED') break;
        heard = Date.now();
        if (onProgress !== undefined) await report(http, id, signal, onProgress);
      } catch (error) {
        // The statement runs on whether or not we can see it.
        if (kindOf(error) !== 'busy' || signal?.aborted || Date.now() - heard > SILENCE_MS) throw error;
      }
      await pause(POLL_MS[Math.min(poll, POLL_MS.length - 1)], signal);
    }
    return await taskStatuses(http, id, signal);
  } catch (error) {
    if (!signal?.aborted) throw error;
    // Without the signal, which would stop this request, too.
    await stopInstance(http, id).catch(() => {});
    throw new MaxComputeError({
      code: 'Stopped',
      kind: 'busy',
      message: `The statement was stopped (instance ${id}).`,
      cause: error,
    });
  }
}

/** Progress is a courtesy: what cannot be asked is not told. What the callback throws ends the waiting. */
async function report(
  http: Http,
  id: string,
  signal: AbortSignal | undefined,
  tell: (progress: InstanceProgress) => void,
): Promise<void> {
  const progress = await instanceProgress(http, id, signal).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    return null;
  });
  if (progress !== null) tell(progress);
}
