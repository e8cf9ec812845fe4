import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A limit on a process that somebody keeps: the kernel where a control group can be made, else a poll of its memory. */
export interface Limit {
  by: 'cgroup' | 'polling';
  /** True once the limit was hit. */
  hit(): boolean;
  release(): void;
}

const POLL_MS = 100;
const PAGE_BYTES = 4_096;
const V1 = '/sys/fs/cgroup';
const V2 = '/sys/fs/cgroup';

/**
 * Limits the memory of a process, and its processor time where the kernel can. `kill` is called when a polled limit is
 * hit; the kernel kills by itself.
 */
export function limitProcess(pid: number, limits: { memoryMb: number; cpu: number }, kill: () => void): Limit {
  return groupLimit(pid, limits) ?? polledLimit(pid, limits.memoryMb, kill);
}

function groupLimit(pid: number, limits: { memoryMb: number; cpu: number }): Limit | null {
  const name = `sampan-${process.pid}-${pid}`;
  const v2 = existsSync(join(V2, 'cgroup.controllers'));
  const made: string[] = [];
  const group = (controller: string, settings: { [file: string]: string }) => {
    const folder = v2 ? join(V2, name) : join(V1, controller, name);
    if (!existsSync(folder)) {
      mkdirSync(folder);
      made.unshift(folder);
    }
    for (const [file, value] of Object.entries(settings)) writeFileSync(join(folder, file), value);
    writeFileSync(join(folder, 'cgroup.procs'), String(pid));
    return folder;
  };
  const release = () => {
    for (const folder of made) {
      try {
        rmdirSync(folder);
      } catch {
        // A process is still in it: the group goes with the next one that is released.
      }
    }
  };
  const bytes = String(limits.memoryMb * 1024 * 1024);
  try {
    const memory = group(
      'memory',
      v2 ? { 'memory.max': bytes, 'memory.swap.max': '0' } : { 'memory.limit_in_bytes': bytes },
    );
    try {
      const quota = Math.round(limits.cpu * 100_000);
      group(
        'cpu',
        v2 ? { 'cpu.max': `${quota} 100000` } : { 'cpu.cfs_period_us': '100000', 'cpu.cfs_quota_us': String(quota) },
      );
    } catch {
      // Processor time is a ceiling, not a promise: without that controller the run merely shares.
    }
    return { by: 'cgroup', release, hit: () => killedByKernel(memory, v2) };
  } catch {
    release();
    return null;
  }
}

function killedByKernel(folder: string, v2: boolean): boolean {
  try {
    const text = readFileSync(join(folder, v2 ? 'memory.events' : 'memory.oom_control'), 'utf8');
    return /^oom_kill [1-9]/m.test(text);
  } catch {
    return false;
  }
}

function polledLimit(pid: number, memoryMb: number, kill: () => void): Limit {
  let over = false;
  const timer = setInterval(() => {
    try {
      const resident = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES;
      if (resident > memoryMb * 1024 * 1024) {
        over = true;
        kill();
      }
    } catch {
      clearInterval(timer);
    }
  }, POLL_MS);
  timer.unref();
  return { by: 'polling', hit: () => over, release: () => clearInterval(timer) };
}
