import { boolean, index, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { idColumn, instant } from './columns.ts';

export const workspaces = pgTable('workspaces', {
  id: idColumn(),
  name: text('name').notNull().unique(),
  createdAt: instant('created_at').notNull().defaultNow(),
});

export const users = pgTable('users', {
  id: idColumn(),
  name: text('name').notNull().unique(),
  email: text('email'),
  platformRole: text('platform_role').$type<'ADMIN' | 'MEMBER'>().notNull(),
  service: boolean('service').notNull().default(false),
  createdAt: instant('created_at').notNull().defaultNow(),
});

export type WorkspaceRole = 'ADMIN' | 'DEVELOPER' | 'OPERATOR' | 'VIEWER';

export const memberships = pgTable(
  'memberships',
  {
    workspaceId: uuid('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id),
    role: text('role').$type<WorkspaceRole>().notNull(),
  },
  (t) => [primaryKey({ columns: [t.workspaceId, t.userId] }), index('memberships_user').on(t.userId)],
);

/** Tokens are kept as SHA-256 of a 256-bit random text: nothing here can sign in. */
export const apiTokens = pgTable(
  'api_tokens',
  {
    id: idColumn(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id),
    label: text('label').notNull(),
    hash: text('hash').notNull(),
    expiresAt: instant('expires_at'),
    revokedAt: instant('revoked_at'),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [uniqueIndex('api_tokens_hash').on(t.hash)],
);
