import type { NetworkPolicy, Operation, Operations, RunEnd, RunStore } from './messages.ts';

export interface HostLimits {
  memoryMb: number;
  /** Cores; a ceiling where the machine can enforce one. */
  cpu: number;
}

/** Who kept the memory limit of a run, and what is known of its process. */
export interface HostProcess {
  pid: number;
  /** Start time of the process in clock ticks since boot, with the boot id: names the process beyond pid reuse. */
  startedAs: string;
  memoryLimitBy: 'cgroup' | 'polling';
}

export interface RunningHost {
  process: HostProcess;
  /** Settles when the run has ended or its process has died (`failed` with code `HOST_DIED`, `MEMORY_LIMIT`). Never rejects. */
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
    options?: { timeoutMs?: number; signal?: AbortSignal },
  ): Promise<Operations[O]['answer']>;
  run(ask: Operations['run']['ask'], store: RunStore, limits: HostLimits): Promise<RunningHost>;
  /** Kills every host. */
  close(): Promise<void>;
}

export interface HostPoolOptions {
  network: NetworkPolicy;
}

/** True where the process that `startedAs` names still runs on this machine; false: it is known to have ended; null: another machine. */
export type ProcessIsAlive = (startedAs: string) => boolean | null;
