import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Batch,
  type ConnectorError,
  cellText,
  isConnectorError,
  type Json,
  type OpenContext,
  type Read,
  type Session,
} from '@sampan/connector';
import { Http, runSql } from '@sampan/maxcompute';
import { afterAll, beforeAll } from 'vitest';
import { type Emulator, type EmulatorOptions, startEmulator } from '../../maxcompute-emulator/src/index.ts';
import connector from '../src/index.ts';

export interface World {
  emulator: Emulator;
  folder: string;
  http: Http;
  /** Sockets that sessions have open. */
  sockets: Set<Socket>;
  /** What sessions logged as warnings. */
  warnings: string[];
  options(): { [name: string]: string };
  open(changes?: { [name: string]: string }): Session;
  /** Runs statements one after another. */
  sql(...statements: string[]): Promise<(string | null)[][]>;
}

/** An emulator with a folder of its own, for the tests of one file. */
export function useWorld(how: Partial<EmulatorOptions> = {}): World {
  const world = {} as World;
  beforeAll(async () => {
    world.folder = await mkdtemp(join(tmpdir(), 'connector-'));
    world.emulator = await startEmulator({ data: world.folder, ...how });
    world.http = new Http({ endpoint: world.emulator.endpoint, project: 'demo', accessId: 'demo', accessKey: 'demo' });
    world.sockets = new Set();
    world.warnings = [];
  });
  afterAll(async () => {
    world.http.close();
    await world.emulator.close();
    await rm(world.folder, { recursive: true, force: true });
  });
  world.options = () => ({
    endpoint: world.emulator.endpoint,
    project: 'demo',
    accessId: 'demo',
    accessKey: 'demo',
  });
  const context: OpenContext = {
    dial: (address) =>
      new Promise((resolve, reject) => {
        const socket = connect(address as never, () => resolve(socket));
        world.sockets.add(socket);
        socket.once('close', () => world.sockets.delete(socket));
        socket.once('error', reject);
      }),
    log: (level, message) => {
      if (level === 'warn') world.warnings.push(message);
    },
    statement: () => {},
  };
  world.open = (changes = {}) =>
    connector.open(connector.config.parse({ ...world.options(), ...changes }), context) as Session;
  world.sql = async (...statements) => {
    let rows: (string | null)[][] = [];
    for (const statement of statements)
      rows = (await runSql(world.http, statement, { settings: { 'odps.sql.allow.fullscan': 'true' } })).rows;
    return rows;
  };
  return world;
}

export const calm = (): AbortSignal => new AbortController().signal;

export const readOf = (object: string, columns: string[], changes: Partial<Read> = {}): Read => ({
  object,
  columns,
  where: null,
  splitKey: null,
  splits: null,
  maxBytes: null,
  fetchSize: null,
  options: {},
  ...changes,
});

/** The rows of a read as text, split by split, through JSON as a stored plan is. */
export async function rowsOf(session: Session, read: Read): Promise<(string | null)[][]> {
  const plan = await session.source!.plan(read, calm());
  const rows: (string | null)[][] = [];
  for (const split of JSON.parse(JSON.stringify(plan.splits)))
    for await (const batch of session.source!.read(split, null, calm())) rows.push(...textsOf(batch));
  return rows;
}

export const textsOf = (batch: Batch): (string | null)[][] =>
  Array.from({ length: batch.rows }, (_, row) =>
    batch.columns.map((column, index) => cellText(column, batch.fields[index].type, row)),
  );

/** The error that a piece of work ends in. */
export async function failureOf(work: Promise<unknown>): Promise<ConnectorError> {
  try {
    await work;
  } catch (error) {
    if (isConnectorError(error)) return error;
    throw new Error(`not a ConnectorError: ${String(error)}`, { cause: error });
  }
  throw new Error('it was not refused');
}

export const asJson = (value: unknown) => JSON.parse(JSON.stringify(value)) as Json;
