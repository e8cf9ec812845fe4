import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Failure, isConnectorError, type Json, toFailure } from '@sampan/connector';
import type { End, RunSpec, RunStore } from '../src/messages.ts';

/** A plugin folder that the test fills with real packages. */
export interface PluginFolder {
  path: string;
  /** A package with that text as its module; gives the module's path. */
  add(name: string, module: string, manifest?: object): string;
  remove(): void;
}

export function makePlugins(): PluginFolder {
  const path = mkdtempSync(join(tmpdir(), 'sampan-plugins-'));
  return {
    path,
    add(name, module, manifest = { sampan: { connector: './index.js', api: 1 } }) {
      mkdirSync(join(path, name));
      writeFileSync(
        join(path, name, 'package.json'),
        JSON.stringify({ name, version: '1.2.3', type: 'module', ...manifest }),
      );
      writeFileSync(join(path, name, 'index.js'), module);
      return join(path, name, 'index.js');
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** A connector that does everything right, but for what the parts put in the place of its session's methods. */
export const connector = (parts = '', head = '', name = 'probe') => `${head}
const config = {
  schema: { type: 'object' }, secrets: ['password', 'ssl.key'], endpoint: ['host'],
  parse(options) {
    if (options === null || typeof options !== 'object') throw new Error('options are an object');
    return { ...options };
  },
};
const open = (options, context) => ({
  async *check() { yield { step: 'login', ok: true, millis: 1, message: 'fine', hint: null }; },
  async *objects() { yield { name: 'orders', kind: 'TABLE', rowEstimate: 3, byteEstimate: null }; },
  async describe(object) {
    return { object, kind: 'TABLE', fields: [], partitionFields: [], keys: [], rowEstimate: null, byteEstimate: null };
  },
  async [Symbol.asyncDispose]() {},
  ${parts}
});
export default { api: 1, name: '${name}', title: 'A probe', roles: ['SOURCE'], writeModes: [], config, open };
`;

/** Text of a connector that tells as the name of its object whatever the expression gives. */
export const telling = (expression: string) =>
  connector(
    `async *objects() { yield { name: String(${expression}), kind: 'TABLE', rowEstimate: null, byteEstimate: null }; },`,
  );

export const endOf = (module: string, options: { [key: string]: Json } = {}, workspace = 'w1'): End => ({
  workspace,
  connector: 'probe',
  module,
  options,
});

/** What the work was refused with. */
export async function failureOf(work: Promise<unknown>): Promise<Failure> {
  try {
    await work;
  } catch (error) {
    if (!isConnectorError(error)) throw error;
    return toFailure(error);
  }
  throw new Error('it was not refused');
}

/** Waits until something holds. */
export async function until(what: string, holds: () => boolean, limitMs = 10_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** True while the process runs; a zombie does not. */
export function runs(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

export const spec: RunSpec = {
  instance: 'i',
  attempt: 1,
  source: { object: 'from', where: null, splitKey: null, splits: 1, fetchSize: null, options: {} },
  target: {
    object: 'to',
    create: true,
    ddl: null,
    mode: 'APPEND',
    keys: [],
    partition: [],
    preSql: [],
    postSql: [],
    publish: 'auto',
    options: {},
  },
  links: [{ target: 'id', column: 'id', constant: null, onLossy: 'REFUSE' }],
  options: {
    parallel: 1,
    memoryMb: 256,
    dirtyRows: 0,
    dirtyShare: null,
    rowsPerSecond: null,
    bytesPerSecond: null,
    reconciliation: 'COUNT',
    idleMs: 60_000,
    commitMs: 60_000,
  },
  splits: null,
  resume: null,
};

/** A run-store in memory; every call is noted. */
export function recordingStore(): { store: RunStore; calls: { method: string; args: Json[] }[] } {
  const calls: { method: string; args: Json[] }[] = [];
  const methods = [
    'phase',
    'saveHandle',
    'splitStarted',
    'saveReceipt',
    'dirty',
    'progress',
    'log',
    'statements',
    'reconciled',
    'committing',
    'savePlan',
  ]; // prettier-ignore
  const store = Object.fromEntries(
    methods.map((method) => [
      method,
      async (...args: Json[]) => {
        calls.push({ method, args });
        return method === 'savePlan' ? args[0] : undefined;
      },
    ]),
  ) as unknown as RunStore;
  return { store, calls };
}
