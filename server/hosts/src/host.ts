import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { ConnectorError, type Failure, fromFailure, type Json, toFailure } from '@sampan/connector';
import { checkedMessage } from './answers.ts';
import { ProtocolError, post, receive } from './channel.ts';
import { broken, plainText } from './failures.ts';
import { processName } from './identity.ts';
import { type HostLimits, type Limit, limitProcess } from './limits.ts';
import type { FromChild, RunStore, ToChild } from './messages.ts';

/** Why this side ended a host. */
export type KillCause = 'done' | 'timeout' | 'stopped' | 'closing' | 'garbage' | 'memory';

/** A child process for connectors' code: one ask at a time. */
export interface Host {
  pid: number;
  /** See `processIsAlive`. */
  name: string;
  gone: Promise<void>;
  alive(): boolean;
  /** From now on it keeps to these limits; says who sees to it. */
  limit(limits: HostLimits): Limit['by'];
  /** @param secrets struck out of whatever the process prints */
  perform(ask: Extract<ToChild, { type: 'ask' }>, store: RunStore | null, secrets: string[]): Promise<Json>;
  cancel(reason: string): void;
  kill(cause: KillCause): void;
  /** An idle host does not keep this process running. */
  idle(is: boolean): void;
}

const CHILD = fileURLToPath(new URL('../dist/child.js', import.meta.url));
const STDERR_KEPT = 8_000;
/** What was sent just before the end is still taken. */
const LAST_WORDS_MS = 1_000;

interface Asked {
  store: RunStore | null;
  resolve(value: Json): void;
  reject(error: Error): void;
}

function spawnChild(purpose: 'ask' | 'run', memoryMb: number): { child: ChildProcess; pipe: Duplex } {
  let failure: Error | undefined;
  try {
    const heap = `--max-old-space-size=${Math.max(64, Math.floor(memoryMb * 0.75))}`;
    const child = spawn(process.execPath, [heap, CHILD, purpose], {
      // No environment: what this server was started with is none of a plugin's business.
      env: {},
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      // A group of its own: Ctrl-C is for the server alone, and what a plugin starts ends with it.
      detached: true,
    });
    // Told a moment later; without a listener it would end this process.
    child.on('error', () => {});
    // Without descriptors left there are no pipes either.
    const pipe = (child.stdio as ChildProcess['stdio'] | undefined)?.[3];
    if (pipe) return { child, pipe: pipe as Duplex };
  } catch (error) {
    failure = error as Error;
  }
  throw new ConnectorError({
    kind: 'busy',
    code: 'HOST_NOT_STARTED',
    message: `No process can be started for a connector (${(failure as NodeJS.ErrnoException)?.code ?? 'EMFILE'}).`,
    hint: 'Look at the limits of open files and processes, and at the memory of the machine; it is tried again by itself.',
    cause: failure,
  });
}

/**
 * @param purpose seen in the list of processes
 * @param memoryMb of which JavaScript's heap gets three quarters
 * @throws ConnectorError `HOST_NOT_STARTED`
 */
export function startHost(purpose: 'ask' | 'run', memoryMb: number): Host {
  const { child, pipe } = spawnChild(purpose, memoryMb);
  const pid = child.pid ?? -1;
  const said = createMemory(child);
  let limit: Limit | null = null;
  let memory = memoryMb;
  let asked: Asked | null = null;
  let cause: KillCause | null = null;
  const kill = (why: KillCause) => {
    cause ??= why;
    killGroup(pid);
  };
  const settle = (how: (one: Asked) => void) => {
    const one = asked;
    asked = null;
    if (one !== null) how(one);
  };
  const take = (received: unknown): Promise<void> | void => {
    const message = checkedMessage(received);
    if (message === null || asked === null) throw new ProtocolError('a message that nobody asked for');
    if (message.type === 'store') return answerStore(pipe, asked.store, message);
    const { value, failure } = message;
    settle((one) => (failure === null ? one.resolve(value) : one.reject(fromFailure(failure))));
  };
  pipe.on('error', () => {});
  const received = receive(pipe, take).catch(() => kill('garbage'));
  const gone = new Promise<void>((resolve) => {
    const end = (code: number | null, signal: string | null) => {
      const overMemory = cause === 'memory' || limit?.hit() === true || said.heapRanOut();
      limit?.release();
      killGroup(pid);
      void Promise.race([received, new Promise((late) => setTimeout(late, LAST_WORDS_MS).unref())]).then(() => {
        settle((one) =>
          one.reject(endedBy(overMemory ? 'memory' : cause, { code, signal, memory, said: said.last() })),
        );
        resolve();
      });
    };
    child.once('exit', end);
    child.on('error', (error) => {
      said.add(error.message);
      if (child.pid === undefined) end(null, null);
    });
  });
  return {
    pid,
    name: processName(pid),
    gone,
    alive: () => cause === null && child.exitCode === null && child.signalCode === null && pid > 0,
    limit(limits) {
      limit?.release();
      memory = limits.memoryMb;
      limit = limitProcess(pid, limits, () => kill('memory'));
      return limit.by;
    },
    perform: (message, store, secrets) =>
      new Promise((resolve, reject) => {
        said.strike(secrets);
        asked = { store, resolve, reject };
        if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined)
          settle((one) =>
            one.reject(endedBy(cause, { code: child.exitCode, signal: child.signalCode, memory, said: said.last() })),
          );
        else post(pipe, message);
      }),
    cancel: (reason) => post(pipe, { type: 'cancel', reason } satisfies ToChild),
    kill,
    idle(is) {
      for (const one of [child, pipe, child.stderr] as { ref?(): void; unref?(): void }[])
        if (is) one.unref?.();
        else one.ref?.();
    },
  };
}

/** The process and whatever it has started. */
function killGroup(pid: number): void {
  try {
    if (pid > 0) process.kill(-pid, 'SIGKILL');
  } catch {
    // There is nobody left in it.
  }
}

/** The last of what a process prints on standard error. */
function createMemory(child: ChildProcess) {
  let text = '';
  let heapRanOut = false;
  const secrets = new Set<string>();
  const add = (more: string) => {
    text = (text + more).slice(-STDERR_KEPT);
    // V8's own words before it ends the process.
    heapRanOut ||= /JavaScript heap out of memory|Reached heap limit/.test(text);
  };
  child.stderr?.setEncoding('utf8').on('data', add);
  return {
    add,
    heapRanOut: () => heapRanOut,
    strike: (more: string[]) => {
      for (const one of more) secrets.add(one);
    },
    last: () => {
      const struck = [...secrets].reduce((left, secret) => left.replaceAll(secret, '***'), text);
      return plainText(struck.trim().split('\n').slice(-3).join(' ').slice(-500));
    },
  };
}

async function answerStore(
  pipe: Duplex,
  store: RunStore | null,
  call: Extract<FromChild, { type: 'store' }>,
): Promise<void> {
  if (store === null) throw new ProtocolError('a call of the run-store outside a run');
  let value: Json = null;
  let failure: Failure | null = null;
  try {
    const method = store[call.method] as (...args: Json[]) => Promise<Json | undefined>;
    value = (await method.apply(store, call.args)) ?? null;
  } catch (error) {
    failure = toFailure(error);
  }
  post(pipe, { type: 'stored', id: call.id, value, failure } satisfies ToChild);
}

interface End {
  code: number | null;
  signal: string | null;
  memory: number;
  said: string;
}

function endedBy(cause: KillCause | null, { code, signal, memory, said }: End): ConnectorError {
  if (cause === 'memory') {
    return new ConnectorError({
      kind: 'config',
      code: 'MEMORY_LIMIT',
      message: `The connector needed more memory than the ${memory} MB it may have.`,
      hint: 'For a run: raise memoryMb of the task, or lower its parallel splits. Elsewhere the connector is broken.',
    });
  }
  if (cause === 'garbage') return broken('its process sent what is no message');
  if (cause === 'timeout') {
    return new ConnectorError({
      kind: 'busy',
      code: 'HOST_TIMEOUT',
      message: 'The connector did not answer in time.',
      hint: 'Try again; look at the system behind it.',
    });
  }
  if (cause !== null) {
    return new ConnectorError({
      kind: 'busy',
      code: 'HOST_STOPPED',
      message: 'The process of the connector was stopped.',
      hint: 'The server is stopping, or the run was; try again.',
    });
  }
  const how = signal === null ? `exit code ${code}` : signal;
  return new ConnectorError({
    kind: 'busy',
    code: 'HOST_DIED',
    message: `The process of the connector ended by itself (${how}).${said === '' ? '' : ` It said: ${said}`}`,
    hint: 'It is tried again by itself; a connector that keeps doing this is broken.',
  });
}
