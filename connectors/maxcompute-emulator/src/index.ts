import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { DuckDBInstance } from '@duckdb/node-api';
import { openDownloads } from './downloads.ts';
import { openDuck } from './duck.ts';
import { createFaults, type Faults } from './faults.ts';
import { openInstances } from './instances.ts';
import { openResultFiles } from './result-files.ts';
import type { Services } from './routes.ts';
import { createHttpServer } from './server.ts';
import { openSessions } from './sessions.ts';
import { openStorage, SESSION_MS, type Storage } from './storage.ts';
import { openStreams } from './streams.ts';
import { openUploads } from './uploads.ts';
import { openUpsertSessions } from './upsert-sessions.ts';
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
  /** The project there is, or all that there are (default `demo`). */
  project?: string | readonly string[];
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
  const names = projectNames(options.project ?? 'demo');
  const duck = await openDuck(join(data, names[0], 'spill'));
  const projects = await openProjects(names, duck, options);
  const all = [...projects.values()];
  const faults = createFaults();
  const http = createHttpServer({
    projects,
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
  const sweepAll = async () => {
    for (const one of all) await sweep(one, SESSION_MS);
  };
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
      for (const { instances, upserts } of all) await Promise.all([instances.close(), upserts.close()]);
      duck.closeSync();
    },
  };
}

function projectNames(given: string | readonly string[]): string[] {
  const names = [...new Set((typeof given === 'string' ? [given] : given).map((name) => name.toLowerCase()))];
  const bad = names.find((name) => !/^[a-z][a-z0-9_]{0,127}$/.test(name));
  if (bad !== undefined || names.length === 0)
    throw new TypeError(`"${bad ?? ''}" is not a name for a project: a letter, then letters, digits and _.`);
  return names;
}

async function openProjects(
  names: readonly string[],
  duck: DuckDBInstance,
  { data, blocks, sqlDelayMs = 0, commitDelayMs = 0 }: EmulatorOptions,
): Promise<Map<string, Services>> {
  const storages = new Map<string, Storage>();
  const projects = new Map<string, Services>();
  for (const name of names) storages.set(name, await openStorage(data, name, storages));
  for (const [name, storage] of storages) {
    const sessions = await openSessions(storage);
    const upsertSessions = await openUpsertSessions(storage);
    const services: Services = {
      storage,
      sessions,
      upsertSessions,
      uploads: openUploads(storage, sessions, blocks),
      downloads: openDownloads(storage, duck, await openResultFiles(storage, duck)),
      instances: openInstances(storage, duck, sqlDelayMs),
      streams: openStreams(storage),
      upserts: openUpserts(storage, upsertSessions, duck, commitDelayMs),
    };
    await sweep(services, 0);
    projects.set(name, services);
  }
  return projects;
}

/** Removes expired sessions, and the block files that neither a session nor a table names. */
async function sweep({ storage, sessions, upsertSessions }: Services, youngerMs: number): Promise<void> {
  await sessions.forget(false);
  await upsertSessions.forget(false);
  const named = (await sessions.list()).flatMap((session) => session.blocks.map(({ block }) => block.file));
  const packs = (await upsertSessions.list()).flatMap((session) => session.packs.map(({ file }) => file));
  await storage.sweep(new Set([...named, ...packs]), youngerMs);
}
