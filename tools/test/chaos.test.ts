import { describe, expect, it } from 'vitest';
import { killRun } from '../src/chaos-case.ts';
import { MODES, PHASES } from '../src/chaos-plan.ts';
import { expectRows } from '../src/chaos-rows.ts';
import { type ChaosReport, isClean, runChaos } from '../src/chaos-suite.ts';
import { buildUnfenced } from '../src/chaos-unfenced.ts';
import { sleepwalk } from '../src/chaos-zombie.ts';
import { makeFolder } from '../src/servers.ts';

/** A machine that does much else besides takes its time; nothing here depends on how much. */
const PATIENCE_MS = 600_000;
const told: string[] = [];
const small = { seed: 1, rows: 20_000, lanes: 2, tell: (line: string) => void told.push(line) };

const struck = ({ cases }: ChaosReport) =>
  cases.map(({ landed }) => PHASES.reduce((sum, phase) => sum + landed[phase], 0));

it(
  'kills of host and server, one after the other, lose nothing, double nothing, show nothing half, leave nothing stuck',
  async () => {
    const report = await runChaos({ ...small, how: killRun, faults: 3, faultsARun: 3 });
    expect(report, told.join('\n')).toMatchObject({ lost: 0, doubled: 0, partialSeen: 0, stuck: 0, leftovers: 0 });
    for (const n of struck(report)) expect(n).toBeGreaterThanOrEqual(3);
    expect(isClean(report)).toBe(true);
  },
  PATIENCE_MS,
);

describe.each([
  { target: 'mysql', phase: 'commit' },
  { target: 'maxcompute', phase: 'verify' },
] as const)(
  'a worker that sleeps past its lease in $phase into $target, and wakes when another has published',
  ({ target, phase }) => {
    const zombie = {
      ...small,
      lanes: 1,
      how: sleepwalk('published'),
      faults: 1,
      faultsARun: 1,
      targets: [target],
      modes: ['APPEND'] as const,
      phases: [phase],
      moment: 0,
    };

    it(
      'can neither publish nor spoil',
      async () => {
        const report = await runChaos(zombie);
        expect(report, told.join('\n')).toMatchObject({ lost: 0, doubled: 0, partialSeen: 0, stuck: 0 });
        expect(struck(report)).toEqual([1]);
      },
      PATIENCE_MS,
    );

    // Which of the two comes first is chance: where the one who wakes finds everything cleaned away, there is no damage.
    it(
      'does damage in a build without the fence, in one of some tries, and the checker finds it',
      async () => {
        const folder = await makeFolder('unfenced');
        try {
          const main = buildUnfenced(folder.path);
          let damage = 0;
          for (const wake of ['published', 'at work', 'published', 'at work', 'published', 'at work'] as const) {
            const report = await runChaos({ ...zombie, how: sleepwalk(wake), main });
            damage = report.lost + report.doubled + report.partialSeen;
            if (damage === 0) continue;
            expect(isClean(report)).toBe(false);
            break;
          }
          expect(damage, told.join('\n')).toBeGreaterThan(0);
        } finally {
          await folder.remove();
        }
      },
      PATIENCE_MS,
    );
  },
);

describe('the comparison of rows', () => {
  async function* lines(...some: string[]) {
    yield* some;
  }

  it('counts what is missing, what is there too often, and what should not be there', async () => {
    const rows = await expectRows(lines('1\ta', '1000\tb', '1001\tb', '1002\t~'));
    for (const mode of MODES) {
      const old = mode === 'APPEND' ? ['1\ta'] : [];
      const damage = (...some: string[]) => rows.compare(lines(...old, ...some), mode);
      expect(await damage('1002\t~', '1\ta', '1000\tb', '1001\tb')).toEqual({ lost: 0, doubled: 0 });
      expect(await damage('1\ta', '1000\tb', '1001\tb')).toEqual({ lost: 1, doubled: 0 });
      expect(await damage('1\ta', '1000\tb', '1001\tb', '1001\tb', '1002\t~')).toEqual({ lost: 0, doubled: 1 });
      expect(await damage('1\ta', '1000\tB', '1001\tb', '1002\t~')).toEqual({ lost: 1, doubled: 1 });
    }
  });
});
