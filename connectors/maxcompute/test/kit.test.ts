import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OpenContext } from '@sampan/connector';
import { configCases, targetCases } from '@sampan/connector/testing';
import { getTable, Http, runSql } from '@sampan/maxcompute';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { type Emulator, startEmulator } from '../../maxcompute-emulator/src/index.ts';
import connector from '../src/index.ts';

let folder: string;
let emulator: Emulator;
let http: Http;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kit-'));
  emulator = await startEmulator({ data: folder });
  http = new Http({ endpoint: emulator.endpoint, project: 'demo', accessId: 'demo', accessKey: 'demo' });
});
afterAll(async () => {
  http.close();
  await emulator.close();
  await rm(folder, { recursive: true, force: true });
});

const options = () => ({ endpoint: emulator.endpoint, project: 'demo', accessId: 'demo', accessKey: 'demo' });
const context: OpenContext = {
  dial: (address) =>
    new Promise((resolve, reject) => {
      const socket = connect(address as never, () => resolve(socket));
      socket.once('error', reject);
    }),
  log: () => {},
  statement: () => {},
};

const cases = targetCases({
  open: async () => connector.open(connector.config.parse(options()), context),
  // SQL of the system itself: the answer is text, and nothing of the record stream has touched it.
  read: async (object) =>
    (await getTable(http, object)) === undefined
      ? []
      : (await runSql(http, `SELECT id, v FROM ${object}`)).rows.map(([id, v]) => `${id}|${v ?? '~'}`),
});

describe('the contract, as a target', () => {
  for (const { law, name, run } of cases.filter((one) => one.law !== 9)) it(`law ${law}: ${name}`, run, 60_000);
  it.skip('law 9 (skipped: the tunnel knows no attempts; the stored transition to COMMITTING stands in for a fence)', () => {});
});

describe('the contract, options', () => {
  const good = { endpoint: 'http://127.0.0.1:1/api', project: 'p', accessId: 'a', accessKey: 'k' };
  for (const { law, name, run } of configCases(connector as never, good, [
    'endpoint',
    'project',
    'accessId',
    'accessKey',
  ]))
    it(`law ${law}: ${name}`, run);
});
