import type { Json } from '@sampan/connector';
import type { Actor, Transaction } from './context.ts';
import { audit } from './tables/index.ts';

export interface Change {
  path: string[];
  before: Json;
  after: Json;
}

/** Writes down who changed what, in the transaction of the change. Secrets must not be among the changes. */
export async function recordChange(
  tx: Transaction,
  actor: Actor,
  entry: { workspaceId: string; action: string; objectId: string; changes: Change[] },
): Promise<void> {
  await tx.insert(audit).values({ ...entry, byUser: actor.userId });
}
