import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createHostPool, type HostPool } from '@sampan/hosts/pool';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeFolder } from '../../../tools/src/servers.ts';
import { loadConnectors } from '../src/plugins.ts';

let pool: HostPool;
let folder: Awaited<ReturnType<typeof makeFolder>>;

const sound = (name: string) => `const config = { schema: {}, secrets: [], endpoint: [], parse: (options) => options };
export default { api: 1, name: '${name}', title: 'T', roles: ['SOURCE'], writeModes: [], config, open: () => ({ source: {}, async [Symbol.asyncDispose]() {} }) };`;

function plugin(name: string, text: string, api = 1): void {
  mkdirSync(join(folder.path, name));
  const manifest = { name, version: '1.0.0', type: 'module', sampan: { connector: './index.js', api } };
  writeFileSync(join(folder.path, name, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(folder.path, name, 'index.js'), text);
}

beforeAll(async () => {
  folder = await makeFolder('plugins');
  pool = createHostPool({ network: { deny: [], allowLoopback: true } });
});
afterAll(async () => {
  await pool.close();
  await folder.remove();
});

describe('connectors of a server', () => {
  it('work beside broken ones, which are listed with their reasons and take nobody his name', async () => {
    plugin('a-fruit', 'throw new Error("rotten")');
    plugin('apple', 'process.exit(1)');
    plugin('b-apple', sound('apple'));
    plugin('c-apple', sound('apple'));
    plugin('d-mysql', sound('mysql'));
    plugin('e-old', sound('old'), 2);
    const connectors = await loadConnectors(pool, [folder.path]);
    const listed = [...connectors].map(([key, { broken }]) => [key, broken]);
    const file = (name: string) => join(folder.path, name, 'index.js');
    expect(Object.fromEntries(listed)).toEqual({
      mysql: null,
      maxcompute: null,
      apple: null,
      [`apple (${file('c-apple')})`]: 'another connector is called "apple" already',
      [`mysql (${file('d-mysql')})`]: 'another connector is called "mysql" already',
      'a-fruit': 'The connector is broken: it cannot be loaded: rotten.',
      [`apple (${file('apple')})`]: 'The process of the connector ended by itself (exit code 1).',
      'e-old': 'it is written for version 2 of the contract, this server has 1',
    });
    expect(connectors.get('apple')?.module).toBe(file('b-apple'));
    expect(connectors.get('mysql')?.module).not.toContain(folder.path);
    expect(connectors.get('mysql')?.roles).toEqual(['SOURCE', 'TARGET']);
  });
});
