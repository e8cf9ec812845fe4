import { parseArgs } from 'node:util';
import { type FaultPlan, type Mode, PHASES, type Phase, runFault, type Target, type Victim } from './chaos-case.ts';
import { openChaosWorld } from './chaos-world.ts';

const USAGE = `npm run chaos -- --only R1 [options]: kills runs with -9 at chosen moments, and counts what became of the rows.
  --faults N     for each of the four combinations of target and mode (default 12)
  --seed S       of the moments (default 1)
  --rows N       rows of each copy (default 100000)
  --json         one JSON object on standard output
`;

interface CaseReport {
  name: string;
  asked: number;
  injected: number;
  landed: { [phase in Phase]: number };
  recovered: number;
  lost: number;
  doubled: number;
  partialSeen: number;
  stuck: number;
  slowestRecoveryMs: number;
}

/** The same numbers for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: 'R1' },
      faults: { type: 'string', default: '12' },
      seed: { type: 'string', default: '1' },
      rows: { type: 'string', default: '100000' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (values.only !== 'R1') throw new Error('Only R1 is here yet: --only R1.');
  const [faults, seed, rows] = [Number(values.faults), Number(values.seed), Number(values.rows)];
  const next = random(seed);
  const world = await openChaosWorld(rows);
  const cases: CaseReport[] = [];
  try {
    let number = 0;
    for (const target of ['maxcompute', 'mysql'] as Target[]) {
      for (const mode of ['APPEND', 'OVERWRITE'] as Mode[]) {
        const report: CaseReport = {
          name: `MySQL → ${target}, ${mode}`,
          asked: faults,
          injected: 0,
          landed: { read: 0, write: 0, seal: 0, verify: 0, commit: 0, after: 0 },
          recovered: 0,
          lost: 0,
          doubled: 0,
          partialSeen: 0,
          stuck: 0,
          slowestRecoveryMs: 0,
        };
        cases.push(report);
        for (let fault = 0; fault < faults; fault++) {
          const plan: FaultPlan = {
            target,
            mode,
            phase: PHASES[fault % PHASES.length],
            victim: (next() < 0.5 ? 'host' : 'server') as Victim,
            moment: next(),
          };
          const result = await runFault(world, plan, number++);
          report.injected++;
          if (result.landed !== null) report.landed[result.landed]++;
          if (!result.stuck) report.recovered++;
          report.lost += result.lost;
          report.doubled += result.doubled;
          report.partialSeen += result.partialSeen.length;
          report.stuck += result.stuck ? 1 : 0;
          report.slowestRecoveryMs = Math.max(report.slowestRecoveryMs, result.recoveredMs);
          const bad = result.lost + result.doubled + result.partialSeen.length > 0 || result.stuck;
          process.stderr.write(
            `${bad ? '✗' : '✓'} ${report.name}: ${plan.victim} killed, meant for ${plan.phase}, landed in ${result.landed ?? 'nothing'}${bad ? `: ${JSON.stringify(result)}` : ''}\n`,
          );
        }
      }
    }
  } finally {
    await world.close();
  }
  const sum = (of: (report: CaseReport) => number) => cases.reduce((total, report) => total + of(report), 0);
  const total = {
    seed,
    faults: sum((one) => one.injected),
    lost: sum((one) => one.lost),
    doubled: sum((one) => one.doubled),
    partialSeen: sum((one) => one.partialSeen),
    stuck: sum((one) => one.stuck),
    cases,
  };
  process.stderr.write(
    `${total.faults} faults: ${total.lost} rows lost, ${total.doubled} doubled, ${total.partialSeen} times partial content seen, ${total.stuck} stuck\n`,
  );
  if (values.json) process.stdout.write(`${JSON.stringify(total)}\n`);
  const clean = total.lost + total.doubled + total.partialSeen + total.stuck === 0;
  return clean && total.faults === faults * cases.length ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  },
);
