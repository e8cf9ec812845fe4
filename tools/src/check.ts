import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkBoundaries } from './boundaries.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

function run(what: string, program: string, args: string[]): boolean {
  const { status } = spawnSync(program, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) process.stderr.write(`✗ ${what}\n`);
  return status === 0;
}

function boundaries(): boolean {
  const violations = checkBoundaries(root);
  for (const { file, line, what } of violations) process.stderr.write(`${file}:${line}: ${what}\n`);
  if (violations.length > 0) process.stderr.write('✗ boundaries\n');
  return violations.length === 0;
}

/** Relative links in documents lead somewhere. */
function links(): boolean {
  const { stdout } = spawnSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' });
  const broken = stdout
    .split('\n')
    .filter((file) => file !== '' && existsSync(join(root, file)))
    .flatMap((file) => {
      const targets = [
        ...readFileSync(join(root, file), 'utf8').matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g),
      ].map((match) => match[1]);
      return targets
        .filter((target) => !existsSync(resolve(root, dirname(file), target)))
        .map((target) => `${file}: ${target} is not there`);
    });
  for (const line of broken) process.stderr.write(`${line}\n`);
  if (broken.length > 0) process.stderr.write('✗ links in documents\n');
  return broken.length === 0;
}

/** All that can be said without running anything: lint and format, types of the tests, boundaries, printed schema, links. */
export function checkAll(): boolean {
  const bin = (name: string) => join(root, 'node_modules', '.bin', name);
  const results = [
    run('lint and format (npx biome check --write mends most)', bin('biome'), [
      'check',
      '--diagnostic-level=error',
      '.',
    ]),
    run('types of the tests', bin('tsc'), ['-p', 'tsconfig.test.json']),
    boundaries(),
    run('schema.graphql', process.execPath, [join(root, 'schema/dist/print.js'), '--check']),
    links(),
  ];
  return results.every((ok) => ok);
}

if (process.argv[1]?.endsWith('check.js')) process.exitCode = checkAll() ? 0 : 1;
