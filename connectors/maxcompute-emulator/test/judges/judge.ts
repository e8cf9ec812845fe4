import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/** What an SDK says went wrong: the name of its class, and the service's code. */
export class JudgeError extends Error {
  readonly error: string;
  readonly code: string | null;
  constructor({ error, code, message }: { error: string; code: string | null; message: string }) {
    super(`${error} ${code ?? ''}: ${message}`);
    this.error = error;
    this.code = code;
  }
}

/** One process that holds an official SDK; calls are answered in their order. */
export interface Judge {
  /** @throws JudgeError */
  call<T = null>(name: string, args?: unknown[], how?: { [name: string]: unknown }): Promise<T>;
  stop(): void;
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

export const pythonJudge = (python: string): Judge => startJudge(python, ['-u', here('judge.py')]);

/** The launcher compiles the one file by itself. */
export const javaJudge = (classPath: string): Judge =>
  startJudge('java', ['-Dfile.encoding=UTF-8', '-Duser.timezone=UTC', '-cp', classPath, here('java/Judge.java')]);

function startJudge(command: string, args: string[]): Judge {
  const child: ChildProcessByStdio<Writable, Readable, Readable> = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PYTHONIOENCODING: 'utf-8', TZ: 'UTC' },
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4_000);
  });
  const waiting: { resolve(value: never): void; reject(error: Error): void }[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith('answer ')) return;
    const answer = JSON.parse(line.slice(7));
    const one = waiting.shift();
    if (answer.ok) one?.resolve(answer.value as never);
    else one?.reject(new JudgeError(answer));
  });
  child.once('exit', (code) => {
    for (const one of waiting.splice(0)) one.reject(new Error(`the judge ended (${code}): ${said}`));
  });
  return {
    call: (name, args = [], how = {}) =>
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        child.stdin.write(`${JSON.stringify({ do: name, with: args, how })}\n`);
      }),
    stop: () => void child.kill(),
  };
}
