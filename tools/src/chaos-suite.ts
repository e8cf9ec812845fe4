import { type Break, runCase } from './chaos-case.ts';
import { type Lane, type LaneOptions, openLane } from './chaos-lane.ts';
import {
  type CasePlan,
  type CaseResult,
  type Fault,
  MODES,
  type Mode,
  PHASES,
  type Phase,
  random,
  TARGETS,
  type TargetKind,
  type Victim,
} from './chaos-plan.ts';
import { openChaosWorld } from './chaos-world.ts';

export interface CaseReport {
  name: string;
  asked: number;
  /** Faults tried: those whose run ended or went on before they could strike are tried again. */
  injected: number;
  copies: number;
  landed: { [phase in Phase]: number };
  victims: { [victim in Victim]: number };
  recovered: number;
  lost: number;
  doubled: number;
  partialSeen: number;
  stuck: number;
  leftovers: number;
  slowestRecoveryMs: number;
}

export interface ChaosReport {
  seed: number;
  faults: number;
  lost: number;
  doubled: number;
  partialSeen: number;
  stuck: number;
  leftovers: number;
  seconds: number;
  cases: CaseReport[];
}

export interface ChaosOptions extends LaneOptions {
  /** For each combination of target and mode. */
  faults: number;
  seed: number;
  rows: number;
  /** Deployments that are broken side by side. */
  lanes: number;
  how: Break;
  /** How many faults strike one copy, one after the other. */
  faultsARun: number;
  /** Default: all. */
  targets?: readonly TargetKind[];
  modes?: readonly Mode[];
  phases?: readonly Phase[];
  /** How far into its phase each fault strikes; default: at random. */
  moment?: number;
  /** Default: found or installed; null: read the emulator's files by DuckDB instead. */
  python?: string | null;
  /** Ends everything that was started. */
  signal?: AbortSignal;
  tell(line: string): void;
}

/** Breaks so many runs of each combination; a fault counts where it struck. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const began = Date.now();
  const next = random(options.seed);
  const world = await openChaosWorld(options.rows, options.python);
  const lanes: Lane[] = [];
  const cases: CaseReport[] = [];
  try {
    // One after the other: the first one makes what all of them use.
    for (let lane = 0; lane < options.lanes; lane++) lanes.push(await openLane(world, `lane${lane}`, options));
    const numbers = { next: 0 };
    for (const target of options.targets ?? TARGETS)
      for (const mode of options.modes ?? MODES)
        cases.push(await unlessEnded(options.signal, runCombination(lanes, options, { target, mode }, next, numbers)));
  } finally {
    await Promise.all(lanes.map((lane) => lane.close().catch(() => {})));
    await world.close();
  }
  return total(options.seed, cases, Math.round((Date.now() - began) / 1_000));
}

async function unlessEnded<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  if (signal === undefined) return work;
  const ended = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(new Error('It was ended from outside.')), { once: true }),
  );
  work.catch(() => {});
  return Promise.race([work, ended]);
}

async function runCombination(
  lanes: readonly Lane[],
  options: ChaosOptions,
  { target, mode }: Pick<CasePlan, 'target' | 'mode'>,
  next: () => number,
  numbers: { next: number },
): Promise<CaseReport> {
  const report = emptyCase(`MySQL → ${target}, ${mode}`, options.faults);
  const landed = () => PHASES.reduce((sum, phase) => sum + report.landed[phase], 0);
  const wanted = { ...report.landed };
  const underWay = () => PHASES.reduce((sum, phase) => sum + wanted[phase], 0);
  const choose = (): Fault[] => {
    const left = options.faults - landed() - underWay();
    // Those with the fewest so far, in ever new company.
    const few = (options.phases ?? PHASES).map((phase) => ({
      phase,
      n: report.landed[phase] + wanted[phase] + next() / 2,
    }));
    const fewest = few.sort((a, b) => a.n - b.n).slice(0, Math.max(0, Math.min(left, options.faultsARun)));
    const chosen = fewest.map((one) => one.phase);
    const inOrder = PHASES.filter((phase) => chosen.includes(phase));
    return inOrder.map((phase) => ({ phase, victim: victimOf(next()), moment: options.moment ?? next() }));
  };
  const work = async (lane: Lane) => {
    for (;;) {
      const faults = choose();
      if (faults.length === 0 || report.injected > options.faults * 2 + 20) return;
      const plan = { number: numbers.next++, target, mode, faults };
      for (const { phase } of faults) wanted[phase]++;
      report.injected += faults.length;
      const result = await runCase(lane, plan, options.how)
        .catch((error: Error) => afterError(lane, error, options.signal))
        .finally(() => {
          for (const { phase } of faults) wanted[phase]--;
        });
      count(report, plan, result);
      options.tell(lineOf(report, plan, result));
    }
  };
  await Promise.all(lanes.map(work));
  return report;
}

/** Whatever else goes wrong, such as a server that does not come back, counts against the product. */
async function afterError(lane: Lane, error: Error, signal: AbortSignal | undefined): Promise<CaseResult> {
  if (signal?.aborted) throw error;
  await lane.server.kill();
  await lane.restart().catch(() => lane.restart());
  return {
    landed: [],
    lost: 0,
    doubled: 0,
    partialSeen: [],
    stuck: true,
    end: error.stack ?? error.message,
    leftovers: 0,
    recoveredMs: 0,
  };
}

const victimOf = (chance: number): Victim => (chance < 0.6 ? 'host' : chance < 0.8 ? 'server' : 'both');

function emptyCase(name: string, asked: number): CaseReport {
  return {
    name,
    asked,
    injected: 0,
    copies: 0,
    landed: { read: 0, write: 0, seal: 0, verify: 0, commit: 0, after: 0 },
    victims: { host: 0, server: 0, both: 0 },
    recovered: 0,
    lost: 0,
    doubled: 0,
    partialSeen: 0,
    stuck: 0,
    leftovers: 0,
    slowestRecoveryMs: 0,
  };
}

function count(report: CaseReport, plan: CasePlan, result: CaseResult): void {
  result.landed.forEach((phase, at) => {
    if (phase === null) return;
    report.landed[phase]++;
    report.victims[plan.faults[at].victim]++;
    if (!result.stuck) report.recovered++;
  });
  report.copies++;
  report.lost += result.lost;
  report.doubled += result.doubled;
  report.partialSeen += result.partialSeen.length;
  report.stuck += result.stuck ? 1 : 0;
  report.leftovers += result.leftovers;
  report.slowestRecoveryMs = Math.max(report.slowestRecoveryMs, result.recoveredMs);
}

function lineOf(report: CaseReport, plan: CasePlan, result: CaseResult): string {
  const { lost, doubled, partialSeen, stuck, landed, leftovers, recoveredMs } = result;
  const bad = lost + doubled + partialSeen.length > 0 || stuck;
  const faults = plan.faults.map(({ phase, victim }, at) => {
    const struck = landed[at] ?? null;
    return `${victim} in ${struck ?? 'nothing'}${struck === phase ? '' : ` (meant for ${phase})`}`;
  });
  const more = bad || leftovers > 0 ? `: ${JSON.stringify(result)}` : '';
  return `${bad ? '✗' : '✓'} ${report.name} #${plan.number}: ${faults.join(', ')}; ${recoveredMs} ms${more}`;
}

function total(seed: number, cases: CaseReport[], seconds: number): ChaosReport {
  const sum = (of: (report: CaseReport) => number) => cases.reduce((all, report) => all + of(report), 0);
  return {
    seed,
    faults: sum((one) => PHASES.reduce((all, phase) => all + one.landed[phase], 0)),
    lost: sum((one) => one.lost),
    doubled: sum((one) => one.doubled),
    partialSeen: sum((one) => one.partialSeen),
    stuck: sum((one) => one.stuck),
    leftovers: sum((one) => one.leftovers),
    seconds,
    cases,
  };
}

/** Nothing lost, doubled, half seen or stuck, and as many faults struck as were asked for. */
export const isClean = ({ lost, doubled, partialSeen, stuck, cases }: ChaosReport): boolean =>
  lost + doubled + partialSeen + stuck === 0 &&
  cases.every((one) => PHASES.reduce((all, phase) => all + one.landed[phase], 0) >= one.asked);
