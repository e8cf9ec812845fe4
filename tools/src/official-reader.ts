import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The official Python SDK in a process of its own: no code of ours is between it and the service. */
export interface OfficialReader {
  /** Rows that a reader sees now; 0 where there is no such table. */
  count(table: string): Promise<number>;
  /** Reads all rows into a Parquet file. */
  read(table: string, path: string): Promise<number>;
  stop(): void;
}

/** @param python one that has pyodps, see `pythonWithPyodps` */
export function startOfficialReader(
  python: string,
  endpoint: string,
  project: string,
  key: { id: string; secret: string },
): OfficialReader {
  const script = fileURLToPath(new URL('../peers/pyodps-reader.py', import.meta.url));
  const child = spawn(python, ['-u', script, endpoint, project, key.id, key.secret], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, TZ: 'UTC' },
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2_000);
  });
  const waiting: { resolve(value: number): void; reject(error: Error): void }[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { value, error } = JSON.parse(line) as { value?: number; error?: string };
    const one = waiting.shift();
    if (value !== undefined) one?.resolve(value);
    else one?.reject(new Error(`pyodps: ${error}`));
  });
  child.once('exit', (code) => {
    for (const one of waiting.splice(0)) one.reject(new Error(`pyodps ended (${code}): ${said}`));
  });
  const ask = (question: { do: string; table: string; path?: string }) =>
    new Promise<number>((resolve, reject) => {
      waiting.push({ resolve, reject });
      child.stdin.write(`${JSON.stringify(question)}\n`);
    });
  return {
    count: (table) => ask({ do: 'count', table }),
    read: (table, path) => ask({ do: 'read', table, path }),
    stop: () => void child.kill(),
  };
}
