import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return hostname();
  }
}

/** Clock ticks since boot at which the process began; null where it has ended. */
function startTicks(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended: nobody has asked for its exit code yet.
    return fields[0] === 'Z' ? null : fields[19];
  } catch {
    return null;
  }
}

/** A name for a process that outlives the reuse of its number: boot, number, start. */
export function processName(pid: number): string {
  return `${bootId()}/${pid}/${startTicks(pid) ?? 'ended'}`;
}

/** True where the process still runs; false: it has ended; null: it ran on another machine or before a restart of this one. */
export function processIsAlive(name: string): boolean | null {
  const [boot, pid, start] = name.split('/');
  if (boot !== bootId()) return null;
  return startTicks(Number(pid)) === start;
}
