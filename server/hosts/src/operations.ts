import { pathToFileURL } from 'node:url';
import { type Connector, ConnectorError, cellText, type OpenContext, type Session } from '@sampan/connector';
import { type RunStore, runAttempt } from '@sampan/engine';
import type { End, Operation, Operations, Preview } from './messages.ts';

export interface Surroundings {
  context: OpenContext;
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
    const { name, title, config, open } = await load(module);
    const session = await tryOpen(open);
    return {
      name,
      title,
      schema: config.schema,
      secrets: [...config.secrets],
      endpoint: [...config.endpoint],
      roles: session.roles,
      writeModes: session.writeModes,
    };
  },
  async parse({ end }) {
    return (await load(end.module)).config.parse(end.options) as { [key: string]: never };
  },
  check: ({ end }, around) => withSession(end, around, (session) => gather(session.check(around.signal), 100)),
  objects: ({ end, query, limit }, around) =>
    withSession(end, around, (session) => gather(session.objects(query, around.signal), limit)),
  describe: ({ end, object }, around) => withSession(end, around, (session) => session.describe(object, around.signal)),
  preview: ({ end, object, rows }, around) =>
    withSession(end, around, (session) => preview(session, object, rows, around)),
  prepare: ({ end, load: wanted }, around) =>
    withSession(end, around, (session) => targetOf(session).prepare(wanted, around.signal)),
  run: ({ spec, source, target }, around) =>
    withSession(source, around, (from) =>
      withSession(target, around, (to) =>
        runAttempt({ spec, source: from, target: to, store: around.store, signal: around.signal }),
      ),
    ),
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
    throw broken(`it cannot be loaded: ${(error as Error).message}`, error);
  }
  const connector = found.default;
  if (connector === undefined || connector === null || typeof connector !== 'object')
    throw broken('its module has no default export');
  if (connector.api !== 1)
    throw broken(`it is written for version ${String(connector.api)} of the contract, this server has 1`);
  if (typeof connector.name !== 'string' || !/^[a-z][a-z0-9-]*$/.test(connector.name))
    throw broken('its name is not lower-case letters, digits and hyphens');
  if (typeof connector.open !== 'function' || typeof connector.config?.parse !== 'function')
    throw broken('it has no open or no config');
  return connector as Connector;
}

const broken = (why: string, cause?: unknown) =>
  new ConnectorError({
    kind: 'bug',
    code: 'BROKEN_CONNECTOR',
    message: `The connector is broken: ${why}.`,
    hint: 'Install a version that works with this server.',
    cause,
  });

/** A session knows its roles without reaching anything: opening is lazy. Options are whatever passes for some. */
async function tryOpen(open: Connector['open']): Promise<{ roles: ('SOURCE' | 'TARGET')[]; writeModes: string[] }> {
  const nothing: OpenContext = {
    dial: () => Promise.reject(broken('it reaches for the network while it is opened')),
    log: () => {},
    statement: () => {},
  };
  const session = await open(new Proxy({}, { get: (_, name) => (typeof name === 'string' ? '' : undefined) }), nothing);
  const roles: ('SOURCE' | 'TARGET')[] = [];
  if (session.source !== undefined) roles.push('SOURCE');
  if (session.target !== undefined) roles.push('TARGET');
  const writeModes = [...(session.target?.traits.modes ?? [])];
  await session[Symbol.asyncDispose]();
  return { roles, writeModes };
}

async function withSession<T>(end: End, around: Surroundings, work: (session: Session) => Promise<T>): Promise<T> {
  const connector = await load(end.module);
  const session = await connector.open(connector.config.parse(end.options), around.context);
  try {
    return await work(session);
  } finally {
    await session[Symbol.asyncDispose]();
  }
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
