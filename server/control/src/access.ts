import { and, eq } from 'drizzle-orm';
import type { Actor, Control, Database, Transaction } from './context.ts';
import { forbidden, notFound } from './errors.ts';
import { memberships, type WorkspaceRole, workspaces } from './tables/index.ts';

/** What each role may do includes what the later ones may: ADMIN, DEVELOPER, OPERATOR, VIEWER. */
const RANK: Record<WorkspaceRole, number> = { ADMIN: 3, DEVELOPER: 2, OPERATOR: 1, VIEWER: 0 };

/** The actor's role in the workspace; null where there is none. Platform administrators are administrators everywhere. */
export async function roleIn(
  db: Database | Transaction,
  actor: Actor,
  workspaceId: string,
): Promise<WorkspaceRole | null> {
  if (actor.platformRole === 'ADMIN') return 'ADMIN';
  const [row] = await db
    .select({ role: memberships.role })
    .from(memberships)
    .where(and(eq(memberships.workspaceId, workspaceId), eq(memberships.userId, actor.userId)));
  return row?.role ?? null;
}

/** @throws NotFoundError for a workspace the actor does not belong to; ForbiddenError below the role */
export async function requireRole(
  control: Control,
  actor: Actor,
  workspaceId: string,
  needs: WorkspaceRole,
  seen: { noun: string; id: string } = { noun: 'workspace', id: workspaceId },
): Promise<void> {
  const role = await roleIn(control.db, actor, workspaceId);
  if (role === null) throw notFound(seen.noun, seen.id);
  if (RANK[role] < RANK[needs]) throw forbidden(needs);
}

/** Workspaces whose objects the actor may see. */
export async function visibleWorkspaces(control: Control, actor: Actor): Promise<string[]> {
  if (actor.platformRole === 'ADMIN')
    return (await control.db.select({ id: workspaces.id }).from(workspaces)).map((row) => row.id);
  const rows = await control.db
    .select({ id: memberships.workspaceId })
    .from(memberships)
    .where(eq(memberships.userId, actor.userId));
  return rows.map((row) => row.id);
}
