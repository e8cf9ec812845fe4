import { randomBytes } from 'node:crypto';
import type { DuckDBInstance } from '@duckdb/node-api';
import { elements, textOf } from '@sampan/maxcompute';
import { Refusal } from './refusal.ts';
import { execute, type Outcome } from './sql/execute.ts';
import type { Storage } from './storage.ts';

/** One SQL statement, running or ended. Remembered while the process lives. */
export interface Instance {
  id: string;
  taskName: string;
  sql: string;
  status: 'Running' | 'Success' | 'Failed' | 'Cancelled';
  /** What a failed one says, or what it gave. */
  outcome: Outcome;
  startedAt: Date;
  endedAt: Date | null;
  stop: AbortController;
}

export interface Instances {
  /** Starts the statement of a job; the same Guid again gives the same instance. `schema`: where it names none. @throws Refusal */
  submit(xml: string, schema?: string): Instance;
  /** @throws Refusal */
  find(id: string): Instance;
  /** @throws Refusal */
  stop(id: string): void;
  list(): Instance[];
  /** Stops all, and waits until they have. */
  close(): Promise<void>;
}

const MOST_KEPT = 10_000;

export function openInstances(storage: Storage, duck: DuckDBInstance, delayMs: number): Instances {
  const instances = new Map<string, Instance>();
  const byGuid = new Map<string, Instance>();
  const running = new Set<Promise<void>>();
  const find = (id: string) => {
    const found = instances.get(id);
    if (found === undefined) throw new Refusal(404, 'NoSuchObject', `There is no instance ${id}.`);
    return found;
  };
  return {
    submit(xml, schema) {
      const guid = textOf(xml, 'Guid') ?? '';
      const known = byGuid.get(guid);
      if (known !== undefined) return known;
      const { sql, taskName, settings } = readJob(xml, schema);
      const id = `${new Date().toISOString().replace(/\D/g, '')}g${randomBytes(6).toString('hex')}`;
      const instance: Instance = {
        id,
        taskName,
        sql,
        status: 'Running',
        outcome: '',
        startedAt: new Date(),
        endedAt: null,
        stop: new AbortController(),
      };
      instances.set(id, instance);
      if (guid !== '') byGuid.set(guid, instance);
      forgetOldest(instances, byGuid);
      const run = runInstance(instance, () => execute(storage, duck, sql, settings, instance.stop.signal), delayMs);
      running.add(run);
      void run.finally(() => running.delete(run));
      return instance;
    },
    find,
    stop(id) {
      const instance = find(id);
      if (instance.status !== 'Running')
        throw new Refusal(400, 'InvalidStateSetting', `Instance ${id} has ended: it is ${instance.status}.`);
      instance.stop.abort();
    },
    list: () => [...instances.values()].reverse(),
    async close() {
      for (const instance of instances.values()) instance.stop.abort();
      await Promise.all(running);
    },
  };
}

function forgetOldest(instances: Map<string, Instance>, byGuid: Map<string, Instance>): void {
  if (instances.size <= MOST_KEPT) return;
  for (const map of [instances, byGuid]) map.delete(map.keys().next().value as string);
}

function readJob(xml: string, schema: string | undefined) {
  const [run] = elements(xml, 'SQL');
  const sql = run === undefined ? undefined : textOf(run.content, 'Query');
  if (sql === undefined)
    throw new Refusal(
      400,
      'InvalidParameter',
      'The job holds no SQL task with a Query: the emulator runs nothing else.',
    );
  const property = elements(xml, 'Property').find(({ content }) => textOf(content, 'Name') === 'settings');
  return {
    sql,
    taskName: textOf(run.content, 'Name') ?? 'AnonymousSQLTask',
    settings: new Map([
      ...(schema ? [['odps.default.schema', schema] as const] : []),
      ...readSettings(property === undefined ? '{}' : (textOf(property.content, 'Value') ?? '{}')),
    ]),
  };
}

function readSettings(text: string): Map<string, string> {
  try {
    return new Map(
      Object.entries(JSON.parse(text) as object).map(([name, value]) => [name.toLowerCase(), String(value)]),
    );
  } catch {
    throw new Refusal(400, 'InvalidParameter', 'The property "settings" is not a JSON object.');
  }
}

async function runInstance(instance: Instance, work: () => Promise<Outcome>, delayMs: number): Promise<void> {
  const { signal } = instance.stop;
  try {
    await delay(delayMs, signal);
    instance.outcome = await work();
    instance.status = 'Success';
  } catch (error) {
    // A stop that came in time changed nothing; one that came too late did not stop it.
    instance.status = signal.aborted ? 'Cancelled' : 'Failed';
    instance.outcome =
      error instanceof Refusal ? error.message : `ODPS-0010000:System internal error - ${(error as Error).message}`;
  }
  instance.endedAt = new Date();
}

async function delay(millis: number, signal: AbortSignal): Promise<void> {
  if (millis > 0) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, millis);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
  signal.throwIfAborted();
}
