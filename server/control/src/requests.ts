import { createHmac } from 'node:crypto';
import type { Json } from '@sampan/connector';
import { and, eq, lt, sql } from 'drizzle-orm';
import type { Actor, Control, Transaction } from './context.ts';
import { conflict } from './errors.ts';
import { requests } from './tables/index.ts';

/**
 * Runs `write` in a transaction; under a request id, once per actor and mutation: the same content again answers with
 * what the first call answered.
 * @throws ConflictError `REQUEST_ID_REUSED` for other content under the same id
 */
export async function once<T extends Json>(
  control: Control,
  actor: Actor,
  request: { mutation: string; requestId: string | null | undefined; content: unknown },
  write: (tx: Transaction) => Promise<T>,
): Promise<T> {
  return control.db.transaction(async (tx) => {
    const { requestId, mutation } = request;
    if (requestId === null || requestId === undefined) return write(tx);
    const content = digestOf(control, request.content);
    const key = { actor: actor.userId, mutation, requestId };
    // Waits for a concurrent call with the same id, then finds its row.
    const inserted = await tx
      .insert(requests)
      .values({ ...key, content })
      .onConflictDoNothing()
      .returning({ at: requests.at });
    const where = and(
      eq(requests.actor, key.actor),
      eq(requests.mutation, mutation),
      eq(requests.requestId, requestId),
    );
    if (inserted.length === 0) {
      const [earlier] = await tx.select().from(requests).where(where);
      if (earlier.content !== content) {
        throw conflict(
          'REQUEST_ID_REUSED',
          `The request id ${requestId} was used for another ${mutation}.`,
          'Use a fresh id for each change.',
        );
      }
      return earlier.result as T;
    }
    const result = await write(tx);
    await tx.update(requests).set({ result }).where(where);
    return result;
  });
}

/** Keyed: what a request holds of secrets cannot be guessed from it by trying. */
function digestOf({ keys }: Control, content: unknown): string {
  return createHmac('sha256', keys.byId.get(keys.current) ?? '')
    .update(JSON.stringify(content))
    .digest('hex');
}

/** The request id of one item of a plural mutation. */
export const itemRequest = (requestId: string | null | undefined, id: string) =>
  requestId == null ? null : `${requestId}:${id}`;

/** Forgets request ids older than 24 hours. */
export async function forgetRequests(control: Control): Promise<void> {
  await control.db.delete(requests).where(lt(requests.at, sql`now() - interval '24 hours'`));
}
