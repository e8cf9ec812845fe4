import { setTimeout as pause } from 'node:timers/promises';
import { finished, type Lane } from './chaos-lane.ts';
import { hasEnded } from './chaos-look.ts';
import type { CasePlan, CaseResult, Fault, Phase } from './chaos-plan.ts';
import { allowedRows } from './chaos-rows.ts';
import { type Run, strike } from './chaos-strike.ts';
import type { TargetSide } from './chaos-targets.ts';

const RECOVERY_MS = 120_000;
const CLEANED_MS = 30_000;
const LOOK_EVERY_MS = 50;

/** What breaks a run; the phase in which it did, or null where it came too late. */
export type Break = (lane: Lane, fault: Fault, run: Run) => Promise<Phase | null>;

/** Kills a run in one of its phases, and starts again what the deployment would start again. */
export const killRun: Break = async (lane, fault, run) => {
  const landed = await strike(lane, fault, run);
  if (fault.victim !== 'host' && landed !== null) await lane.restart();
  return landed;
};

/** Runs one copy, breaks it, waits for its end, and compares the rows with clients that are not Sampan's. */
export async function runCase(lane: Lane, plan: CasePlan, breaks: Break): Promise<CaseResult> {
  const { target, mode, number } = plan;
  const side = lane.targets[target];
  const table = `c${number}_${mode.toLowerCase()}`;
  await side.prepare(table);
  const { before, after } = allowedRows(lane.world.rows, mode);
  const watcher = watch(side, table, new Set([before, after]));
  try {
    if (target === 'maxcompute') await lengthenCommit(lane, table);
    const instance = await lane.start(table, target, mode);
    const landed: (Phase | null)[] = [];
    for (const fault of plan.faults) landed.push(await breaks(lane, fault, { instance, table, side }));
    const began = Date.now();
    const last = await finished(lane, instance, RECOVERY_MS);
    const recoveredMs = Date.now() - began;
    const leftovers = await leftBehind(lane, side, instance);
    await watcher.stop();
    const damage = await side.damage(table, mode);
    if (damage.lost + damage.doubled === 0) await side.remove(table);
    const stuck = last.state !== 'SUCCEEDED';
    const why = last.failure === null ? '' : `: ${last.failure.code}: ${last.failure.message}`;
    const end = stuck ? `${last.state}${hasEnded(last) ? '' : ` (${last.phase})`}${why}` : null;
    return { landed, ...damage, partialSeen: watcher.seen, stuck, end, leftovers, recoveredMs };
  } finally {
    await watcher.stop();
  }
}

/**
 * Wide enough to be met: while the emulator waits nothing has happened in it, and the client may be gone before it does.
 * Of each attempt that comes to it.
 */
async function lengthenCommit(lane: Lane, table: string): Promise<void> {
  const path = `/tables/${table}?`;
  await lane.world.warehouse.fault({ kind: 'delay', operation: 'commitUpload', path, times: 3, millis: 150 });
}

/** Staging that is still there when the server says that it has cleaned up, or should have long ago. */
async function leftBehind(lane: Lane, side: TargetSide, instance: string): Promise<number> {
  for (const deadline = Date.now() + CLEANED_MS; Date.now() < deadline; ) {
    if ((await lane.look(instance)).cleanup === null) break;
    await pause(LOOK_EVERY_MS);
  }
  return side.leftovers(instance);
}

/** Looks at the target all the time, on a connection of its own. */
function watch(side: TargetSide, table: string, allowed: Set<number>): { seen: number[]; stop(): Promise<void> } {
  const seen: number[] = [];
  let on = true;
  const looking = (async () => {
    while (on) {
      const began = performance.now();
      const rows = await side.visible(table);
      if (!allowed.has(rows) && seen.at(-1) !== rows) seen.push(rows);
      // Counting many rows must not take the machine from those who are watched.
      await pause(Math.max(LOOK_EVERY_MS, 5 * (performance.now() - began)));
    }
  })();
  // Told when it is awaited.
  looking.catch(() => {});
  return {
    seen,
    async stop() {
      on = false;
      await looking;
    },
  };
}
