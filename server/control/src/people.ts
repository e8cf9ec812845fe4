import { createHash, randomBytes } from 'node:crypto';
import { and, eq, gt, inArray, isNull, or, sql } from 'drizzle-orm';
import type { Actor, Control } from './context.ts';
import { apiTokens, memberships, users, type WorkspaceRole, workspaces } from './tables/index.ts';

const hashOf = (token: string) => createHash('sha256').update(token).digest('hex');

/** Who a bearer token belongs to; null where it is unknown, expired or revoked. */
export async function authenticate(control: Control, token: string): Promise<Actor | null> {
  const [row] = await control.db
    .select({ userId: users.id, name: users.name, platformRole: users.platformRole })
    .from(apiTokens)
    .innerJoin(users, eq(users.id, apiTokens.userId))
    .where(
      and(
        eq(apiTokens.hash, hashOf(token)),
        isNull(apiTokens.revokedAt),
        or(isNull(apiTokens.expiresAt), gt(apiTokens.expiresAt, sql`now()`)),
      ),
    );
  return row ?? null;
}

/**
 * On an empty database: the workspace `default`, the user `admin` and one token for it, which is returned this once.
 * Null where somebody has started here before.
 */
export async function firstStart(control: Control): Promise<string | null> {
  return control.db.transaction(async (tx) => {
    await tx.execute(sql`select pg_advisory_xact_lock(hashtext('sampan first start'))`);
    const [someone] = await tx.select({ id: users.id }).from(users).limit(1);
    if (someone !== undefined) return null;
    const token = `sampan_${randomBytes(32).toString('base64url')}`;
    const [user] = await tx.insert(users).values({ name: 'admin', platformRole: 'ADMIN' }).returning();
    const [workspace] = await tx.insert(workspaces).values({ name: 'default' }).returning();
    await tx.insert(memberships).values({ workspaceId: workspace.id, userId: user.id, role: 'ADMIN' });
    await tx.insert(apiTokens).values({ userId: user.id, label: 'first start', hash: hashOf(token) });
    return token;
  });
}

/** A new token for the first administrator, where the file that held the old one is gone. The old ones stay valid. */
export async function adminToken(control: Control): Promise<string> {
  const [admin] = await control.db
    .select()
    .from(users)
    .where(eq(users.platformRole, 'ADMIN'))
    .orderBy(users.createdAt)
    .limit(1);
  const token = `sampan_${randomBytes(32).toString('base64url')}`;
  await control.db.insert(apiTokens).values({ userId: admin.id, label: 'made at start', hash: hashOf(token) });
  return token;
}

export interface Membership {
  workspaceId: string;
  workspaceName: string;
  userId: string;
  role: WorkspaceRole;
}

/** The first is the default workspace of the user's tokens. */
export async function membershipsOf(control: Control, userId: string): Promise<Membership[]> {
  return control.db
    .select({
      workspaceId: memberships.workspaceId,
      workspaceName: workspaces.name,
      userId: memberships.userId,
      role: memberships.role,
    })
    .from(memberships)
    .innerJoin(workspaces, eq(workspaces.id, memberships.workspaceId))
    .where(eq(memberships.userId, userId))
    .orderBy(workspaces.createdAt, workspaces.id);
}

export type User = typeof users.$inferSelect;
export type Workspace = typeof workspaces.$inferSelect;

export async function usersByIds(control: Control, ids: readonly string[]): Promise<User[]> {
  return control.db
    .select()
    .from(users)
    .where(inArray(users.id, [...ids]));
}

export async function workspacesByIds(control: Control, ids: readonly string[]): Promise<Workspace[]> {
  return control.db
    .select()
    .from(workspaces)
    .where(inArray(workspaces.id, [...ids]));
}
