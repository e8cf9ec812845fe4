import { ConnectorError, isConnectorError, type Json, toFailure } from '@sampan/connector';
import { checkedAnswer } from './answers.ts';
import { type Host, startHost } from './host.ts';
import { type HostLimits, removeLeftGroups } from './limits.ts';
import type { HostEnd, NetworkPolicy, Operation, Operations, RunStore } from './messages.ts';
import { createTurns } from './turns.ts';
import { createHostUsers } from './users.ts';
import { createWarmHosts, type Taken } from './warm.ts';

export { processIsAlive } from './identity.ts';
export type { HostLimits } from './limits.ts';

/** Who kept the memory limit of a run, and the name of its process (see `processIsAlive`). */
export interface HostProcess {
  pid: number;
  name: string;
  memoryLimitBy: 'cgroup' | 'polling';
}

export interface RunningHost {
  process: HostProcess;
  /** Settles when the run has ended or its process has died. Never rejects. */
  end: Promise<HostEnd>;
  /** Asks the engine to stop; kills the process when it has not ended within so long (default 5 s). */
  stop(reason: string, graceMs?: number): Promise<void>;
  /** Kills the process at once. */
  kill(): void;
}

export interface HostPool {
  /**
   * A call other than `run`, in a process that serves one workspace and one connector; killed at its timeout (default
   * 60 s). Where many are asked at once, some wait for their turn. @throws ConnectorError
   */
  ask<O extends Exclude<Operation, 'run'>>(
    operation: O,
    ask: Operations[O]['ask'],
    options?: { timeoutMs?: number },
  ): Promise<Operations[O]['answer']>;
  /** In a process of its own. */
  run(ask: Operations['run']['ask'], store: RunStore, limits: HostLimits): RunningHost;
  /** Kills every host. */
  close(): Promise<void>;
}

export interface HostPoolOptions {
  network: NetworkPolicy;
  /** Told, once each, why hosts run as root. */
  warn?: (why: string) => void;
}

const ASK_MS = 60_000;
const STOP_MS = 5_000;
const ASK_LIMITS: HostLimits = { memoryMb: 512, cpu: 2 };
/** Calls at once: each has a process of some 40 MB, and whoever asks for a thousand must not take the machine. */
const MOST_ASKED = { inAll: 16, ofOne: 8 };

/** Connector hosts: child processes in which connectors' code runs, and nowhere else. */
export function createHostPool({ network, warn = () => {} }: HostPoolOptions): HostPool {
  removeLeftGroups();
  const hosts = new Set<Host>();
  let closed = false;
  const watch = (host: Host) => {
    hosts.add(host);
    void host.gone.then(() => hosts.delete(host));
    if (closed) host.kill('closing');
  };
  const users = createHostUsers(warn);
  const turns = createTurns(MOST_ASKED);
  const warm = createWarmHosts(ASK_LIMITS.memoryMb, watch);
  const askOne = async (taken: Taken, operation: Operation, asked: Asked, timeoutMs: number): Promise<Json> => {
    const { host, used } = taken;
    const ask = asked as unknown as Json;
    const user = users.userFor(...placeOf(asked));
    const timer = setTimeout(() => host.kill('timeout'), timeoutMs);
    try {
      if (!used) host.limit(ASK_LIMITS);
      const told = await host.perform({ type: 'ask', operation, ask, network, user }, null, secretsIn(ask));
      const answer = checkedAnswer(operation, told) as unknown as Json;
      // A connector is asked what it is once.
      taken.giveBack(operation !== 'info');
      return answer;
    } catch (error) {
      // A refusal is an answer like any other; after a defect the process is not trusted any more.
      taken.giveBack(isConnectorError(error) && error.kind !== 'bug');
      throw error;
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    async ask(operation, ask, { timeoutMs = ASK_MS } = {}) {
      const [workspace, modules] = placeOf(ask);
      const key = [workspace, modules].join('\n');
      const ended = await turns.take(workspace);
      try {
        if (closed) throw stopping();
        const taken = warm.take(key);
        try {
          return (await askOne(taken, operation, ask, timeoutMs)) as never;
        } catch (error) {
          // What an earlier call left behind in the process is no fault of this one, and every call may be made twice.
          if (!taken.used || closed || !isConnectorError(error) || error.code !== 'HOST_DIED') throw error;
          return (await askOne(warm.take(key), operation, ask, timeoutMs)) as never;
        }
      } finally {
        ended();
      }
    },
    run(ask, store, limits) {
      const host = startHost('run', limits.memoryMb);
      watch(host);
      const memoryLimitBy = host.limit(limits);
      const secrets = [...secretsIn(ask.source.options), ...secretsIn(ask.target.options)];
      const user = users.userFor(ask.source.workspace, [ask.source.module, ask.target.module]);
      const end = host
        .perform({ type: 'ask', operation: 'run', ask: ask as unknown as Json, network, user }, store, secrets)
        .then((value) => checkedAnswer('run', value))
        .catch((error: unknown): HostEnd => ({ end: 'died', failure: toFailure(error) }))
        .finally(() => host.kill('done'));
      return {
        process: { pid: host.pid, name: host.name, memoryLimitBy },
        end,
        kill: () => host.kill('stopped'),
        stop: async (reason, graceMs = STOP_MS) => {
          host.cancel(reason);
          const timer = setTimeout(() => host.kill('stopped'), graceMs);
          await end;
          clearTimeout(timer);
        },
      };
    },
    async close() {
      closed = true;
      const leaving = [...hosts].map((host) => host.gone);
      for (const host of hosts) {
        // Waited for: idle ones would let this process end before they have.
        host.idle(false);
        host.kill('closing');
      }
      await Promise.all(leaving);
    },
  };
}

type Asked = { module: string } | Operations['check']['ask'];

/** Workspace and modules of a call: who shares both may share a process. */
function placeOf(ask: Asked): [workspace: string, modules: string[]] {
  return 'end' in ask ? [ask.end.workspace, [ask.end.module]] : ['', [ask.module]];
}

/** Texts long enough to be a secret: they are struck out of whatever a plugin prints. */
function secretsIn(value: Json): string[] {
  if (typeof value === 'string') return value.length >= 4 ? [value] : [];
  if (value === null || typeof value !== 'object') return [];
  return Object.values(value).flatMap((one) => secretsIn(one as Json));
}

const stopping = () =>
  new ConnectorError({
    kind: 'busy',
    code: 'HOST_STOPPED',
    message: 'The server is stopping.',
    hint: 'Try again when it is back.',
  });
