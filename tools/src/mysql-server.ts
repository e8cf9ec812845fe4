import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import mysql from 'mysql2/promise';
import { aptInstall } from './apt.ts';

export type Flavor = 'mysql' | 'mariadb';

/** A MySQL-protocol server of our own, in a folder of its own. */
export interface MysqlServer {
  host: string;
  port: number;
  user: string;
  password: string;
  flavor: Flavor;
  version: string;
  /** The text client that goes with it, or null where there is none. */
  client: string | null;
  /** A connection of the plain driver, to the database named. */
  connect(database?: string): Promise<mysql.Connection>;
  /** kill -9. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** Stops it and removes its folder. */
  stop(): Promise<void>;
}

interface Binary {
  flavor: Flavor;
  /** Command and leading arguments of the server, and of its text client. */
  server: string[];
  client: string[] | null;
  /** Where it was unpacked, for a server that is not installed. */
  root: string | null;
}

export interface StartMysql {
  /** Which kind; `any`: the first that is there. */
  flavor?: Flavor | 'any';
  /** More server settings, as `name=value`. */
  settings?: string[];
}

const PATHS = [
  '/usr/sbin',
  '/usr/local/sbin',
  '/usr/bin',
  '/usr/local/bin',
  '/opt/homebrew/bin',
  '/usr/local/mysql/bin',
];

/** Where a program lies, or null. */
export const findProgram = (name: string): string | null =>
  [...PATHS, ...(process.env.PATH ?? '').split(':')].map((path) => join(path, name)).find(existsSync) ?? null;

/** MySQL itself unpacked somewhere (MYSQL_SERVER_ROOT), run with the C library that it was unpacked with. */
function unpacked(root: string): Binary {
  const libraries = join(root, 'usr/lib/x86_64-linux-gnu');
  const own = [
    join(libraries, 'ld-linux-x86-64.so.2'),
    '--library-path',
    [libraries, join(root, 'usr/lib/mysql/private'), join(root, 'usr/lib')].join(':'),
  ];
  return { flavor: 'mysql', server: [...own, join(root, 'usr/sbin/mysqld')], client: null, root };
}

/** A server program on this machine, or null. */
export function findMysql(flavor: Flavor | 'any'): Binary | null {
  const root = process.env.MYSQL_SERVER_ROOT;
  if (flavor === 'mysql' && root !== undefined && existsSync(join(root, 'usr/sbin/mysqld'))) return unpacked(root);
  const mariadb = findProgram('mariadbd');
  const mysqld = findProgram('mysqld');
  const client = findProgram('mariadb') ?? findProgram('mysql');
  if (flavor !== 'mysql' && mariadb !== null)
    return { flavor: 'mariadb', server: [mariadb], client: client === null ? null : [client], root: null };
  if (flavor !== 'mariadb' && mysqld !== null && !/mariadb/i.test(versionOf([mysqld])))
    return { flavor: 'mysql', server: [mysqld], client: client === null ? null : [client], root: null };
  return null;
}

const versionOf = (server: string[]) =>
  execFileSync(server[0], [...server.slice(1), '--no-defaults', '--version'], { encoding: 'utf8' }).trim();

/**
 * Starts a private server: found on the machine, else installed through apt where that is possible (its system service
 * is not started). @throws Error with the command that helps
 */
export async function startMysql(options: StartMysql = {}): Promise<MysqlServer> {
  const flavor = options.flavor ?? 'any';
  let binary = findMysql(flavor);
  if (binary === null && flavor !== 'mysql') {
    aptInstall(['mariadb-server', 'mariadb-client']);
    binary = findMysql(flavor);
  }
  if (binary === null)
    throw new Error(
      'No MySQL server was found on this machine. Install one, for example with "apt-get install mariadb-server", or name a running one in MYSQL_URL.',
    );
  const folder = await mkdtemp(join(tmpdir(), 'sampan-mysql-'));
  try {
    return await startIn(folder, binary, options.settings ?? []);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function startIn(folder: string, binary: Binary, settings: string[]): Promise<MysqlServer> {
  const port = await freePort();
  const data = join(folder, 'data');
  const config = join(folder, 'my.cnf');
  const password = randomBytes(12).toString('hex');
  await mkdir(data);
  await mkdir(join(folder, 'tmp'));
  await writeFile(config, configText(folder, port, binary, settings));
  if (process.getuid?.() === 0) {
    // The server refuses to run as root unless told; it runs as root only inside a folder that others cannot enter.
    await chmod(folder, 0o700);
    await chown(folder, 0, 0);
  }
  initialise(binary, config, data);
  await writeFile(join(folder, 'init.sql'), initSql(password));
  const state: { child: ChildProcess | null } = { child: null };
  const start = async () => {
    state.child = spawn(binary.server[0], [...binary.server.slice(1), `--defaults-file=${config}`], {
      stdio: 'ignore',
    });
    await answers(port, password, state.child, join(folder, 'error.log'));
  };
  const end = async (signal: NodeJS.Signals) => {
    const child = state.child;
    state.child = null;
    if (child === null || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await gone;
    clearTimeout(timer);
  };
  await start();
  const connect = (database?: string) =>
    mysql.createConnection({
      host: '127.0.0.1',
      port,
      user: 'sampan',
      password,
      charset: 'UTF8MB4_BIN',
      multipleStatements: true,
      ...(database === undefined ? {} : { database }),
    });
  return {
    host: '127.0.0.1',
    port,
    user: 'sampan',
    password,
    flavor: binary.flavor,
    version: versionOf(binary.server).replace(/^.*?Ver /, ''),
    client: binary.client?.[0] ?? findProgram('mariadb') ?? findProgram('mysql'),
    connect,
    kill: () => end('SIGKILL'),
    restart: start,
    stop: async () => {
      await end('SIGTERM');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configText(folder: string, port: number, binary: Binary, settings: string[]): string {
  const lines = [
    '[mysqld]',
    ...(process.getuid?.() === 0 ? ['user=root'] : []),
    `datadir=${join(folder, 'data')}`,
    `port=${port}`,
    'bind-address=127.0.0.1',
    `socket=${join(folder, 's.sock')}`,
    `pid-file=${join(folder, 'server.pid')}`,
    `log-error=${join(folder, 'error.log')}`,
    `init-file=${join(folder, 'init.sql')}`,
    // A server that starts removes temporary files of others that share the folder.
    `tmpdir=${join(folder, 'tmp')}`,
    'character-set-server=utf8mb4',
    'local_infile=1',
    'max_allowed_packet=256M',
    'innodb_buffer_pool_size=256M',
    'skip-log-bin',
    'skip-name-resolve',
    'secure_file_priv=',
    ...settings,
  ];
  if (binary.flavor === 'mysql') lines.push('mysqlx=OFF');
  if (binary.root !== null) {
    lines.push(
      `basedir=${binary.root}/usr`,
      `lc_messages_dir=${binary.root}/usr/share/mysql`,
      `character-sets-dir=${binary.root}/usr/share/mysql/charsets`,
      `plugin_dir=${binary.root}/usr/lib/mysql/plugin`,
    );
  }
  return `${lines.join('\n')}\n`;
}

const initSql = (password: string) =>
  `CREATE USER IF NOT EXISTS 'sampan'@'%' IDENTIFIED BY '${password}';\nGRANT ALL ON *.* TO 'sampan'@'%' WITH GRANT OPTION;\n`;

function initialise(binary: Binary, config: string, data: string): void {
  if (binary.flavor === 'mariadb') {
    const install = findProgram('mariadb-install-db') ?? findProgram('mysql_install_db');
    if (install === null) throw new Error('mariadb-install-db is missing: install the package mariadb-server whole.');
    execFileSync(
      install,
      [
        '--no-defaults',
        `--datadir=${data}`,
        // A server that begins removes what others have in the same folder for temporary tables.
        `--tmpdir=${join(dirname(data), 'tmp')}`,
        '--auth-root-authentication-method=normal',
        '--skip-test-db',
        ...(process.getuid?.() === 0 ? ['--user=root'] : []),
      ],
      { stdio: 'pipe' },
    );
    return;
  }
  const folder = dirname(config);
  execFileSync('sh', ['-c', `: > '${join(folder, 'init.sql')}'`]);
  const withoutInit = join(folder, 'initialise.cnf');
  execFileSync('sh', ['-c', `grep -v '^init-file' '${config}' > '${withoutInit}'`]);
  execFileSync(
    binary.server[0],
    [...binary.server.slice(1), `--defaults-file=${withoutInit}`, '--initialize-insecure'],
    { stdio: 'pipe' },
  );
}

async function answers(port: number, password: string, child: ChildProcess, log: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      const connection = await mysql.createConnection({ host: '127.0.0.1', port, user: 'sampan', password });
      await connection.end();
      return;
    } catch (error) {
      if (child.exitCode === null && Date.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        continue;
      }
      const tail = await readFile(log, 'utf8').catch(() => '');
      throw new Error(
        `The MySQL server did not start: ${(error as Error).message}\n${tail.split('\n').slice(-10).join('\n')}`,
      );
    }
  }
}

/** A port nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
