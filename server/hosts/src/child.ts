import { Socket } from 'node:net';
import { type Failure, fromFailure, type Json, type OpenContext, toFailure } from '@sampan/connector';
import type { LogLine, RunStore } from '@sampan/engine';
import { post, receive } from './channel.ts';
import { createDialler } from './dialler.ts';
import { broken, plainText } from './failures.ts';
import type { FromChild, ToChild } from './messages.ts';
import { operations } from './operations.ts';
import { createRecorder } from './recorder.ts';
import { createStriker } from './striker.ts';
import { becomeUser } from './users.ts';

const PARENT_FD = 3;
const pipe = new Socket({ fd: PARENT_FD, readable: true, writable: true });
const send = (message: FromChild) => post(pipe, message);

let stopping = new AbortController();
const calls = new Map<number, { resolve(value: Json): void; reject(error: Error): void }>();
let nextCall = 1;

/** The run-store on the parent's side, by messages. */
const store = new Proxy({} as RunStore, {
  get:
    (_, method: string) =>
    (...args: Json[]) =>
      new Promise((resolve, reject) => {
        const id = nextCall++;
        send({ type: 'store', id, method: method as keyof RunStore, args });
        calls.set(id, { resolve, reject });
      }),
});

function settled(id: number, value: Json, failure: Failure | null): void {
  const call = calls.get(id);
  calls.delete(id);
  if (failure === null) call?.resolve(value);
  else call?.reject(fromFailure(failure));
}

async function perform({ operation, ask, network }: Extract<ToChild, { type: 'ask' }>): Promise<void> {
  stopping = new AbortController();
  const recorder = createRecorder(operation === 'run' ? store : null);
  const { strike, strikeWords, secret } = createStriker();
  const context: OpenContext = {
    dial: createDialler(network),
    log: (level, text, fields) =>
      recorder.line({
        at: new Date().toISOString(),
        level,
        message: strike(String(text)),
        fields: strike((fields ?? null) as LogLine['fields']),
      }),
    statement: (sql, millis, rows) =>
      recorder.statement({ at: new Date().toISOString(), side: 'READER', sql: strike(String(sql)), millis, rows }),
  };
  const run = operations[operation] as unknown as (ask: Json, around: object) => Promise<Json>;
  let answer: FromChild;
  try {
    const value = (await run(ask, { context, store, secret, signal: stopping.signal })) ?? null;
    const words = operation === 'check' || operation === 'run';
    answer = { type: 'answer', value: words ? strikeWords(value) : value, failure: null };
  } catch (error) {
    answer = { type: 'answer', value: null, failure: strikeWords(toFailure(error) as never) };
  }
  await recorder.end();
  try {
    send(answer);
  } catch (error) {
    const why = `its answer to "${operation}" is not plain JSON (${plainText((error as Error).message, 200)})`;
    send({ type: 'answer', value: null, failure: toFailure(broken(why)) });
  }
}

// What a connector leaves unhandled ends its process: nobody knows in what state it is. One line tells what it was.
process.on('uncaughtException', (error: unknown) => {
  const told = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  process.stderr.write(`${told}\n`, () => process.exit(70));
});

// Without its parent nobody may act on what it does: it ends at once, and what it had open or had started with it.
const leave = () => process.kill(-process.pid, 'SIGKILL');
pipe.on('error', () => {});
receive(pipe, (received) => {
  const message = received as ToChild;
  if (message.type === 'ask') {
    if (message.user !== null) becomeUser(message.user);
    void perform(message);
  } else if (message.type === 'stored') settled(message.id, message.value, message.failure);
  else stopping.abort(new Error(message.reason));
}).then(leave, leave);
