#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { type EmulatorOptions, startEmulator } from './index.ts';

const USAGE = `A local MaxCompute.
  --port N          where to listen (default 8088; 0: any free one)
  --host ADDRESS    default 127.0.0.1
  --data DIR        default .maxcompute
  --project NAME    default demo; again for each further one
  --access-id ID    default demo
  --key KEY         default demo
  --slots N         tunnel requests at a time before 429 (default: no limit)
  --blocks N        blocks for one table in five minutes before 429 (default: no limit)
  --sql-delay MS    how long a statement stays Running at least (default 0)
  --commit-delay MS how long the commit of an upsert session takes at least (default 0)
  --faults          open /__faults, for tests of clients
`;

function readOptions(): EmulatorOptions | null {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '8088' },
      host: { type: 'string', default: '127.0.0.1' },
      data: { type: 'string', default: '.maxcompute' },
      project: { type: 'string', multiple: true, default: ['demo'] },
      'access-id': { type: 'string', default: 'demo' },
      key: { type: 'string', default: 'demo' },
      slots: { type: 'string' },
      blocks: { type: 'string' },
      'sql-delay': { type: 'string', default: '0' },
      'commit-delay': { type: 'string', default: '0' },
      faults: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  const { host, data, project, key, faults, slots, blocks } = values;
  return {
    host,
    data,
    project,
    accessId: values['access-id'],
    accessKey: key,
    faults,
    port: wholeNumber('--port', values.port, 65_535),
    sqlDelayMs: wholeNumber('--sql-delay', values['sql-delay'], 3_600_000),
    commitDelayMs: wholeNumber('--commit-delay', values['commit-delay'], 3_600_000),
    ...(blocks === undefined ? {} : { blocks: wholeNumber('--blocks', blocks, 1_000_000) }),
    ...(slots === undefined ? {} : { slots: wholeNumber('--slots', slots, 1_000_000) }),
  };
}

function wholeNumber(option: string, text: string, most: number): number {
  if (!/^\d+$/.test(text) || Number(text) > most) throw new TypeError(`${option} is a whole number, at most ${most}.`);
  return Number(text);
}

function read(): EmulatorOptions | null | undefined {
  try {
    return readOptions();
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}`);
    process.exitCode = 2;
    return undefined;
  }
}

const options = read();
if (options === null) process.stdout.write(USAGE);
else if (options !== undefined) {
  try {
    const emulator = await startEmulator(options);
    const stop = () => void emulator.close().then(() => process.exit(0));
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
    process.stdout.write(`listening ${emulator.endpoint}\n`);
  } catch (error) {
    process.stderr.write(`The emulator could not start: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
