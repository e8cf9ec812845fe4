import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { type Connector, ConnectorError, cellText, type OpenContext, type Session, toFailure } from '@sampan/connector';
import { type RunStore, runAttempt } from '@sampan/engine';
import { broken } from './failures.ts';
import type { End, Operation, Operations, Preview } from './messages.ts';

export interface Surroundings {
  context: OpenContext;
  /** Told the secret values among the options that are opened. */
  secret(values: string[]): void;
  store: RunStore;
  signal: AbortSignal;
}

type Runner<O extends Operation> = (
  ask: Operations[O]['ask'],
  around: Surroundings,
) => Promise<Operations[O]['answer']>;

/** What a host can do, by name. */
export const operations: { [O in Operation]: Runner<O> } = {
  async info({ module }) {
    const { name, title, roles, writeModes, config } = await load(module);
    return {
      name,
      title,
      schema: config.schema,
      secrets: [...config.secrets],
      endpoint: [...config.endpoint],
      roles: [...roles],
      writeModes: [...writeModes],
    };
  },
  async parse({ end }, around) {
    const connector = await load(end.module);
    around.secret(secretsOf(connector, end.options));
    return connector.config.parse(end.options) as { [key: string]: never };
  },
  check: ({ end }, around) => withSession(end, around, (session) => gather(session.check(around.signal), 100)),
  objects: ({ end, query, limit }, around) =>
    withSession(end, around, (session) => gather(session.objects(query, around.signal), limit)),
  describe: ({ end, object }, around) => withSession(end, around, (session) => session.describe(object, around.signal)),
  preview: ({ end, object, rows }, around) =>
    withSession(end, around, (session) => preview(session, object, rows, around)),
  prepare: ({ end, load: wanted }, around) =>
    withSession(end, around, (session) => targetOf(session).prepare(wanted, around.signal)),
  // Always an end: what comes out as an error is taken for the end of the process.
  run: ({ spec, source, target }, around) =>
    withSession(source, around, (from) =>
      withSession(target, around, (to) =>
        runAttempt({ spec, source: from, target: to, store: around.store, signal: around.signal }),
      ),
    ).catch((error: unknown) => ({ end: 'failed', failure: toFailure(error) })),
  async abort({ end, handle, lease }, around) {
    return withSession(end, around, async (session) => {
      await targetOf(session).abort(handle, lease);
      return null;
    });
  },
  async forget({ end, handle, lease }, around) {
    return withSession(end, around, async (session) => {
      await targetOf(session).forget?.(handle, lease);
      return null;
    });
  },
};

/** A plugin's module, looked at before it is believed. @throws ConnectorError `BROKEN_CONNECTOR` */
async function load(module: string): Promise<Connector> {
  let found: { default?: Partial<Connector> };
  try {
    found = (await import(pathToFileURL(module).href)) as typeof found;
  } catch (error) {
    throw broken(`it cannot be loaded: ${error instanceof Error ? error.message : String(error)}`, error);
  }
  const connector = found.default;
  if (connector === undefined || connector === null || typeof connector !== 'object')
    throw broken('its module has no default export');
  if (connector.api !== 1)
    throw broken(`it is written for version ${String(connector.api)} of the contract, this server has 1`);
  if (typeof connector.name !== 'string' || !/^[a-z][a-z0-9-]*$/.test(connector.name))
    throw broken('its name is not lower-case letters, digits and hyphens');
  const { config, open } = connector;
  if (typeof open !== 'function' || typeof config?.parse !== 'function') throw broken('it has no open or no config');
  if (!Array.isArray(config.secrets) || !config.secrets.every((path) => typeof path === 'string'))
    throw broken('its config does not say which options are secret');
  if (!Array.isArray(connector.roles) || !Array.isArray(connector.writeModes))
    throw broken('it does not say its roles or its write modes');
  if (!Array.isArray(config.endpoint)) throw broken('its config does not say which options are its endpoint');
  return connector as Connector;
}

async function withSession<T>(end: End, around: Surroundings, work: (session: Session) => Promise<T>): Promise<T> {
  const connector = await load(end.module);
  around.secret(secretsOf(connector, end.options));
  const session = await connector.open(connector.config.parse(end.options), around.context);
  if (typeof session?.[Symbol.asyncDispose] !== 'function') throw broken('what it opens is no session');
  try {
    return await work(session);
  } finally {
    await letGo(session, around.context);
  }
}

/** A session that fails or hangs while it is closed changes nothing of what the work has come to. */
async function letGo(session: Session, { log }: OpenContext): Promise<void> {
  const late = pause(LET_GO_MS, 'it took too long', { ref: false });
  const why = await Promise.race([late, session[Symbol.asyncDispose]()]).catch((error: unknown) => String(error));
  if (why) log('warn', `A connection was not closed cleanly: ${why}`);
}

/** Values of the options that the connector calls secret. */
function secretsOf(connector: Connector, options: End['options']): string[] {
  return [...connector.config.secrets].flatMap((path) => {
    let value: unknown = options;
    for (const part of path.split('.'))
      value = typeof value === 'object' && value !== null && Object.hasOwn(value, part) ? value[part as never] : null;
    return typeof value === 'string' && value !== '' ? [value] : [];
  });
}

async function gather<T>(items: AsyncIterable<T>, limit: number): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) {
    found.push(item);
    if (found.length >= limit) break;
  }
  return found;
}

function targetOf(session: Session) {
  if (session.target !== undefined) return session.target;
  throw new ConnectorError({
    kind: 'config',
    code: 'WRONG_ROLE',
    message: 'This connector cannot be a target.',
    hint: 'Choose another data source.',
  });
}

/** What law 4 gives a connector to free what it holds. */
const LET_GO_MS = 5_000;
const PREVIEW_CHARS = 500;

async function preview(session: Session, object: string, most: number, { signal }: Surroundings): Promise<Preview> {
  const { source } = session;
  if (source === undefined)
    throw new ConnectorError({
      kind: 'config',
      code: 'WRONG_ROLE',
      message: 'This connector cannot be read.',
      hint: 'Choose another data source.',
    });
  const { fields } = await session.describe(object, signal);
  const columns = fields.map((field) => field.name);
  const plan = await source.plan(
    { object, columns, where: null, splitKey: null, splits: 1, maxBytes: null, fetchSize: most, options: {} },
    signal,
  );
  const rows: (string | null)[][] = [];
  for (const split of plan.splits) {
    if (rows.length >= most) break;
    for await (const batch of source.read(split, null, signal)) {
      for (let row = 0; row < batch.rows && rows.length < most; row++) {
        rows.push(
          batch.columns.map((column, at) =>
            shortened(
              batch.rare.find((rare) => rare.row === row && rare.column === at)?.text ??
                cellText(column, batch.fields[at].type, row),
            ),
          ),
        );
      }
      batch.release();
      if (rows.length >= most) break;
    }
  }
  return { fields, rows };
}

const shortened = (text: string | null) =>
  text === null || text.length <= PREVIEW_CHARS ? text : `${text.slice(0, PREVIEW_CHARS)}…`;
