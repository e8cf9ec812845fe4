import { parseArgs } from 'node:util';
import { type Break, killRun } from './chaos-case.ts';
import { type ChaosReport, isClean, runChaos } from './chaos-suite.ts';
import { sleepwalk } from './chaos-zombie.ts';

// A process that dies five times is taken for broken: fewer faults than that strike one copy.
const BREAKS: { [name: string]: { how: Break; faultsARun: number } } = {
  R1: { how: killRun, faultsARun: 3 },
  R5: { how: sleepwalk(), faultsARun: 1 },
};

const USAGE = `npm run chaos -- [options]: breaks runs at chosen moments, and counts what became of the rows.
  --only R1      kills (-9) the run's host, its server, or both, up to three times for one copy (the default)
         R5      puts server and host to sleep until another server has taken the run over, and wakes them
  --faults N     that struck, for each of the four combinations of target and mode (default 12)
  --seed S       of the moments (default 1)
  --rows N       rows of each copy (default 100000)
  --lanes N      deployments that are broken side by side (default 3)
  --json         one JSON object on standard output
`;

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) throw new Error(`--${name} is a whole number, at least ${least}.`);
  return value;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: 'R1' },
      faults: { type: 'string', default: '12' },
      seed: { type: 'string', default: '1' },
      rows: { type: 'string', default: '100000' },
      lanes: { type: 'string', default: '3' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const broken = BREAKS[values.only];
  if (broken === undefined) throw new Error(`--only is one of ${Object.keys(BREAKS).join(', ')}.`);
  const ending = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => ending.abort());
  const report = await runChaos({
    signal: ending.signal,
    ...broken,
    faults: wholeNumber('faults', values.faults, 1),
    seed: wholeNumber('seed', values.seed, 0),
    rows: wholeNumber('rows', values.rows, 2_000),
    lanes: wholeNumber('lanes', values.lanes, 1),
    tell: (line) => process.stderr.write(`${line}\n`),
  });
  process.stderr.write(inWords(report));
  if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  return isClean(report) ? 0 : 1;
}

function inWords({ faults, lost, doubled, partialSeen, stuck, seconds, cases }: ChaosReport): string {
  const lines = cases.map(
    ({ name, landed }) =>
      `${name}: ${Object.entries(landed)
        .map(([phase, n]) => `${phase} ${n}`)
        .join(', ')}`,
  );
  const counts = `${lost} rows lost, ${doubled} doubled, ${partialSeen} times partial content seen, ${stuck} stuck`;
  return `${lines.join('\n')}\n${faults} faults in ${seconds} s: ${counts}\n`;
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
