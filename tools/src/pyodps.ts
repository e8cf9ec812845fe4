import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { aptInstall } from './apt.ts';

/** The official Python SDK and what it needs for Arrow, for nanoseconds and for each compression. */
const PACKAGES = [
  'pyodps==0.13.2',
  'pyarrow==26.0.1',
  'pandas==3.1.1',
  'numpy==2.4.6',
  'lz4==4.4.5',
  'python-snappy==0.7.3',
  'zstandard==0.25.0',
];
const INSTALL_MS = 240_000;

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
  const versions = createHash('sha256').update(PACKAGES.join()).digest('hex').slice(0, 12);
  const folder = join(cache, 'sampan', `pyodps-${versions}`);
  const python = join(folder, 'bin/python');
  if (existsSync(python)) return python;
  // Made beside and renamed: what is there is whole, also where two processes make it at the same time.
  const made = `${folder}.${process.pid}`;
  try {
    if (pythonHere() === null) aptInstall(['python3-venv']);
    const base = pythonHere();
    if (base === null) throw new Error('there is no Python 3.11 or later');
    process.stderr.write(`Installing ${PACKAGES.join(', ')} into ${folder}…\n`);
    const run = promisify(execFile);
    await mkdir(made, { recursive: true });
    await run(base, ['-m', 'venv', made], { timeout: INSTALL_MS });
    const own = join(made, 'bin/python');
    const quiet = ['--quiet', '--no-input', '--disable-pip-version-check', '--only-binary', ':all:'];
    await run(own, ['-m', 'pip', 'install', ...quiet, ...PACKAGES], { timeout: INSTALL_MS });
    await run(own, ['-c', 'import odps, pyarrow, pandas, lz4.frame, snappy, zstandard'], { timeout: INSTALL_MS });
    await rename(made, folder).catch((error: Error) => {
      if (!existsSync(python)) throw error;
    });
    return python;
  } catch (error) {
    process.stderr.write(`pyodps cannot be installed: ${(error as Error).message.slice(0, 500)}\n`);
    return null;
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}
