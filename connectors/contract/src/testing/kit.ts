import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { type FailureKind, isConnectorError } from '../errors.ts';

/** One test of the kit: which law of the contract it holds a connector to, and what it does. */
export interface KitCase {
  law: 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;
  name: string;
  run(): Promise<void>;
}

/** How long freeing sockets and handles may take after an abort (law 4). */
export const FREE_MS = 5_000;

/** Fails where the work is not done in time. */
export async function within<T>(millis: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new assert.AssertionError({ message: `${what} took longer than ${millis} ms` })),
      millis,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Fails where sockets that were opened meanwhile are still there after the time that law 4 gives. */
export async function freed(sockets: () => number, before: number): Promise<void> {
  const deadline = Date.now() + FREE_MS;
  while (sockets() > before && Date.now() < deadline) await pause(50);
  assert.ok(sockets() <= before, `${sockets() - before} sockets stayed open`);
}

export const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis));

/** The work must be refused by an error of the contract that says what to do next and tells no secret (law 7). */
export async function refused(
  what: string,
  work: Promise<unknown>,
  kinds: readonly FailureKind[] = [],
  secrets: readonly string[] = [],
): Promise<void> {
  try {
    await work;
  } catch (error) {
    assert.ok(
      isConnectorError(error),
      `${what}: refused by ${error instanceof Error ? error.stack : String(error)}, which is no ConnectorError`,
    );
    assert.match(error.code, /^[A-Z][A-Z0-9_]*$/, `${what}: the code "${error.code}" is not in capitals`);
    assert.notEqual(error.message, '', `${what}: no message`);
    assert.ok(error.hint, `${what}: ${error.code} has no hint`);
    assert.ok(
      error.retryAfterMs === null || (error.kind === 'busy' && error.retryAfterMs >= 0),
      `${what}: ${error.kind} is not tried again by itself, and has a time for that`,
    );
    if (kinds.length > 0) assert.ok(kinds.includes(error.kind), `${what}: kind ${error.kind}: ${error.message}`);
    noSecret(what, error, secrets);
    return;
  }
  assert.fail(`${what} was not refused`);
}

/** Neither the words of an error nor anything that hangs on it, causes included, may hold a secret. */
export function noSecret(what: string, told: unknown, secrets: readonly string[]): void {
  const text = inspect(told, { depth: 8, maxStringLength: null, maxArrayLength: null });
  assert.ok(!secrets.some((secret) => text.includes(secret)), `${what}: a secret is told`);
}

/** A signal that nobody aborts. */
export const calm = (): AbortSignal => new AbortController().signal;

/** Works with something, and disposes of it whatever becomes of the work. */
export async function using<T extends AsyncDisposable, R>(opened: Promise<T>, work: (it: T) => Promise<R>): Promise<R> {
  const it = await opened;
  try {
    return await work(it);
  } finally {
    await it[Symbol.asyncDispose]();
  }
}
