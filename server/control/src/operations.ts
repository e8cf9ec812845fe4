import { isConnectorError } from '@sampan/connector';
import { and, eq, inArray, sql } from 'drizzle-orm';
import { visibleWorkspaces } from './access.ts';
import type { Actor, Control } from './context.ts';
import { ControlError } from './errors.ts';
import { operations } from './tables/data-sources.ts';

export type WorkspaceOperation = typeof operations.$inferSelect;

/** Starts work that goes on after the answer. It runs in this process; a process that starts again marks its leftovers failed. */
export async function startOperation(
  control: Control,
  init: { workspaceId: string; kind: string; subject: string; total: number | null },
  work: (tell: (done: number) => Promise<void>) => Promise<void>,
): Promise<WorkspaceOperation> {
  const [row] = await control.db
    .insert(operations)
    .values({ ...init, state: 'RUNNING' })
    .returning();
  const mine = eq(operations.id, row.id);
  const tell = async (done: number) => {
    await control.db.update(operations).set({ done }).where(mine);
  };
  const finish = (state: 'DONE' | 'FAILED', error: WorkspaceOperation['error']) =>
    control.db.update(operations).set({ state, error, endedAt: sql`now()` }).where(mine);
  void work(tell)
    .then(
      () => finish('DONE', null),
      (error: unknown) => {
        if (!isConnectorError(error) && !(error instanceof ControlError))
          control.log.error({ err: error, operation: row.id }, 'an operation failed');
        return finish('FAILED', toldError(error));
      },
    )
    .catch((error: unknown) =>
      control.log.error({ err: error, operation: row.id }, 'the end of an operation could not be stored'),
    );
  return row;
}

function toldError(error: unknown): NonNullable<WorkspaceOperation['error']> {
  if (isConnectorError(error) || error instanceof ControlError)
    return { code: error.code, message: error.message, hint: error.hint };
  return {
    code: 'INTERNAL',
    message: 'Something went wrong that should not have.',
    hint: 'The server log has the details.',
  };
}

export async function operationsByIds(
  control: Control,
  actor: Actor,
  ids: readonly string[],
): Promise<WorkspaceOperation[]> {
  const workspaceIds = await visibleWorkspaces(control, actor);
  if (workspaceIds.length === 0 || ids.length === 0) return [];
  return control.db
    .select()
    .from(operations)
    .where(and(inArray(operations.id, [...ids]), inArray(operations.workspaceId, workspaceIds)));
}

/** At start: what a process that died left running will never end by itself. */
export async function failAbandonedOperations(control: Control): Promise<void> {
  await control.db
    .update(operations)
    .set({
      state: 'FAILED',
      endedAt: sql`now()`,
      error: { code: 'INTERRUPTED', message: 'The server stopped while this was under way.', hint: 'Start it again.' },
    })
    .where(and(eq(operations.state, 'RUNNING'), sql`${operations.startedAt} < now() - interval '1 hour'`));
}
