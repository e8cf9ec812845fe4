import assert from 'node:assert/strict';
import { isConnectorError } from '../errors.ts';

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

/** The work must be refused by an error of the contract (law 7). */
export async function refused(what: string, work: Promise<unknown>, kind?: string): Promise<void> {
  try {
    await work;
  } catch (error) {
    assert.ok(
      isConnectorError(error),
      `${what}: refused by ${error instanceof Error ? error.stack : String(error)}, which is no ConnectorError`,
    );
    assert.match(error.code, /^[A-Z][A-Z0-9_]*$/, `${what}: the code "${error.code}" is not in capitals`);
    assert.notEqual(error.message, '', `${what}: no message`);
    if (kind !== undefined) assert.equal(error.kind, kind, `${what}: ${error.message}`);
    return;
  }
  assert.fail(`${what} was not refused`);
}

/** A signal that nobody aborts. */
export const calm = (): AbortSignal => new AbortController().signal;
