import { setTimeout as pause } from 'node:timers/promises';
import { type Lane, SPLITS } from './chaos-lane.ts';
import { hasEnded, type Look } from './chaos-look.ts';
import { type Fault, PHASES, type Phase } from './chaos-plan.ts';
import type { Books, TargetSide } from './chaos-targets.ts';

/** The run that is to be struck. */
export interface Run {
  instance: string;
  table: string;
  side: TargetSide;
}

/** How long the run's process may work on within a phase before it is struck, at most, in milliseconds. */
const WIDTH: { [phase in Phase]: number } = { read: 200, write: 120, seal: 60, verify: 8, commit: 15, after: 2 };
/** How long it may work between two looks: the shorter, the surer that no phase passes unseen. */
const SLICE: { [phase in Phase]: number } = { read: 12, write: 10, seal: 6, verify: 3, commit: 3, after: 2 };
const FAR_MS = 25;
const PATIENCE_MS = 90_000;

/** The phase of a run by its row and its target's books; null: it is in none. */
export function phaseOf(look: Look, books: Books): Phase | null {
  if (look.state === 'SUCCEEDED') return 'after';
  if (look.state !== 'RUNNING') return null;
  if (books.committed) return 'after';
  if (look.committing) return 'commit';
  if (look.phase === 'VERIFYING') return 'verify';
  // A later attempt that is just beginning, whatever an earlier one has left.
  if (look.phase === 'CONNECTING' || look.phase === 'PLANNING') return 'read';
  if (books.sealed > 0 || look.sealed > 0) return 'seal';
  return books.written || look.written > 0 ? 'write' : 'read';
}

export interface Caught {
  look: Look;
  phase: Phase;
  /** Stopped, where it is still there. */
  host: number | null;
}

/**
 * Lets the run work in short slices, and holds it (SIGSTOP) where the plan wants it, or behind that where the phase
 * passed too quickly. Null: it ended, or another attempt began, before it could be held.
 */
export async function catchRun(lane: Lane, fault: Fault, { instance, table, side }: Run): Promise<Caught | null> {
  let worked = 0;
  for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; ) {
    const before = await lane.look(instance);
    if (hasEnded(before) && before.state !== 'SUCCEEDED') return null;
    const { host } = before;
    if (host === null) {
      if (before.state === 'SUCCEEDED') return { look: before, phase: 'after', host };
      await pause(5);
      continue;
    }
    signal(host, 'SIGSTOP');
    let held = false;
    try {
      // What it had sent before is taken in by the server meanwhile.
      await pause(1);
      const look = await lane.look(instance);
      const phase = phaseOf(look, await side.books(instance, look, table));
      if (phase !== null) {
        const behind = PHASES.indexOf(phase) - PHASES.indexOf(fault.phase);
        held = behind > 0 || (behind === 0 && worked >= fault.moment * WIDTH[phase]);
        if (held) return { look, phase, host };
        if (behind === 0) worked += SLICE[phase];
      }
    } finally {
      if (!held) signal(host, 'SIGCONT');
    }
    await pause(sliceBefore(fault.phase, before));
  }
  return null;
}

/** Long ones as long as what is wanted is far away. */
function sliceBefore(wanted: Phase, look: Look): number {
  if (wanted === 'read' || wanted === 'write' || wanted === 'seal') return SLICE[wanted];
  return look.sealed >= SPLITS - 1 || look.phase === 'VERIFYING' || look.committing ? SLICE[wanted] : FAR_MS;
}

/** Kills (-9) what the fault says; the phase that the run was in at that moment, or null where it could not be struck. */
export async function strike(lane: Lane, fault: Fault, run: Run): Promise<Phase | null> {
  const caught = await catchRun(lane, fault, run);
  if (caught === null) return null;
  const { host } = caught;
  const now = async () => {
    const look = await lane.look(run.instance);
    return phaseOf(look, await run.side.books(run.instance, look, run.table));
  };
  if (fault.victim === 'host') {
    if (host === null) return null;
    // The last messages of the host may still have moved the row.
    const phase = await now();
    signal(host, 'SIGKILL');
    return phase;
  }
  signal(lane.server.pid, 'SIGSTOP');
  const phase = await now();
  if (fault.victim === 'both' && host !== null) signal(host, 'SIGKILL');
  await lane.server.kill();
  // Left alone, the host finds out by itself that nobody is there any more.
  if (fault.victim === 'server' && host !== null) signal(host, 'SIGCONT');
  return phase;
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile.
  }
}
