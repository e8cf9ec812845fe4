import { setTimeout as pause } from 'node:timers/promises';
import { finished, hasEnded, type Lane } from './chaos-lane.ts';
import type { FaultPlan, FaultResult, Phase } from './chaos-plan.ts';
import { allowedRows } from './chaos-rows.ts';
import { strike } from './chaos-strike.ts';
import type { TargetSide } from './chaos-targets.ts';

const RECOVERY_MS = 120_000;
const CLEANED_MS = 30_000;
const LOOK_EVERY_MS = 50;

/** What breaks a run; the phase in which it did, or null where it came too late. */
export type Break = (lane: Lane, plan: FaultPlan, instance: string, table: string) => Promise<Phase | null>;

/** Kills a run in one of its phases, and starts again what the deployment would start again. */
export const killRun: Break = async (lane, plan, instance, table) => {
  const landed = await strike(lane, plan, instance, table);
  if (plan.victim !== 'host' && landed !== null) await lane.restart();
  return landed;
};

/** Runs one copy, breaks it, waits for its end, and counts the rows with clients that are not Sampan's. */
export async function runFault(lane: Lane, plan: FaultPlan, broken: Break): Promise<FaultResult> {
  const { target, mode, number } = plan;
  const side = lane.targets[target];
  const table = `c${number}_${mode.toLowerCase()}`;
  await side.prepare(table);
  const { before, after } = allowedRows(lane.world.rows, mode);
  const watcher = watch(side, table, new Set([before, after]));
  let landed: Phase | null;
  let end: string | null;
  let recoveredMs: number;
  let leftovers: number;
  try {
    // Wide enough to be met: while it waits nothing has happened in the target, and the client may be gone before it does.
    if (target === 'maxcompute')
      await lane.world.warehouse.fault({
        kind: 'delay',
        operation: 'commitUpload',
        path: `/tables/${table}?`,
        times: 1,
        millis: 150,
      });
    const instance = await lane.start(table, target, mode);
    landed = await broken(lane, plan, instance, table);
    const began = Date.now();
    const last = await finished(lane, instance, RECOVERY_MS);
    recoveredMs = Date.now() - began;
    const how = last.failure === null ? '' : `: ${last.failure.code}: ${last.failure.message}`;
    end = last.state === 'SUCCEEDED' ? null : `${last.state}${hasEnded(last) ? '' : ` (${last.phase})`}${how}`;
    leftovers = await leftBehind(lane, side, instance);
  } finally {
    await watcher.stop();
  }
  const { lost, doubled } = await side.damage(table, mode);
  if (lost + doubled === 0) await side.remove(table);
  return { landed, lost, doubled, partialSeen: watcher.seen, stuck: end !== null, end, leftovers, recoveredMs };
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
