import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startVitest, type TestCase } from 'vitest/node';
import { aptInstall } from './apt.ts';
import { checkAll } from './check.ts';
import { findMysql, findProgram } from './mysql-server.ts';
import { pythonWithPyodps } from './pyodps.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Reasons for which a test may be skipped; any other fails the run. */
const ACCEPTED = JSON.parse(readFileSync(new URL('../accepted-skips.json', import.meta.url), 'utf8')) as string[];

/** Programs that tests call, and Debian's packages of them. */
const PROGRAMS = [
  ['chromium', 'chromium'],
  ['curl', 'curl'],
  ['jq', 'jq'],
  ['openssl', 'openssl'],
  ['ps', 'procps'],
] as const;

/** What the tests need of the machine. */
async function installMissing(filters: readonly string[]): Promise<void> {
  const missing = findMysql('mariadb') === null ? ['mariadb-server', 'mariadb-client'] : [];
  // Tests that need these are skipped, with that reason, where they cannot be installed.
  if (process.getuid?.() === 0)
    missing.push(...PROGRAMS.filter(([program]) => findProgram(program) === null).map(([, debian]) => debian));
  if (missing.length > 0) aptInstall(missing);
  // Once, before several files of tests ask for it; where it cannot be had they say so.
  if (filters.length === 0) await pythonWithPyodps();
}

async function main(): Promise<number> {
  const filters = process.argv.slice(2);
  await installMissing(filters);
  const checked = checkAll();
  if (!checked) process.stderr.write('The checks failed; the tests run all the same.\n');
  const vitest = await startVitest('test', filters, { root, watch: false, reporters: ['default'] });
  const tests: TestCase[] = vitest.state.getTestModules().flatMap((module) => [...module.children.allTests()]);
  const count = (state: string) => tests.filter((test) => test.result().state === state).length;
  const modulesFailed = vitest.state
    .getTestModules()
    .filter((module) => module.state() === 'failed' && [...module.children.allTests('failed')].length === 0).length;
  const unlisted = tests.flatMap((test) => {
    const result = test.result();
    if (result.state !== 'skipped') return [];
    // Told by the test itself, or in its name: `… (skipped: reason)`, `… (MariaDB has no …)`.
    const reason = result.note ?? /\((?:skipped: )?([^()]*)\)\s*(?:>.*)?$/.exec(test.fullName)?.[1] ?? 'no reason';
    process.stdout.write(`skipped: ${test.fullName}: ${reason}\n`);
    return ACCEPTED.some((one) => reason.startsWith(one)) ? [] : [test.fullName];
  });
  for (const name of unlisted) process.stdout.write(`not an accepted reason to skip: ${name}\n`);
  const errors = vitest.state.getUnhandledErrors().length;
  const failed = count('failed') + modulesFailed + unlisted.length + errors + (checked ? 0 : 1);
  await vitest.close();
  process.stdout.write(`\n${count('passed')} passed, ${failed} failed, ${count('skipped')} skipped\n`);
  return failed === 0 && count('passed') > 0 ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`${error.stack}\n\n0 passed, 1 failed, 0 skipped\n`);
    process.exit(1);
  },
);
