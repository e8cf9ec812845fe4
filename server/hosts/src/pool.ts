import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ConnectorError, type Failure, fromFailure, type Json, toFailure } from '@sampan/connector';
import { processName } from './identity.ts';
import { type Limit, limitProcess } from './limits.ts';
import type { FromChild, NetworkPolicy, Operation, Operations, RunEnd, RunStore, ToChild } from './messages.ts';

export { processIsAlive } from './identity.ts';

export interface HostLimits {
  memoryMb: number;
  /** Cores; a ceiling where the machine can enforce one. */
  cpu: number;
}

/** Who kept the memory limit of a run, and the name of its process (see `processIsAlive`). */
export interface HostProcess {
  pid: number;
  name: string;
  memoryLimitBy: 'cgroup' | 'polling';
}

export interface RunningHost {
  process: HostProcess;
  /** Settles when the run has ended or its process has died (`failed` with code `HOST_DIED` or `MEMORY_LIMIT`). Never rejects. */
  end: Promise<RunEnd>;
  /** Asks the engine to stop; kills the process when it has not ended within 5 s. */
  stop(reason: string): Promise<void>;
  /** Kills the process at once. */
  kill(): void;
}

export interface HostPool {
  /** A call other than `run`, in a host of its own, killed at its timeout (default 60 s). @throws ConnectorError */
  ask<O extends Exclude<Operation, 'run'>>(
    operation: O,
    ask: Operations[O]['ask'],
    options?: { timeoutMs?: number },
  ): Promise<Operations[O]['answer']>;
  run(ask: Operations['run']['ask'], store: RunStore, limits: HostLimits): RunningHost;
  /** Kills every host. */
  close(): Promise<void>;
}

export interface HostPoolOptions {
  network: NetworkPolicy;
}

const ASK_MS = 60_000;
const STOP_MS = 5_000;
const ASK_LIMITS: HostLimits = { memoryMb: 512, cpu: 2 };
const STDERR_KEPT = 4_000;

/** Connector hosts: child processes in which connectors' code runs, and nowhere else. */
export function createHostPool({ network }: HostPoolOptions): HostPool {
  const hosts = new Set<Host>();
  const start = (limits: HostLimits, secrets: string[]) => {
    const host = startHost(limits, secrets);
    hosts.add(host);
    void host.gone.then(() => hosts.delete(host));
    return host;
  };
  return {
    async ask(operation, ask, options = {}) {
      const host = start(ASK_LIMITS, secretsIn(ask as unknown as Json));
      const timer = setTimeout(() => host.kill(), options.timeoutMs ?? ASK_MS);
      try {
        const answer = await host.perform({ type: 'ask', operation, ask: ask as unknown as Json, network }, null);
        return answer as never;
      } catch (error) {
        if (host.killed())
          throw new ConnectorError({
            kind: 'busy',
            code: 'HOST_TIMEOUT',
            message: `The connector did not answer within ${(options.timeoutMs ?? ASK_MS) / 1_000} s.`,
            hint: 'Try again; look at the system behind it.',
          });
        throw error;
      } finally {
        clearTimeout(timer);
        host.kill();
      }
    },
    run(ask, store, limits) {
      const host = start(limits, [...secretsIn(ask.source.options), ...secretsIn(ask.target.options)]);
      const end = host
        .perform({ type: 'ask', operation: 'run', ask: ask as unknown as Json, network }, store)
        .then((value) => value as unknown as RunEnd)
        .catch((error: unknown): RunEnd => ({ end: 'failed', failure: toFailure(error) }))
        .finally(() => host.kill());
      return {
        process: host.process,
        end,
        kill: () => host.kill(),
        stop: async (reason) => {
          host.send({ type: 'cancel', reason });
          const timer = setTimeout(() => host.kill(), STOP_MS);
          await end;
          clearTimeout(timer);
        },
      };
    },
    async close() {
      const leaving = [...hosts].map((host) => host.gone);
      for (const host of hosts) host.kill();
      await Promise.all(leaving);
    },
  };
}

interface Host {
  process: HostProcess;
  gone: Promise<void>;
  killed(): boolean;
  kill(): void;
  send(message: ToChild): void;
  perform(message: Extract<ToChild, { type: 'ask' }>, store: RunStore | null): Promise<Json>;
}

/** Texts long enough to be a secret: they are struck out of whatever a plugin prints. */
function secretsIn(value: Json): string[] {
  if (typeof value === 'string') return value.length >= 4 ? [value] : [];
  if (value === null || typeof value !== 'object') return [];
  return Object.values(value).flatMap((one) => secretsIn(one as Json));
}

function startHost(limits: HostLimits, secrets: string[]): Host {
  const child = fork(fileURLToPath(new URL('./child.js', import.meta.url).href.replace('/src/', '/dist/')), [], {
    // No environment: what this server was started with is none of a plugin's business.
    env: {},
    execArgv: [`--max-old-space-size=${Math.max(64, Math.floor(limits.memoryMb * 0.75))}`],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let killed = false;
  const kill = () => {
    killed = true;
    child.kill('SIGKILL');
  };
  const pid = child.pid ?? -1;
  const limit = limitProcess(pid, limits, kill);
  const process = { pid, name: processName(pid), memoryLimitBy: limit.by };
  const errors = collect(child);
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => {
      setImmediate(() => limit.release());
      resolve();
    });
    child.once('error', () => resolve());
  });
  return {
    process,
    gone,
    kill,
    killed: () => killed,
    send: (message) => {
      if (child.connected) child.send(message);
    },
    perform: (message, store) => performed(child, message, store, limit, () => struck(errors(), secrets)),
  };
}

function collect(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString('utf8')).slice(-STDERR_KEPT);
  });
  return () => text;
}

const struck = (text: string, secrets: string[]) =>
  secrets.reduce((left, secret) => left.replaceAll(secret, '***'), text);

function performed(
  child: ChildProcess,
  message: Extract<ToChild, { type: 'ask' }>,
  store: RunStore | null,
  limit: Limit,
  errors: () => string,
): Promise<Json> {
  return new Promise((resolve, reject) => {
    child.on('message', (from: FromChild) => {
      if (from.type === 'ready') child.send(message);
      else if (from.type === 'store') void answerStore(child, store, from);
      else if (from.failure !== null) reject(fromFailure(from.failure));
      else resolve(from.value);
    });
    child.once('exit', (code, signal) => reject(died(code, signal, limit.hit(), errors())));
    child.once('error', (error) => reject(died(null, null, false, error.message)));
  });
}

async function answerStore(
  child: ChildProcess,
  store: RunStore | null,
  call: Extract<FromChild, { type: 'store' }>,
): Promise<void> {
  let value: Json = null;
  let failure: Failure | null = null;
  try {
    if (store === null) throw new Error('this work has no instance');
    const method = store[call.method] as (...args: Json[]) => Promise<Json | undefined>;
    value = (await method.apply(store, call.args)) ?? null;
  } catch (error) {
    failure = toFailure(error);
  }
  if (child.connected) child.send({ type: 'stored', id: call.id, value, failure } satisfies ToChild);
}

function died(code: number | null, signal: string | null, overMemory: boolean, errors: string): ConnectorError {
  if (overMemory) {
    return new ConnectorError({
      kind: 'config',
      code: 'MEMORY_LIMIT',
      message: 'The run needed more memory than it may have.',
      hint: 'Raise memoryMb of the task, or lower its parallel splits.',
    });
  }
  const how = signal === null ? `exit code ${code}` : signal;
  const last = errors.trim().split('\n').slice(-3).join(' ').slice(0, 500);
  return new ConnectorError({
    kind: 'busy',
    code: 'HOST_DIED',
    message: `The process of the connector ended by itself (${how}).${last === '' ? '' : ` It said: ${last}`}`,
    hint: 'It is tried again by itself; a connector that keeps doing this is broken.',
  });
}
