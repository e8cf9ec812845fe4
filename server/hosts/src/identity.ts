import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** The boot of the machine and the space of process numbers in it: containers of one machine each count their own. */
function placeOfProcesses(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot}.${readlinkSync('/proc/self/ns/pid').replace(/\D/g, '')}`;
  } catch {
    return hostname();
  }
}

/** Clock ticks since boot at which the process began; null where it has ended; undefined where nobody says. */
function startTicks(pid: number): string | null | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended: nobody has asked for its exit code yet.
    return fields[0] === 'Z' ? null : fields[19];
  } catch (error) {
    return ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '') ? null : undefined;
  }
}

/** A name for a process that outlives the reuse of its number: place, number, start. */
export function processName(pid: number): string {
  return `${placeOfProcesses()}/${pid}/${startTicks(pid) ?? 'ended'}`;
}

/**
 * True where the process still runs; false: it has ended; null: it cannot be known, since it ran on another machine, in
 * another container of this one, or before a restart.
 */
export function processIsAlive(name: string): boolean | null {
  const [place, pid, start] = name.split('/');
  if (place !== placeOfProcesses()) return null;
  const ticks = startTicks(Number(pid));
  return ticks === undefined ? null : ticks === start;
}
