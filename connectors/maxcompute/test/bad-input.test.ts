import { readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { batchOf, type Cell, type CheckResult, type Load, type LogicalType, type Session } from '@sampan/connector';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { calm, failureOf, readOf, useWorld } from './fixture.ts';

const world = useWorld();
const KEY = 'a-secret-that-nobody-may-see';
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Something that is no MaxCompute. */
async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`;
}

/** A port at which nobody listens. */
async function deadEndpoint(): Promise<string> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}/api`;
}

async function failedCheck(session: Session): Promise<CheckResult> {
  const results: CheckResult[] = [];
  for await (const one of session.check(calm())) results.push(one);
  const last = results.at(-1)!;
  expect(last.ok).toBe(false);
  return last;
}

const field = (name: string, type: LogicalType) => ({ name, type, native: '', nullable: true, generated: false });

const loadOf = (object: string, fields: Load['fields'], changes: Partial<Load> = {}): Load => ({
  object,
  create: true,
  ddl: null,
  fields,
  keys: [],
  mode: 'OVERWRITE',
  partition: [],
  preSql: [],
  postSql: [],
  publish: 'auto',
  options: {},
  ...changes,
});

beforeAll(async () => {
  await world.sql('CREATE TABLE kept (id BIGINT, v STRING)', "INSERT INTO kept VALUES (1L, 'before')");
});

describe('a data source that is right', () => {
  it('is told step by step', async () => {
    const results: CheckResult[] = [];
    for await (const one of world.open().check(calm())) results.push(one);
    expect(results.map(({ step, ok }) => [step, ok])).toEqual(
      ['dns', 'tcp', 'tls', 'login', 'clock', 'privileges'].map((step) => [step, true]),
    );
    expect(results.find(({ step }) => step === 'clock')).toMatchObject({
      message: expect.stringMatching(/differs by -?[01] s/),
      hint: null,
    });
  });
});

describe('a data source that is wrong', () => {
  /** Everything that a run, the editor and the test of a connection would ask. */
  const everything = (session: Session) => [
    session.describe('kept', calm()),
    (async () => {
      for await (const _ of session.objects({ search: null }, calm())) throw new Error('an object');
    })(),
    session.source!.plan(readOf('kept', ['id']), calm()),
    session.target!.prepare(loadOf('kept', [field('id', { kind: 'int64' })]), calm()),
    session.target!.begin(
      loadOf('kept', [field('id', { kind: 'int64' })]),
      { instance: 'i', attempt: 1 },
      null,
      calm(),
    ),
  ];

  it.each([
    ['a key', { accessKey: KEY }, 'auth', 'ODPS_0410042', 'login'],
    ['an access id', { accessId: 'nobody' }, 'auth', 'ODPS_0410051', 'login'],
    ['a project', { project: 'elsewhere' }, 'missing', 'NO_SUCH_PROJECT', 'login'],
  ])(
    '%s: said so wherever it is asked, with what to do, and nothing is written',
    async (_, changes, kind, code, step) => {
      const session = world.open(changes as { [name: string]: string });
      for (const work of everything(session)) {
        const failure = await failureOf(work);
        expect(failure).toMatchObject({ kind, code });
        expect(failure.hint).toBeTruthy();
        expect(`${failure.message} ${failure.stack} ${JSON.stringify(failure)}`).not.toContain(KEY);
      }
      const check = await failedCheck(session);
      expect(check).toMatchObject({ step, hint: expect.stringMatching(/./) });
      expect(JSON.stringify(check)).not.toContain(KEY);
      expect(await world.sql('SELECT * FROM kept')).toEqual([['1', 'before']]);
    },
  );

  it.each<[string, RequestListener]>([
    [
      'a web page',
      (_, response) => response.setHeader('content-type', 'text/html').end('<html><body>Hello</body></html>'),
    ],
    ['another API', (_, response) => response.setHeader('content-type', 'application/json').end('{"status":"up"}')],
    ['nothing at all', (_, response) => response.end()],
    ['refusals of its own', (_, response) => response.writeHead(403).end('Forbidden by the proxy')],
  ])('an endpoint that answers with %s is told as such', async (_, answer) => {
    const session = world.open({ endpoint: await serve(answer) });
    const failure = await failureOf(session.describe('kept', calm()));
    expect(['config', 'auth']).toContain(failure.kind);
    expect(failure.hint).toBeTruthy();
    const check = await failedCheck(session);
    expect(check.step).toBe('login');
    expect(check.hint).toBeTruthy();
  });

  it('a certificate that nobody trusts is refused before a key is shown', async () => {
    const pem = readFileSync(new URL('self-signed.pem', import.meta.url));
    const asked: string[] = [];
    const server = createHttpsServer({ cert: pem, key: pem }, (request, response) => {
      asked.push(String(request.headers.authorization));
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => new Promise((resolve) => server.close(() => resolve())));
    const session = world.open({ endpoint: `https://127.0.0.1:${(server.address() as AddressInfo).port}/api` });
    const failure = await failureOf(session.describe('kept', calm()));
    expect(failure).toMatchObject({ kind: 'config', code: 'CERTIFICATE_REFUSED' });
    expect(failure.hint).toBeTruthy();
    expect((await failedCheck(session)).step).toBe('tls');
    expect(asked).toEqual([]);
  });

  it('an endpoint that is not there', async () => {
    const session = world.open({ endpoint: await deadEndpoint() });
    const failure = await failureOf(session.describe('kept', calm()));
    expect(failure.kind).toBe('busy');
    expect((await failedCheck(session)).step).toBe('tcp');
  }, 60_000);

  it('a tunnel that is something else', async () => {
    const tunnelEndpoint = (await serve((_, response) => response.end('<html>'))).replace('/api', '');
    const session = world.open({ tunnelEndpoint });
    const failure = await failureOf(session.source!.plan(readOf('kept', ['id']), calm()));
    expect(failure).toMatchObject({ kind: 'config', code: 'UNREADABLE_ANSWER' });
    expect(failure.hint).toContain('tunnel endpoint');
    const away = world.open({ tunnelEndpoint: (await deadEndpoint()).replace('/api', '') });
    const results: CheckResult[] = [];
    for await (const one of away.check(calm())) results.push(one);
    expect(results.map(({ ok }) => ok)).toEqual([true, true, true, true, true, false]);
    expect(results.at(-1)).toMatchObject({ step: 'tcp' });
  });
});

describe('a load that is wrong', () => {
  it('a table, a column, a view that is not there or not to be written', async () => {
    const session = world.open();
    const prepared = (object: string, fields: Load['fields'], changes: Partial<Load> = {}) =>
      failureOf(session.target!.prepare(loadOf(object, fields, { create: false, ...changes }), calm()));
    const id = field('id', { kind: 'int64' });
    expect(await prepared('nothing', [id])).toMatchObject({ kind: 'missing', code: 'TABLE_NOT_FOUND' });
    expect(await prepared('kept', [id, field('nope', { kind: 'utf8' })])).toMatchObject({
      kind: 'missing',
      code: 'COLUMN_NOT_FOUND',
    });
    expect(await prepared('kept', [id], { options: { lifeCycle: 3 } })).toMatchObject({ code: 'BAD_OPTION' });
    expect(await prepared('kept', [id], { publish: 'swap' })).toMatchObject({ code: 'PUBLISH_UNAVAILABLE' });
    const many = Array.from({ length: 1_201 }, (_, at) => field(`c${at}`, { kind: 'int8' }));
    expect(await prepared('wide', many, { create: true })).toMatchObject({ code: 'TOO_MANY_COLUMNS' });
  });

  it('a statement before the load that fails ends it, with its own code, and nothing is published', async () => {
    const session = world.open();
    const load = loadOf('kept', [field('id', { kind: 'int64' })], { preSql: ['TRUNCATE TABLE nowhere'] });
    const failure = await failureOf(session.target!.begin(load, { instance: 'pre', attempt: 1 }, null, calm()));
    expect(failure).toMatchObject({ kind: 'missing', code: 'ODPS_0130131' });
    expect(await world.sql('SELECT * FROM kept')).toEqual([['1', 'before']]);
  });

  it('a column that goes while it is written', async () => {
    await world.sql('CREATE TABLE shrinking (id BIGINT, v STRING)');
    const session = world.open();
    const lease = { instance: 'shrinking', attempt: 1 };
    const load = loadOf('shrinking', [field('id', { kind: 'int64' }), field('v', { kind: 'utf8' })]);
    const { handle } = await session.target!.begin(load, lease, null, calm());
    const forged = { ...(handle as object), columns: ['id', 'gone'] };
    expect(await failureOf(session.target!.writer(forged as never, { split: 0 }, lease, calm()))).toMatchObject({
      kind: 'missing',
      code: 'COLUMN_GONE',
    });
  });
});

describe('values that MaxCompute does not hold', () => {
  const MICROS = 1_000_000n;

  it('are dirty, each with its column and reason; all others arrive', async () => {
    const session = world.open();
    const lease = { instance: 'values', attempt: 1 };
    const fields = [
      field('id', { kind: 'int64' }),
      field('day', { kind: 'date' }),
      field('at', { kind: 'timestamp', digits: 6 }),
      field('wall', { kind: 'datetime', digits: 6 }),
      field('text', { kind: 'utf8' }),
      field('bytes', { kind: 'binary' }),
    ];
    const load = loadOf('values', fields);
    const wanted = (await session.target!.prepare(load, calm())).fields;
    const { handle } = await session.target!.begin(load, lease, null, calm());
    const [first, last] = [-62_135_596_800n * MICROS, 253_402_300_799n * MICROS + 999_999n];
    const good: Cell[] = [0n, 0, 0n, 0n, '', new Uint8Array(0)];
    const but = (at: number, value: Cell) => good.map((cell, place) => (place === at ? value : cell));
    const most = 8 * 1024 * 1024;
    const rows = [
      but(1, -719_162),
      but(0, -(2n ** 63n)),
      but(1, -719_163),
      but(1, 2_932_897),
      but(2, first - 1n),
      but(2, last + 1n),
      but(3, first - 1n),
      but(3, last + 1n),
      but(3, -(2n ** 63n)),
      but(4, 'x'.repeat(most + 1)),
      but(5, new Uint8Array(most + 1)),
      but(4, 'x'.repeat(most)),
      but(2, first),
      but(3, last),
      but(1, 2_932_896),
      good.map(() => null),
    ];
    const writer = await session.target!.writer(handle, { split: 0 }, lease, calm());
    const dirty = (await writer.write(batchOf(wanted, rows))) ?? [];
    const receipt = await writer.seal();
    await writer[Symbol.asyncDispose]();
    expect(dirty.map(({ row, column }) => [row, column])).toEqual([
      [1, 'id'],
      [2, 'day'],
      [3, 'day'],
      [4, 'at'],
      [5, 'at'],
      [6, 'wall'],
      [7, 'wall'],
      [8, 'wall'],
      [9, 'text'],
      [10, 'bytes'],
    ]);
    expect(dirty.every(({ reason }) => reason.length > 10)).toBe(true);
    expect(receipt.rows).toBe(6);
    await session.target!.commit(handle, [receipt], lease, calm());
    const [counts] = await world.sql(
      'SELECT COUNT(1), COUNT(id), MIN(day), MAX(day), MIN(at), MAX(wall), MAX(LENGTH(text)) FROM values',
    );
    expect(counts).toEqual([
      '6',
      '5',
      '0001-01-01',
      '9999-12-31',
      '0001-01-01 00:00:00',
      '9999-12-31 23:59:59.999999',
      String(most),
    ]);
  });
});
