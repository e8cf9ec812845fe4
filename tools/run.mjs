// What the scripts in package.json call, on a clone in which nothing was installed yet: installs what is missing,
// builds what changed, and runs the command in the foreground. Only the command itself writes to standard output.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { patchPostgres } from './patch-postgres.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [command, ...args] = process.argv.slice(2);

const ENTRIES = {
  demo: 'tools/dist/demo.js',
  start: 'server/app/dist/main.js',
  bench: 'tools/dist/bench.js',
  chaos: 'tools/dist/chaos.js',
  emulator: 'connectors/maxcompute-emulator/dist/main.js',
  test: 'tools/dist/test.js',
  check: 'tools/dist/check.js',
};

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19))
  fail(`Node ${process.versions.node} is too old: Sampan needs 20.19 or later.`);
if (ENTRIES[command] === undefined) fail(`usage: node tools/run.mjs ${Object.keys(ENTRIES).join('|')} [arguments]`);

/** Runs a step whose output is for people. */
function step(program, stepArgs) {
  const { status, error } = spawnSync(program, stepArgs, { cwd: root, stdio: ['ignore', 2, 2] });
  if (error) fail(`${program} could not be run: ${error.message}`);
  if (status !== 0) fail(`"${program} ${stepArgs.join(' ')}" failed.`);
}

const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const lock = join(root, 'package-lock.json');
const stamp = join(root, 'node_modules', '.installed');
// The lockfile's own text, not its date: a checkout makes every file new.
const installed = existsSync(stamp) && readFileSync(stamp, 'utf8') === readFileSync(lock, 'utf8');
if (!installed) {
  process.stderr.write('Installing packages…\n');
  rmSync(stamp, { force: true });
  step(npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  writeFileSync(stamp, readFileSync(lock, 'utf8'));
}

// Also where packages were installed without their scripts.
patchPostgres(root);

/** The compiler looks only at what changed, but even that takes a second that a demo need not wait for twice. */
step(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b']);

const entry = join(root, ENTRIES[command]);
if (!existsSync(entry) || !statSync(entry).isFile()) fail(`${ENTRIES[command]} is not there: the build is not whole.`);
mkdirSync(join(root, 'node_modules'), { recursive: true });

const child = spawn(process.execPath, [entry, ...args], {
  cwd: root,
  stdio: 'inherit',
  // A terminal sends Ctrl-C to all of a group at once; in a group of its own the command gets it once, from here.
  detached: process.platform !== 'win32' && !process.stdin.isTTY,
  env: { ...process.env, BUILD_ENDED_AT: String(Date.now()) },
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (!(signal === 'SIGINT' && process.stdin.isTTY)) child.kill(signal);
  });
}
child.once('error', (error) => fail(`${entry} could not be run: ${error.message}`));
child.once('exit', (code, signal) =>
  process.exit(code ?? (signal === 'SIGINT' ? 130 : signal === 'SIGTERM' ? 143 : 1)),
);
