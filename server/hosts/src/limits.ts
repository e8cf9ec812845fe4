import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

export interface HostLimits {
  memoryMb: number;
  /** Cores; a ceiling where the machine can enforce one. */
  cpu: number;
}

/** A limit on a process that somebody keeps: the kernel where a control group can be made, else a poll of its memory. */
export interface Limit {
  by: 'cgroup' | 'polling';
  /** True once the limit was hit. */
  hit(): boolean;
  release(): void;
}

const POLL_MS = 100;
const PAGE_BYTES = 4_096;
const PREFIX = 'sampan-';
const V1 = '/sys/fs/cgroup';
const V2 = '/sys/fs/cgroup';

/**
 * Limits the memory of a process, and its processor time where the kernel can. `kill` is called when a polled limit is
 * hit; the kernel kills by itself.
 */
export function limitProcess(pid: number, limits: HostLimits, kill: () => void): Limit {
  return groupLimit(pid, limits) ?? polledLimit(pid, limits.memoryMb, kill);
}

function groupLimit(pid: number, limits: HostLimits): Limit | null {
  const name = `${PREFIX}${process.pid}-${pid}`;
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
  const release = () => void removeGroups(made);
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

/** A group can be removed once the last of its processes has been taken off the list: a moment after their end. */
async function removeGroups(folders: string[]): Promise<void> {
  for (const millis of [0, 50, 500, 5_000]) {
    await pause(millis, undefined, { ref: false });
    if (folders.filter((folder) => !removed(folder)).length === 0) return;
  }
}

function removed(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

/** Removes the groups that a server left which was killed. */
export function removeLeftGroups(): void {
  for (const parent of existsSync(join(V2, 'cgroup.controllers')) ? [V2] : [join(V1, 'memory'), join(V1, 'cpu')]) {
    const left = existsSync(parent) ? readdirSync(parent).filter((name) => name.startsWith(PREFIX)) : [];
    for (const name of left) if (!existsSync(`/proc/${name.split('-')[1]}`)) removed(join(parent, name));
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

/** Where no group can be made: the process is looked at ten times a second. */
export function polledLimit(pid: number, memoryMb: number, kill: () => void): Limit {
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
