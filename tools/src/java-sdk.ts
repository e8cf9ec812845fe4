import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const FETCH_MS = 240_000;

/**
 * The class path of a Maven project, fetched at the first call and kept in the user's cache. Null, told on standard error,
 * where there is no JDK, no Maven or no repository: unlike the rest, a JDK is too large to be installed for tests alone.
 */
export async function classPathOf(pom: string, name: string): Promise<string | null> {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const file = join(cache, 'sampan', `${name}.classpath`);
  const run = promisify(execFile);
  try {
    await run('javac', ['-version']);
    if (!(await isThere(file))) {
      process.stderr.write(`Fetching ${name} with Maven…\n`);
      await mkdir(join(cache, 'sampan'), { recursive: true });
      const made = `${file}.${process.pid}`;
      const goal = ['dependency:build-classpath', `-Dmdep.outputFile=${made}`];
      await run('mvn', ['-q', '-B', '-f', pom, ...goal], { timeout: FETCH_MS });
      await rename(made, file);
    }
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    process.stderr.write(`${name} cannot be had: ${(error as Error).message.slice(0, 300)}\n`);
    return null;
  }
}

/** The jars lie in Maven's own folder, which may have been emptied since. */
async function isThere(file: string): Promise<boolean> {
  return existsSync(file) && (await readFile(file, 'utf8')).trim().split(':').every(existsSync);
}
