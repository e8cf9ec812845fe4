import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { aptInstall } from './apt.ts';

/** The official Python SDK and what it needs for Arrow and for nanoseconds. */
const PACKAGES = ['pyodps==0.13.2', 'pyarrow==26.0.1', 'pandas==3.1.1', 'numpy==2.4.6'];
const INSTALL_MS = 240_000;

export const PYODPS_VERSION = PACKAGES[0];

/** A Python that can make virtual environments, and is new enough for the packages. */
function pythonHere(): string | null {
  const good = 'import sys, venv, ensurepip; sys.exit(0 if sys.version_info >= (3, 11) else 1)';
  for (const python of ['python3', '/usr/bin/python3']) {
    try {
      execFileSync(python, ['-c', good], { stdio: 'ignore' });
      return python;
    } catch {
      // The next one.
    }
  }
  return null;
}

/**
 * Python with pyodps, in a virtual environment that is made at the first call and kept in the user's cache. Null, told on
 * standard error, where it cannot be had: no Python 3.11 and no right to install one, or no package index.
 */
export async function pythonWithPyodps(): Promise<string | null> {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const folder = join(cache, 'sampan', PACKAGES.join('-').replaceAll('==', '-'));
  const python = join(folder, 'bin/python');
  const ready = join(folder, 'ready');
  if (existsSync(ready)) return python;
  try {
    if (pythonHere() === null) aptInstall(['python3-venv']);
    const base = pythonHere();
    if (base === null) throw new Error('there is no Python 3.11 or later');
    process.stderr.write(`Installing ${PACKAGES.join(', ')} into ${folder}…\n`);
    const run = promisify(execFile);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await run(base, ['-m', 'venv', folder], { timeout: INSTALL_MS });
    const quiet = ['--quiet', '--no-input', '--disable-pip-version-check', '--only-binary', ':all:'];
    await run(python, ['-m', 'pip', 'install', ...quiet, ...PACKAGES], { timeout: INSTALL_MS });
    await run(python, ['-c', 'import odps, pyarrow, pandas'], { timeout: INSTALL_MS });
    await writeFile(ready, '');
    return python;
  } catch (error) {
    process.stderr.write(`pyodps cannot be installed: ${(error as Error).message.slice(0, 500)}\n`);
    return null;
  }
}
