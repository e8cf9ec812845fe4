import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A Sampan server in a process of its own. */
export interface SampanProcess {
  url: string;
  token: string;
  tokenFile: string;
  data: string;
  pid: number;
  /** SIGTERM (or SIGINT), and waits for the end; its exit code. */
  stop(signal?: 'SIGTERM' | 'SIGINT'): Promise<number | null>;
  /** kill -9. */
  kill(): Promise<void>;
}

/** A new folder that others may pass through: the database runs as another user. */
export async function makeFolder(name: string): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), `sampan-${name}-`));
  await chmod(path, 0o711);
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

const MAIN = fileURLToPath(new URL('../../server/app/dist/main.js', import.meta.url));

/** Starts a server on any free port and waits until it listens. @throws Error with what it printed */
export async function startSampan(
  data: string,
  settings: { [name: string]: string } = {},
  main: string = MAIN,
): Promise<SampanProcess> {
  const env = {
    ...withoutSettings(process.env),
    SAMPAN_PORT: '0',
    SAMPAN_DATA: data,
    LOG_LEVEL: 'warn',
    LOG_FORMAT: 'json',
    ...settings,
  };
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-10_000);
    if (process.env.SHOW_SERVER_LOG) process.stderr.write(chunk);
  });
  const url = await listeningAt(child, () => said);
  const tokenFile = settings.SAMPAN_ADMIN_TOKEN_FILE ?? join(data, 'admin.token');
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const leave = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return ended;
  };
  return {
    url,
    token: (await readFile(tokenFile, 'utf8')).trim(),
    tokenFile,
    data,
    pid: child.pid as number,
    stop: (signal = 'SIGTERM') => leave(signal),
    kill: async () => void (await leave('SIGKILL')),
  };
}

/** The settings of whoever runs this are not the settings of a server for a test. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith('SAMPAN_') && name !== 'DATABASE_URL'),
  );
}

async function listeningAt(child: ChildProcess, said: () => string): Promise<string> {
  const lines = createInterface({ input: child.stdout! });
  return new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      const url = /^listening (\S+)/.exec(line)?.[1];
      if (url !== undefined) resolve(url);
    });
    child.once('exit', (code) => reject(new Error(`The server ended with exit code ${code}:\n${said()}`)));
    child.once('error', reject);
  });
}
