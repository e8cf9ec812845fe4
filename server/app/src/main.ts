import { cpus, totalmem } from 'node:os';
import { readConfig } from './config.ts';
import { type SampanServer, startServer } from './start.ts';
import { StartError } from './start-error.ts';

async function main(): Promise<void> {
  const config = readConfig(process.env, {
    cores: cpus().length,
    memoryMb: Math.floor(totalmem() / 1024 / 1024),
    terminal: process.stderr.isTTY === true,
  });
  let server: SampanServer | null = null;
  let stopping = false;
  const stop = () => {
    // A second signal does not wait.
    if (stopping) process.exit(130);
    stopping = true;
    void server?.close().then(() => process.exit(0));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  server = await startServer(config);
  if (stopping) {
    // Asked to leave while it was starting: what it started is stopped in order.
    await server.close();
    process.exit(0);
  }
  if (server.url !== '') process.stdout.write(`listening ${server.url}\n`);
}

main().catch((error: unknown) => {
  if (error instanceof StartError) process.stderr.write(`${error.message}\n${error.hint}\n`);
  else process.stderr.write(`Sampan could not start: ${(error as Error).stack}\n`);
  process.exit(1);
});
