import { cpus, totalmem } from 'node:os';
import { readConfig } from './config.ts';
import { startServer } from './start.ts';
import { StartError } from './start-error.ts';

async function main(): Promise<void> {
  const config = readConfig(process.env, {
    cores: cpus().length,
    memoryMb: Math.floor(totalmem() / 1024 / 1024),
    terminal: process.stderr.isTTY === true,
  });
  const server = await startServer(config);
  if (server.url !== '') process.stdout.write(`listening ${server.url}\n`);
  let stopping = false;
  const stop = () => {
    // A second signal does not wait.
    if (stopping) process.exit(130);
    stopping = true;
    void server.close().then(() => process.exit(0));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}

main().catch((error: unknown) => {
  if (error instanceof StartError) process.stderr.write(`${error.message}\n${error.hint}\n`);
  else process.stderr.write(`Sampan could not start: ${(error as Error).stack}\n`);
  process.exit(1);
});
