#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { startEmulator } from './index.ts';

const USAGE = `A local MaxCompute.
  --port N          where to listen (default 8088; 0: any free one)
  --host ADDRESS    default 127.0.0.1
  --data DIR        default .maxcompute
  --project NAME    default demo
  --access-id ID    default demo
  --key KEY         default demo
`;

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8088' },
    host: { type: 'string', default: '127.0.0.1' },
    data: { type: 'string', default: '.maxcompute' },
    project: { type: 'string', default: 'demo' },
    'access-id': { type: 'string', default: 'demo' },
    key: { type: 'string', default: 'demo' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  process.stdout.write(USAGE);
} else {
  const { port, host, data, project, key } = values;
  try {
    const emulator = await startEmulator({
      data,
      host,
      port: Number(port),
      project,
      accessId: values['access-id'],
      accessKey: key,
    });
    process.stdout.write(`listening ${emulator.endpoint}\n`);
    const stop = () => void emulator.close().then(() => process.exit(0));
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
  } catch (error) {
    process.stderr.write(`The emulator could not start: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
