import { readFileSync } from 'node:fs';
import * as net from 'node:net';
import { format } from 'node:util';
import * as client from '@sampan/maxcompute';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { useEmulator } from './fixture.ts';

/** Each example of the client's README is run as it stands, in their order, but for the address of the service. */
const readme = readFileSync(new URL('../../maxcompute-client/README.md', import.meta.url), 'utf8');
const examples = readme
  .split(/^## /m)
  .slice(1)
  .flatMap((section) => {
    const heading = section.slice(0, section.indexOf('\n'));
    return [...section.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, code]) => ({ heading, code }));
  });

const MODULES: { [name: string]: object } = { '@sampan/maxcompute': client, 'node:net': net };
const AsyncFunction = (async () => {}).constructor as new (
  ...parts: string[]
) => (...values: unknown[]) => Promise<{ client?: client.Client }>;

/** What an example prints is what it says that it does. */
const PRINTED: { [heading: string]: string[] } = {
  'A table, some SQL': ["name: 'people'", 'people'],
  'Tables and statements': ['20260301', '0'],
  'Rows, the easy way': ['1n start', '2n null', 'start 1n'],
  'Rows as columns: out': ['1n Ada', '3n Eve', "name: 'Ada'"],
  Errors: ['missing ODPS-0130131'],
  'Which addresses are reached': ['demo'],
};

const bench = useEmulator();
const shared: { client?: client.Client } = {};
beforeAll(() => {
  for (const [name, value] of Object.entries({
    ALIBABA_CLOUD_ACCESS_KEY_ID: 'demo',
    ALIBABA_CLOUD_ACCESS_KEY_SECRET: 'demo',
    ODPS_ENDPOINT: bench.emulator.endpoint,
  }))
    vi.stubEnv(name, value);
});
afterAll(() => {
  shared.client?.close();
  vi.unstubAllEnvs();
});

async function run(code: string): Promise<string[]> {
  const printed: string[] = [];
  const body = code
    .replace(/^import (\{[^}]*\}) from '([^']+)';$/gm, "const $1 = modules['$2'];")
    .replaceAll('https://service.cn-hangzhou.maxcompute.aliyun.com/api', bench.emulator.endpoint)
    .replaceAll("'my_project'", "'demo'");
  const own = /^const client = /m.test(body);
  const sts = { assumeRole: async () => ({ id: 'demo', key: 'demo', token: 'demo', ends: Date.now() + 3_600_000 }) };
  const print = { log: (...values: unknown[]) => printed.push(format(...values)) };
  const names = ['modules', 'console', 'sts', ...(own ? [] : ['client'])];
  const example = new AsyncFunction(...names, `${body}\n${own ? 'return { client };' : 'return {};'}`);
  const made = await example(MODULES, print, sts, shared.client);
  if (made.client !== undefined) shared.client = made.client;
  return printed;
}

/** What the examples of each section printed. */
const told = new Map<string, string>();

describe("the client's README", () => {
  it('has examples', () => {
    expect(examples.length).toBeGreaterThan(8);
    expect(examples.map((one) => one.heading)).toEqual(expect.arrayContaining(Object.keys(PRINTED)));
  });

  it.each(examples)('$heading', async ({ heading, code }) => {
    told.set(heading, `${told.get(heading) ?? ''}${(await run(code)).join('\n')}\n`);
  });

  it.each(Object.entries(PRINTED))('prints what it says: %s', (heading, lines) => {
    for (const line of lines) expect(told.get(heading)).toContain(line);
  });

  it('names no file of the client that is not exported', () => {
    const below = /## Below the facade\n([\s\S]*?)\n## /.exec(readme)?.[1] ?? '';
    const names = [...below.matchAll(/`(\w+)`/g)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(5);
    expect(names.filter((name) => !(name in client))).toEqual([]);
  });
});
