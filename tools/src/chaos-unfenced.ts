import { cpSync, mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = realpathSync(fileURLToPath(new URL('../../', import.meta.url)));

/** What is taken out of the built files: whatever keeps an attempt that was replaced from acting. */
const CHANGES: { [file: string]: [found: string, instead: string][] } = {
  // The database: every write of an attempt asks whether the attempt still owns the instance.
  'server/control/dist/claims.js': [
    ['return and(eq(instances.id, claim.id), eq(', 'return eq(instances.id, claim.id); and(eq('],
  ],
  // The worker: it ends its run when it has slept past the lease.
  'server/control/dist/worker.js': [['if (Date.now() - alive > options.leaseSeconds * 1_000)', 'if (false)']],
  // MaxCompute: a later attempt bars the session of an earlier one.
  'connectors/maxcompute/dist/fence.js': [
    ['session.blocks.some((block) => block.id === FENCE_BLOCK)', 'false'],
    [
      'export async function fenceOff(http, earlier, signal) {',
      'export async function fenceOff(http, earlier, signal) { return;',
    ],
  ],
  // MySQL: a later attempt ends the connections of an earlier one, takes its tables away, and counts in sampan_run.
  'connectors/mysql/dist/fence.js': [
    ['async function evict(link, database, lease, attempt, until) {', 'async function evict() { return;'],
    [
      'if (run !== null && run.attempt > lease.attempt)\n            throw fenced(lease, run.attempt);\n        return { link, run };',
      'return { link, run };',
    ],
  ],
  'connectors/mysql/dist/staging.js': [
    ['{lease.attempt}', '{0}'],
    [
      'export async function adoptStaging(link, lease, sealedOwn) {',
      'export async function adoptStaging(link, lease, sealedOwn) { return;',
    ],
  ],
  'connectors/mysql/dist/publish.js': [
    ["if (run?.state === 'committed')", 'if (false)'],
    ['if (run === null || run.attempt !== lease.attempt)', 'if (false)'],
  ],
  'connectors/mysql/dist/target.js': [["run.state === 'open' && (await publish(", 'true && (await publish(']],
};

/**
 * A copy of the built server in which the fence is switched off. There is no such switch in Sampan: the copy is for
 * showing that the checker would find what the fence prevents.
 * @returns its server program @throws Error where the built files are not as this knows them
 */
export function buildUnfenced(folder: string): string {
  for (const name of readdirSync(join(ROOT, 'node_modules/@sampan'))) {
    const from = realpathSync(join(ROOT, 'node_modules/@sampan', name));
    const place = relative(ROOT, from);
    cpSync(from, join(folder, place), {
      recursive: true,
      filter: (path) => !['node_modules', 'src', 'test'].includes(basename(path)),
    });
    link(join(folder, place), join(folder, 'node_modules/@sampan', name));
  }
  for (const name of readdirSync(join(ROOT, 'node_modules')))
    if (name !== '@sampan' && !name.startsWith('.'))
      link(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  cpSync(join(ROOT, 'migrations'), join(folder, 'migrations'), { recursive: true });
  for (const [file, changes] of Object.entries(CHANGES)) {
    let text = readFileSync(join(folder, file), 'utf8');
    for (const [found, instead] of changes) {
      if (text.split(found).length !== 2)
        throw new Error(`${file} has changed: chaos-unfenced.ts does not find "${found}".`);
      text = text.replace(found, () => instead);
    }
    writeFileSync(join(folder, file), text);
  }
  return join(folder, 'server/app/dist/main.js');
}

function link(target: string, path: string): void {
  mkdirSync(join(path, '..'), { recursive: true });
  symlinkSync(target, path);
}
