import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The MaxCompute emulator in a process of its own, as `npm run emulator` starts it. */
export interface EmulatorProcess {
  /** `http://127.0.0.1:PORT/api` */
  endpoint: string;
  /**
   * Processor seconds it has used, and the most memory that it ever had.
   * @throws Error where the system has no /proc to tell it
   */
  usage(): Promise<{ cpuSeconds: number; rssMb: number }>;
  stop(): Promise<void>;
}

/** Ticks of a second in /proc, the same on every Linux. */
const TICKS = 100;

export async function startEmulatorProcess(data: string): Promise<EmulatorProcess> {
  const main = fileURLToPath(new URL('../../connectors/maxcompute-emulator/dist/main.js', import.meta.url));
  const child = spawn(process.execPath, [main, '--port', '0', '--data', data], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const [line] = (await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended])) as [unknown];
  const endpoint = /^listening (\S+)/.exec(String(line))?.[1];
  if (endpoint === undefined) throw new Error('The emulator ended before it listened.');
  return {
    endpoint,
    async usage() {
      const read = (name: string) => readFile(`/proc/${child.pid}/${name}`, 'utf8');
      const [stat, status] = [await read('stat'), await read('status')];
      // Behind the name, which may hold anything, in brackets: user and system time are the 12th and 13th field.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const peak = /VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? '0';
      return {
        cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS,
        rssMb: Math.round(Number(peak) / 1_024),
      };
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
