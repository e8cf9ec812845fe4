import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A tunnel that sends what was sent to it (see `tunnel-replay.ts`), in a process of its own. */
export interface Replay {
  /** `http://127.0.0.1:PORT`: service and tunnel in one. */
  url: string;
  stop(): void;
}

export async function startReplay(columns: { name: string; type: string }[], rows: number): Promise<Replay> {
  const script = fileURLToPath(new URL('../dist/tunnel-replay.js', import.meta.url));
  const child = fork(script, [JSON.stringify(columns), String(rows)]);
  const [port] = (await once(child, 'message')) as [number];
  return { url: `http://127.0.0.1:${port}`, stop: () => child.disconnect() };
}
