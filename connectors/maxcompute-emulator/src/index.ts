import type { AddressInfo } from 'node:net';
import { openDownloads } from './downloads.ts';
import { createFaults, type Faults } from './faults.ts';
import { openInstances } from './instances.ts';
import { openDuck } from './parquet.ts';
import { createHttpServer } from './server.ts';
import { openStorage } from './storage.ts';
import { openUploads } from './uploads.ts';

export type { Fault, FaultKind, Faults, Operation } from './faults.ts';
export { tableFiles } from './storage.ts';

export interface EmulatorOptions {
  /** Folder for the data; made where it is missing. */
  data: string;
  host?: string;
  /** 0 or absent: any free one. */
  port?: number;
  project?: string;
  accessId?: string;
  accessKey?: string;
  /** How far its clock is ahead, in milliseconds. */
  skewMs?: number;
}

export interface Emulator {
  /** `http://127.0.0.1:PORT/api` */
  endpoint: string;
  port: number;
  faults: Faults;
  close(): Promise<void>;
}

/** Starts a MaxCompute of your own. Everything committed is on disk before it is acknowledged. */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const storage = await openStorage(options.data, (options.project ?? 'demo').toLowerCase());
  const duck = await openDuck();
  const faults = createFaults();
  const server = createHttpServer({
    storage,
    uploads: await openUploads(storage, duck),
    downloads: openDownloads(storage, duck),
    instances: openInstances(storage, duck),
    faults,
    keys: { accessId: options.accessId ?? 'demo', accessKey: options.accessKey ?? 'demo' },
    skewMs: options.skewMs ?? 0,
    recent: [],
  });
  const host = options.host ?? '127.0.0.1';
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://${host.includes(':') ? `[${host}]` : host}:${port}/api`,
    port,
    faults,
    close: async () => {
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
      duck.closeSync();
    },
  };
}
