import { hostname } from 'node:os';
import { type Failure, toFailure } from '@sampan/connector';
import type { HostEnd } from '@sampan/hosts/messages';
import type { RunningHost } from '@sampan/hosts/pool';
import { and, eq } from 'drizzle-orm';
import { claim, type Heartbeat, heartbeat } from './claims.ts';
import type { Control } from './context.ts';
import { endOf } from './data-sources.ts';
import { isDatabaseFault } from './database-errors.ts';
import { endAttempt } from './endings.ts';
import { ControlError } from './errors.ts';
import { runSpecOf, versionOf } from './run-specs.ts';
import { createRunStore } from './run-store.ts';
import { attempts } from './tables/instances.ts';
import type { Instance } from './transitions.ts';

export interface WorkerOptions {
  leaseSeconds: number;
  idleSeconds: number;
  /** Runs at the same time, at most. */
  maxRuns: number;
  /** Memory that all runs together may reserve, in MB. */
  memoryMb: number;
  /** Cores that all runs together may be promised: more than there are, since few use all of theirs. */
  cpu: number;
}

export interface Worker {
  name: string;
  /** Claims and starts what may run now. */
  wake(): Promise<void>;
  /** Takes no more, lets runs end for so long, then stops them for another worker to go on with. */
  stop(graceMs: number): Promise<void>;
}

interface Run {
  instance: Instance;
  host: RunningHost | null;
  /** When its lease began, or earlier. */
  claimedAt: number;
  /** Its worker has no time left for it. */
  leaving: boolean;
  done: Promise<void>;
}

const LEAVING = 'the worker is stopping';
/** A target may take its time to roll back what was being published. */
const ROLL_BACK_MS = 240_000;

/** The process in which instances run: it claims them, starts their hosts and keeps their leases alive. */
export function startWorker(control: Control, options: WorkerOptions): Worker {
  const name = `${hostname()}/${process.pid}/${Date.now().toString(36)}`;
  const runs = new Map<string, Run>();
  let stopping = false;
  let waking: Promise<void> = Promise.resolve();

  const reserved = (of: (instance: Instance) => number) =>
    [...runs.values()].reduce((sum, run) => sum + of(run.instance), 0);
  const begin = (instance: Instance, claimedAt: number) => {
    const run: Run = { instance, host: null, claimedAt, leaving: false, done: Promise.resolve() };
    runs.set(instance.id, run);
    run.done = attempt(control, options, name, run).finally(() => {
      runs.delete(instance.id);
      void wake();
    });
  };
  const claimAll = async () => {
    while (!stopping && runs.size < options.maxRuns) {
      const asked = Date.now();
      const claimed = await claim(control, {
        worker: name,
        leaseSeconds: options.leaseSeconds,
        freeMemoryMb: options.memoryMb - reserved((one) => one.memoryMb),
        freeCpu: options.cpu - reserved((one) => Math.min(one.cpu, options.cpu)),
        allCpu: options.cpu,
        most: options.maxRuns - runs.size,
      });
      if (claimed.length === 0) return;
      for (const instance of claimed) begin(instance, asked);
    }
  };
  const wake = () => {
    waking = waking.then(claimAll).catch((error: unknown) => control.log.warn({ err: error }, 'claiming failed'));
    return waking;
  };
  return {
    name,
    wake,
    async stop(graceMs) {
      stopping = true;
      await waking;
      const all = Promise.all([...runs.values()].map((run) => run.done));
      await Promise.race([all, new Promise((resolve) => setTimeout(resolve, graceMs).unref())]);
      await Promise.all(
        [...runs.values()].map((run) => {
          run.leaving = true;
          return run.host?.stop(LEAVING);
        }),
      );
      await all;
    },
  };
}

async function attempt(control: Control, options: WorkerOptions, worker: string, run: Run): Promise<void> {
  const { instance } = run;
  const log = control.log.child({ instance: instance.id, attempt: instance.attempt });
  let asked: Pick<Heartbeat, 'stopTo' | 'stopReason' | 'stopBy'> = { stopTo: null, stopReason: null, stopBy: null };
  try {
    const definition = await versionOf(control, instance);
    const end = await (async (): Promise<HostEnd> => {
      try {
        const host = await startRun(control, options, worker, instance, definition);
        run.host = host;
        if (run.leaving) void host.stop(LEAVING);
        const beats = keepLease(control, options, worker, run, (stop) => {
          asked = stop;
        });
        return await host.end.finally(() => clearInterval(beats));
      } catch (error) {
        // While the database is away nobody can say how this ends: the lease runs out, and another attempt goes on.
        return isDatabaseFault(error) ? { end: 'lost' } : { end: 'failed', failure: failureOf(error) };
      }
    })();
    log.info(
      { end: end.end, ...('failure' in end ? { code: end.failure.code, reason: end.failure.message } : {}) },
      'an attempt ended',
    );
    await persist(() => endAttempt(control, { instance, definition, worker, ...asked }, end), log);
  } catch (error) {
    log.error({ err: error }, 'the end of an attempt could not be stored; its lease will run out');
  }
}

/** What a data source or connector refuses before anything runs is for the task's owner to mend. */
function failureOf(error: unknown): Failure {
  if (!(error instanceof ControlError)) return toFailure(error);
  const { code, message, hint } = error;
  return { kind: 'config', code, message, hint, retryAfterMs: null, side: null };
}

/** The database may be away for a while: what happened must not be forgotten while the lease may still be ours. */
async function persist(work: () => Promise<void>, log: Control['log']): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries >= 30) throw error;
      log.warn({ err: error }, 'storing the end of an attempt failed, trying again');
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  }
}

async function startRun(
  control: Control,
  options: WorkerOptions,
  worker: string,
  instance: Instance,
  definition: Awaited<ReturnType<typeof versionOf>>,
): Promise<RunningHost> {
  const spec = await runSpecOf(control, instance, definition, options.idleSeconds);
  const source = await endOf(control, definition.source.dataSourceId, 'READ');
  const target = await endOf(control, definition.target.dataSourceId, 'WRITE');
  const store = createRunStore(control, { id: instance.id, attempt: instance.attempt }, worker, options.leaseSeconds);
  const host = control.hosts.run({ spec, source, target }, store, {
    memoryMb: instance.memoryMb,
    cpu: definition.options.cpu,
  });
  try {
    await control.db
      .update(attempts)
      .set({ process: host.process.name, memoryLimitBy: host.process.memoryLimitBy })
      .where(and(eq(attempts.instanceId, instance.id), eq(attempts.number, instance.attempt)));
  } catch (error) {
    // A process that nobody can find later must not go on.
    host.kill();
    throw error;
  }
  return host;
}

/** Every third of a lease: prolongs it, and learns of a stop that was asked for or of the timeout. */
function keepLease(
  control: Control,
  options: WorkerOptions,
  worker: string,
  run: Run,
  onStop: (stop: Pick<Heartbeat, 'stopTo' | 'stopReason' | 'stopBy'>) => void,
): NodeJS.Timeout {
  const { instance } = run;
  let alive = run.claimedAt;
  let beating = false;
  let stopped = false;
  const stop = (to: NonNullable<Heartbeat['stopTo']>, reason: string, by: string, publishing = false) => {
    if (stopped) return;
    stopped = true;
    onStop({ stopTo: to, stopReason: reason, stopBy: by });
    void run.host?.stop(reason, publishing ? ROLL_BACK_MS : undefined);
  };
  const beat = async () => {
    const asked = Date.now();
    const row = await heartbeat(
      control,
      { id: instance.id, attempt: instance.attempt },
      { worker, leaseSeconds: options.leaseSeconds },
    );
    if (row === null) return run.host?.kill();
    alive = Math.max(alive, asked);
    // Who asked for a stop was told whether publishing can be cut off; the timeout does not count it.
    if (row.stopTo !== null) stop(row.stopTo, row.stopReason ?? 'stopped', row.stopBy ?? worker, row.committing);
    else if (row.committing) return;
    else if (row.ranMs > instance.timeoutMinutes * 60_000)
      stop('TIMED_OUT', `longer than ${instance.timeoutMinutes} minutes`, 'scheduler');
  };
  return setInterval(
    () => {
      // A process that was asleep, or whose database does not answer, has lost its lease without being told.
      if (Date.now() - alive > options.leaseSeconds * 1_000) run.host?.kill();
      else if (!beating) {
        beating = true;
        void beat()
          .catch(() => {})
          .finally(() => {
            beating = false;
          });
      }
    },
    Math.min(1_000, (options.leaseSeconds * 1_000) / 3),
  );
}
