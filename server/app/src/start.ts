import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  adminToken,
  authenticate,
  type Control,
  failAbandonedOperations,
  firstStart,
  startClaiming,
  startEventHub,
  startScheduler,
  startWorker,
} from '@sampan/control';
import { createHostPool } from '@sampan/hosts/pool';
import pino, { type Logger } from 'pino';
import type { Config } from './config.ts';
import { openDatabase } from './database.ts';
import { readKeys } from './keys.ts';
import { networkPolicy } from './network.ts';
import { loadConnectors } from './plugins.ts';
import { startHttp } from './server.ts';
import { StartError } from './start-error.ts';

export interface SampanServer {
  url: string;
  /** Stops taking work, lets runs end for a while, then stops them for another worker. */
  close(): Promise<void>;
}

const DRAIN_MS = 20_000;

/** Starts the roles that are configured, in order; what was started is stopped again where a later step fails. @throws StartError */
export async function startServer(config: Config): Promise<SampanServer> {
  const log = createLog(config);
  const undo: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const step of undo.reverse())
      await step().catch((error: unknown) => log.warn({ err: error }, 'stopping was not clean'));
    undo.length = 0;
  };
  try {
    makeDirectory(config.data);
    const keys = readKeys(config);
    const database = await openDatabase({ databaseUrl: config.databaseUrl, data: config.data });
    undo.push(() => database.close());
    log.info(database.description);
    const hosts = createHostPool({
      network: networkPolicy(config, database.url),
      warn: (why) => log.warn(why),
    });
    undo.push(() => hosts.close());
    const control: Control = {
      db: database.db,
      sql: database.sql,
      hosts,
      log,
      connectors: await loadConnectors(hosts, config.plugins),
      keys,
    };
    for (const one of control.connectors.values())
      if (one.broken !== null) log.warn(`Connector ${one.name} cannot be used: ${one.broken}`);
    await writeAdminToken(control, config, log);
    await failAbandonedOperations(control);
    let url = '';
    if (config.roles.has('api')) {
      const hub = await startEventHub(control);
      undo.push(() => hub.stop());
      const http = await startHttp(control, hub, config);
      url = http.url;
      undo.push(() => http.close());
    }
    if (config.roles.has('scheduler')) {
      const scheduler = await startScheduler(control, database.url);
      undo.push(() => scheduler.stop());
    }
    if (config.roles.has('worker')) {
      const worker = startWorker(control, {
        leaseSeconds: config.leaseSeconds,
        idleSeconds: config.idleSeconds,
        maxRuns: config.maxRuns,
        memoryMb: config.runMemoryMb,
        cpu: config.runCpu,
      });
      const claiming = await startClaiming(control, worker);
      undo.push(() => worker.stop(DRAIN_MS));
      undo.push(() => claiming.stop());
    }
    const card = join(config.data, 'server.json');
    writeFileSync(card, `${JSON.stringify({ url, pid: process.pid })}\n`);
    undo.push(async () => rmSync(card, { force: true }));
    return { url, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function createLog(config: Config): Logger {
  // Everything goes to standard error: standard output is for what programs read.
  const redact = {
    paths: ['*.password', '*.accessKey', '*.securityToken', '*.secrets', '*.authorization'],
    censor: '***',
  };
  if (config.logFormat === 'json') return pino({ level: config.logLevel, redact }, pino.destination(2));
  return pino({
    level: config.logLevel,
    redact,
    transport: {
      target: 'pino-pretty',
      options: { destination: 2, translateTime: 'HH:MM:ss', ignore: 'pid,hostname' },
    },
  });
}

function makeDirectory(data: string): void {
  try {
    mkdirSync(data, { recursive: true });
    const probe = join(data, `.probe-${process.pid}`);
    writeFileSync(probe, '');
    rmSync(probe);
  } catch (error) {
    throw new StartError(
      'DATA_UNWRITABLE',
      `The data directory ${data} cannot be written (${(error as NodeJS.ErrnoException).code}).`,
      'Give the server a directory it may write: SAMPAN_DATA.',
    );
  }
}

/** One token for the first administrator, printed once and kept in a file that only its owner can read. */
async function writeAdminToken(control: Control, config: Config, log: Logger): Promise<void> {
  const file = config.adminTokenFile;
  const made = await firstStart(control);
  const kept = existsSync(file) ? readFileSync(file, 'utf8').trim() : null;
  if (made === null && kept !== null && (await authenticate(control, kept)) !== null) return;
  const token = made ?? (await adminToken(control));
  mkdirSync(dirname(file), { recursive: true });
  rmSync(file, { force: true });
  writeFileSync(file, `${token}\n`, { mode: 0o600 });
  log.info(`The administrator's token is in ${file}`);
  if (made !== null) process.stderr.write(`Administrator's token, shown this once: ${token}\n`);
}
