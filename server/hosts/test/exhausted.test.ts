import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const POOL = fileURLToPath(new URL('../dist/pool.js', import.meta.url));

/** A server in miniature, which holds all its file descriptors for a while. */
const SERVER = `
  import { closeSync, openSync } from 'node:fs';
  import { createHostPool } from ${JSON.stringify(POOL)};
  const pool = createHostPool({ network: { deny: [], allowLoopback: true } });
  const tell = async (when) => {
    const ask = () => pool.ask('info', { module: '/nowhere/' + when + '.js' });
    const end = { workspace: 'w', connector: 'c', module: '/nowhere/r.js', options: {} };
    const run = async () => pool.run({ spec: {}, source: end, target: end }, {}, { memoryMb: 128, cpu: 1 }).end;
    const told = await Promise.all([ask(), run()].map((one) => one.then((value) => value.failure?.code ?? value.end, (error) => error.kind + ' ' + error.code)));
    console.log(when, told.join(', '));
  };
  await tell('before');
  const held = [];
  try { for (;;) held.push(openSync('/dev/null')); } catch {}
  await tell('without');
  await tell('still');
  for (const one of held) closeSync(one);
  await tell('after');
  await pool.close();
`;

it('without a file descriptor left, what needs a process fails by itself, and the server lives', () => {
  const script = ['-c', 'ulimit -n 400; exec "$0" --input-type=module -e "$1"', process.execPath, SERVER];
  const told = execFileSync('sh', script, { encoding: 'utf8', timeout: 60_000 });
  const usual = 'bug BROKEN_CONNECTOR, BROKEN_CONNECTOR';
  // The first call may find the spare process that was started in time.
  expect(told.trim().split('\n')).toEqual([
    `before ${usual}`,
    expect.stringMatching(
      /^without bug BROKEN_CONNECTOR, busy HOST_NOT_STARTED$|^without busy HOST_NOT_STARTED, busy HOST_NOT_STARTED$/,
    ),
    'still busy HOST_NOT_STARTED, busy HOST_NOT_STARTED',
    `after ${usual}`,
  ]);
}, 90_000);
