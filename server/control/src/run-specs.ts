import type { Resume, RunSpec } from '@sampan/hosts/messages';
import { processIsAlive } from '@sampan/hosts/pool';
import { and, asc, eq, lt } from 'drizzle-orm';
import type { Control } from './context.ts';
import type { TaskDefinition } from './definitions.ts';
import { attempts, splits } from './tables/instances.ts';
import { taskVersions } from './tables/tasks.ts';
import type { Instance } from './transitions.ts';

export async function versionOf(control: Control, instance: Instance): Promise<TaskDefinition> {
  const [row] = await control.db
    .select({ definition: taskVersions.definition })
    .from(taskVersions)
    .where(and(eq(taskVersions.taskId, instance.taskId), eq(taskVersions.number, instance.taskVersion)));
  return row.definition;
}

/** What an attempt is told: the frozen definition, and what earlier attempts stored. */
export async function runSpecOf(
  control: Control,
  instance: Instance,
  definition: TaskDefinition,
  idleSeconds: number,
): Promise<RunSpec> {
  const { source, target, mapping, options } = definition;
  const stored = await control.db
    .select()
    .from(splits)
    .where(eq(splits.instanceId, instance.id))
    .orderBy(asc(splits.number));
  const { where, splitKey, splits: wanted, fetchSize, options: readOptions } = source;
  return {
    instance: instance.id,
    attempt: instance.attempt,
    source: { object: source.objects[0], where, splitKey, splits: wanted, fetchSize, options: readOptions },
    target: {
      object: target.object,
      create: target.create,
      ddl: target.ddl,
      mode: target.writeMode,
      keys: target.keys ?? [],
      partition: target.partition,
      preSql: target.preSql,
      postSql: target.postSql,
      publish: target.publish.toLowerCase() as RunSpec['target']['publish'],
      options: target.options,
    },
    links: mapping,
    options: {
      parallel: source.parallel,
      memoryMb: options.memoryMb,
      dirtyRows: options.dirtyRows === null ? null : Number(options.dirtyRows),
      dirtyShare: options.dirtyShare,
      rowsPerSecond: options.rowsPerSecond,
      bytesPerSecond: options.bytesPerSecond === null ? null : Number(options.bytesPerSecond),
      reconciliation: options.reconciliation,
      idleMs: idleSeconds * 1_000,
      commitMs: commitMinutes(options.timeoutMinutes) * 60_000,
    },
    splits: instance.planned ? stored.map((row) => row.split) : null,
    resume: instance.attempt > 1 ? await resumeOf(control, instance, stored) : null,
  };
}

/** Publishing has a limit of its own, since the timeout ends with the copy: as long again, from one hour to six. */
const commitMinutes = (timeoutMinutes: number) => Math.min(360, Math.max(60, timeoutMinutes));

async function resumeOf(control: Control, instance: Instance, stored: (typeof splits.$inferSelect)[]): Promise<Resume> {
  const earlier = await control.db
    .select()
    .from(attempts)
    .where(and(eq(attempts.instanceId, instance.id), lt(attempts.number, instance.attempt)));
  const sealed = stored.filter((row) => row.state === 'SEALED' && row.receipt !== null);
  return {
    attempt: instance.handleAttempt ?? instance.attempt - 1,
    // Known to have ended: seen to end by its worker, never started, or not among this machine's processes.
    dead: earlier.every((one) => one.processEnded || (one.process !== null && processIsAlive(one.process) === false)),
    handle: instance.handle ?? null,
    receipts: sealed.map((row) => row.receipt!),
    counts: sealed.flatMap((row) => (row.counts === null ? [] : [row.counts])),
    publish: instance.publish,
    committing: instance.committing,
  };
}
