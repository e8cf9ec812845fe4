import { type Failure, fromFailure, type Json, type OpenContext, toFailure } from '@sampan/connector';
import type { LogLine, RanStatement, RunStore } from '@sampan/engine';
import { createDialler } from './dialler.ts';
import type { FromChild, ToChild } from './messages.ts';
import { operations } from './operations.ts';

const FLUSH_MS = 200;
const send = (message: FromChild) => {
  if (process.connected) process.send?.(message);
};

// Without its parent nobody may act on what it does: it ends at once, and what it had open with it.
process.once('disconnect', () => process.exit(1));

const stopping = new AbortController();
const calls = new Map<number, { resolve(value: Json): void; reject(error: Error): void }>();
let nextCall = 1;

/** The run-store on the parent's side, by messages. */
const store = new Proxy({} as RunStore, {
  get:
    (_, method: string) =>
    (...args: Json[]) =>
      new Promise((resolve, reject) => {
        const id = nextCall++;
        calls.set(id, { resolve, reject });
        send({ type: 'store', id, method: method as keyof RunStore, args });
      }),
});

function settled(id: number, value: Json, failure: Failure | null): void {
  const call = calls.get(id);
  calls.delete(id);
  if (failure === null) call?.resolve(value);
  else call?.reject(fromFailure(failure));
}

/** Lines and statements go to the store in groups; those of interactive work have no instance to belong to. */
function createRecorder(kept: boolean) {
  let lines: LogLine[] = [];
  let ran: RanStatement[] = [];
  const flush = async () => {
    const [someLines, someStatements] = [lines, ran];
    lines = [];
    ran = [];
    if (!kept) return;
    if (someLines.length > 0) await store.log(someLines).catch(() => {});
    if (someStatements.length > 0) await store.statements(someStatements).catch(() => {});
  };
  const timer = setInterval(() => void flush(), FLUSH_MS);
  return {
    line: (line: LogLine) => lines.push(line),
    statement: (statement: RanStatement) => ran.push(statement),
    end: async () => {
      clearInterval(timer);
      await flush();
    },
  };
}

async function perform(message: Extract<ToChild, { type: 'ask' }>): Promise<void> {
  const recorder = createRecorder(message.operation === 'run');
  const context: OpenContext = {
    dial: createDialler(message.network),
    log: (level, text, fields) =>
      recorder.line({
        at: new Date().toISOString(),
        level,
        message: text,
        fields: (fields ?? null) as LogLine['fields'],
      }),
    statement: (sql, millis, rows) =>
      recorder.statement({ at: new Date().toISOString(), side: 'READER', sql, millis, rows }),
  };
  const run = operations[message.operation] as unknown as (ask: Json, around: object) => Promise<Json>;
  let answer: FromChild;
  try {
    answer = {
      type: 'answer',
      value: await run(message.ask, { context, store, signal: stopping.signal }),
      failure: null,
    };
  } catch (error) {
    answer = { type: 'answer', value: null, failure: toFailure(error) };
  }
  await recorder.end();
  send(answer);
}

process.on('message', (message: ToChild) => {
  if (message.type === 'ask') void perform(message);
  else if (message.type === 'stored') settled(message.id, message.value, message.failure);
  else stopping.abort(new Error(message.reason));
});

send({ type: 'ready' });
