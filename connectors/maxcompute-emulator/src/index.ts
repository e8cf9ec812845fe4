import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { openDownloads } from './downloads.ts';
import { openDuck } from './duck.ts';
import { createFaults, type Faults } from './faults.ts';
import { openInstances } from './instances.ts';
import { openResultFiles } from './result-files.ts';
import { createHttpServer } from './server.ts';
import { openSessions, type Sessions } from './sessions.ts';
import { openStorage, SESSION_MS, type Storage } from './storage.ts';
import { openStreams } from './streams.ts';
import { openUploads } from './uploads.ts';
import { openUpsertSessions, type UpsertSessions } from './upsert-sessions.ts';
import { openUpserts } from './upserts.ts';

export type { Fault, FaultKind, Faults, Operation } from './faults.ts';
export type { Block, ColumnDefinition, Manifest, Partition } from './storage.ts';
export { tableFiles } from './storage.ts';

export interface EmulatorOptions {
  /** Folder for the data; made where it is missing. One emulator at a time may use it. */
  data: string;
  /** Default 127.0.0.1. */
  host?: string;
  /** 0 or absent: any free one. */
  port?: number;
  /** The one project there is (default `demo`). */
  project?: string;
  /** Default `demo`. */
  accessId?: string;
  /** Default `demo`. */
  accessKey?: string;
  /** Opens `/__faults`, unsigned, for tests in other processes. The object `faults` works without it. */
  faults?: boolean;
  /** How many tunnel requests may run at a time before 429 (default: no limit). */
  slots?: number;
  /** How many blocks a table may be sent in five minutes before 429 (default: no limit; the service has 500). */
  blocks?: number;
  /** How long a statement stays `Running` at least, in milliseconds (default 0). */
  sqlDelayMs?: number;
  /** How long the commit of an upsert session is `committing` at least, in milliseconds (default 0). */
  commitDelayMs?: number;
  /** How far its clock is ahead, in milliseconds. */
  skewMs?: number;
}

export interface Emulator {
  /** `http://127.0.0.1:PORT` */
  url: string;
  /** `http://127.0.0.1:PORT/api` */
  endpoint: string;
  port: number;
  /** Faults to come, for tests. */
  faults: Faults;
  close(): Promise<void>;
}

const SWEEP_MS = 3_600_000;

/**
 * Starts a MaxCompute of your own. Everything committed is on disk before it is acknowledged.
 * @throws Error where the port is taken or the folder cannot be written
 */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const { data, host = '127.0.0.1', port = 0, accessId = 'demo', accessKey = 'demo' } = options;
  const project = (options.project ?? 'demo').toLowerCase();
  if (!/^[a-z][a-z0-9_]{0,127}$/.test(project))
    throw new TypeError(`"${project}" is not a name for a project: a letter, then letters, digits and _.`);
  const storage = await openStorage(data, project);
  const sessions = await openSessions(storage);
  const upsertSessions = await openUpsertSessions(storage);
  await sweep(storage, sessions, upsertSessions, 0);
  const duck = await openDuck(join(data, project, 'spill'));
  const instances = openInstances(storage, duck, options.sqlDelayMs ?? 0);
  const upserts = openUpserts(storage, upsertSessions, duck, options.commitDelayMs ?? 0);
  const faults = createFaults();
  const http = createHttpServer({
    storage,
    sessions,
    upsertSessions,
    uploads: openUploads(storage, sessions, options.blocks),
    downloads: openDownloads(storage, duck, await openResultFiles(storage, duck)),
    instances,
    streams: openStreams(storage),
    upserts,
    faults,
    openFaults: options.faults ?? false,
    keys: { accessId, accessKey },
    skewMs: options.skewMs ?? 0,
    slots: options.slots ?? Number.POSITIVE_INFINITY,
  });
  await new Promise<void>((resolve, reject) => {
    http.server.once('error', reject);
    http.server.listen(port, host, resolve);
  });
  // Blocks that were replaced stay for those who still read them.
  const sweepAll = () => sweep(storage, sessions, upsertSessions, SESSION_MS);
  const sweeping = setInterval(() => void sweepAll().catch(() => {}), SWEEP_MS).unref();
  const bound = (http.server.address() as AddressInfo).port;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
  return {
    url,
    endpoint: `${url}/api`,
    port: bound,
    faults,
    async close() {
      clearInterval(sweeping);
      await http.close();
      await instances.close();
      await upserts.close();
      duck.closeSync();
    },
  };
}

/** Removes expired sessions, and the block files that neither a session nor a table names. */
async function sweep(storage: Storage, sessions: Sessions, upserts: UpsertSessions, youngerMs: number): Promise<void> {
  await sessions.forget(false);
  await upserts.forget(false);
  const named = (await sessions.list()).flatMap((session) => session.blocks.map(({ block }) => block.file));
  const packs = (await upserts.list()).flatMap((session) => session.packs.map(({ file }) => file));
  await storage.sweep(new Set([...named, ...packs]), youngerMs);
}
