import { setTimeout as pause } from 'node:timers/promises';
import type { Break } from './chaos-case.ts';
import { finished, type Lane } from './chaos-lane.ts';
import { hasEnded } from './chaos-look.ts';
import { catchRun, phaseOf, type Run, signal } from './chaos-strike.ts';
import { type SampanProcess, startSampan } from './servers.ts';

/** When a worker that slept past its lease wakes: the one after it is at work, has just published, or has ended. */
export type Wake = (typeof WAKES)[number];
const WAKES = ['at work', 'published', 'ended'] as const;

const PATIENCE_MS = 120_000;
/** What a process that has lost its lease may take to find out. */
const ZOMBIE_MS = 20_000;

/**
 * Puts a run's worker and process to sleep (SIGSTOP) in one of its phases until another server has taken the run over,
 * then wakes both. @param wake absent: as the fault's moment has it
 */
export function sleepwalk(wake?: Wake): Break {
  return async (lane, fault, run) => {
    const caught = await catchRun(lane, fault, run);
    if (caught === null || caught.host === null) return null;
    const sleepers = [caught.host, lane.server.pid];
    signal(lane.server.pid, 'SIGSTOP');
    let standIn: SampanProcess | null = null;
    let release = async () => {};
    try {
      const look = await lane.look(run.instance);
      const phase = phaseOf(look, await run.side.books(run.instance, look, run.table));
      standIn = await startStandIn(lane);
      const moment = wake ?? WAKES[Math.floor(fault.moment * WAKES.length)];
      await takenOver(lane, run, look.attempt, moment);
      // What is cleaned away under the one who wakes would stop it too, and that is not the fence.
      if (moment === 'published') release = await run.side.holdStaging(run.instance);
      for (const pid of sleepers) signal(pid, 'SIGCONT');
      await finished(lane, run.instance, PATIENCE_MS);
      await gone(caught.host);
      return phase;
    } finally {
      for (const pid of sleepers) signal(pid, 'SIGCONT');
      await release();
      await standIn?.stop();
    }
  };
}

/** Another server on the same database. */
function startStandIn(lane: Lane): Promise<SampanProcess> {
  const settings = { ...lane.settings, DATABASE_URL: lane.databaseUrl, SAMPAN_KEY_FILE: `${lane.data}/key` };
  return startSampan(`${lane.data}-stand-in`, settings, lane.main);
}

async function takenOver(lane: Lane, run: Run, attempt: number, wake: Wake): Promise<void> {
  for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; ) {
    const look = await lane.look(run.instance);
    if (hasEnded(look)) return;
    if (look.attempt > attempt && wake === 'at work' && look.host !== null) return;
    if (look.attempt > attempt && wake === 'published') {
      if ((await run.side.books(run.instance, look, run.table)).committed) return;
    }
    await pause(5);
  }
}

async function gone(pid: number): Promise<void> {
  for (const deadline = Date.now() + ZOMBIE_MS; Date.now() < deadline; ) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await pause(50);
  }
}
