import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { startEmulator } from '@sampan/maxcompute-emulator';
import { createClient } from '@sampan/sdk';
import { afterAll, expect, it, vi } from 'vitest';
import { fillSample } from '../src/demo-sample.ts';
import { findProgram, startMysql } from '../src/mysql-server.ts';
import { makeFolder, startSampan } from '../src/servers.ts';

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

/** The commands of a section's first block, as a reader would paste them. */
function pasted(section: string): string {
  const block = README.split(`## ${section}\n`)[1]?.split('```sh\n')[1]?.split('```')[0];
  if (block === undefined) throw new Error(`README.md has no commands under "${section}"`);
  return block;
}

/** Puts a reader's own values in; each must be there to be replaced. */
function filledIn(commands: string, values: [string, string][]): string {
  return values.reduce((text, [from, to]) => {
    expect(text).toContain(from);
    return text.replaceAll(from, to);
  }, commands);
}

const undo: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const step of undo.reverse()) await step();
});

const why = findProgram('curl') && findProgram('jq') ? '' : ' (skipped: no curl or jq on this machine)';

it.skipIf(why !== '')(
  `the walk through the main job works when it is pasted${why}`,
  async () => {
    const folder = await makeFolder('readme');
    undo.push(() => folder.remove());
    const mysql = await startMysql();
    undo.push(() => mysql.stop());
    const filler = await mysql.connect();
    await fillSample(filler, 100);
    await filler.end();
    const emulator = await startEmulator({ data: `${folder.path}/maxcompute` });
    undo.push(() => emulator.close());
    const server = await startSampan(`${folder.path}/data`);
    undo.push(() => server.stop());
    const commands = filledIn(pasted('The main job over GraphQL'), [
      ['http://127.0.0.1:4000', server.url],
      ['.sampan/admin.token', server.tokenFile],
      ['http://127.0.0.1:8088/api', emulator.endpoint],
      ['user: "me"', `port: ${mysql.port}, user: "${mysql.user}"`],
      ['password: "secret"', `password: "${mysql.password}"`],
    ]);
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', commands]);
    const [online, run, list] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).data);
    expect(online.onlineTasks.outcomes).toMatchObject([{ task: { state: 'ONLINE', nextRuns: [{}] } }]);
    expect(run.runTask.instance.id).toEqual(expect.any(String));
    expect(list.instances.nodes).toHaveLength(1);
    const client = createClient({ url: server.url, token: server.token });
    undo.push(() => client.close());
    type Seen = { instances: { nodes: { state: string; progress: { rowsWritten: string } }[] } };
    await vi.waitFor(
      async () => {
        const { instances } = await client.request<Seen>(
          'query { instances(first: 5) { nodes { state progress { rowsWritten } } } }',
        );
        expect(instances.nodes).toEqual([{ state: 'SUCCEEDED', progress: { rowsWritten: '100' } }]);
      },
      { timeout: 30_000, interval: 100 },
    );
  },
  120_000,
);
