import { and, asc, eq, inArray, isNull } from 'drizzle-orm';
import { requireRole, visibleWorkspaces } from './access.ts';
import { recordChange } from './audit.ts';
import type { Actor, Control } from './context.ts';
import { uniqueViolation } from './database-errors.ts';
import { conflict, invalid, issue, notFound } from './errors.ts';
import { once } from './requests.ts';
import { folders } from './tables/tasks.ts';

export type Folder = typeof folders.$inferSelect;

/** Deeper trees are refused: a path must stay readable. */
const MOST_LEVELS = 20;

export interface CreateFolder {
  workspaceId: string;
  parentId?: string | null | undefined;
  name: string;
  description?: string | null | undefined;
  requestId?: string | null | undefined;
}

/** @throws ValidationError, ConflictError (name taken), NotFoundError (parent), ForbiddenError */
export async function createFolder(control: Control, actor: Actor, input: CreateFolder): Promise<Folder> {
  const parent = input.parentId ? await getFolder(control, actor, input.parentId) : null;
  const workspaceId = parent?.workspaceId ?? input.workspaceId;
  await requireRole(control, actor, workspaceId, 'DEVELOPER');
  const name = input.name.trim();
  if (name === '' || name.length > 200 || name.includes('/')) {
    throw invalid([issue(['name'], 'BAD_NAME', 'A folder name has 1 to 200 characters and no slash.')]);
  }
  if (parent !== null && (await ancestors(control, parent)).length >= MOST_LEVELS) {
    throw invalid([issue(['parentId'], 'TOO_DEEP', `Folders nest at most ${MOST_LEVELS} levels deep.`)]);
  }
  const id = await once(
    control,
    actor,
    { mutation: 'createFolder', requestId: input.requestId, content: input },
    async (tx) => {
      try {
        const values = { workspaceId, parentId: parent?.id ?? null, name, description: input.description ?? '' };
        const [row] = await tx.insert(folders).values(values).returning({ id: folders.id });
        await recordChange(tx, actor, {
          workspaceId,
          action: 'createFolder',
          objectId: row.id,
          changes: [{ path: [], before: null, after: values }],
        });
        return row.id;
      } catch (error) {
        if (uniqueViolation(error) !== 'folders_sibling_name') throw error;
        throw conflict(
          'NAME_TAKEN',
          `There is a folder called "${name}" here already.`,
          'Choose another name, or use that folder.',
        );
      }
    },
  );
  return getFolder(control, actor, id);
}

/** @throws NotFoundError */
export async function getFolder(control: Control, actor: Actor, id: string): Promise<Folder> {
  const [row] = await foldersByIds(control, actor, [id]);
  if (row === undefined) throw notFound('folder', id);
  return row;
}

export async function foldersByIds(control: Control, actor: Actor, ids: readonly string[]): Promise<Folder[]> {
  const workspaceIds = await visibleWorkspaces(control, actor);
  if (workspaceIds.length === 0 || ids.length === 0) return [];
  return control.db
    .select()
    .from(folders)
    .where(and(inArray(folders.id, [...ids]), inArray(folders.workspaceId, workspaceIds)));
}

/** The roots of a workspace's tree, by name. */
export async function rootFolders(control: Control, actor: Actor, workspaceId: string): Promise<Folder[]> {
  await requireRole(control, actor, workspaceId, 'VIEWER');
  return control.db
    .select()
    .from(folders)
    .where(and(eq(folders.workspaceId, workspaceId), isNull(folders.parentId)))
    .orderBy(asc(folders.name));
}

/** Children of many folders in one statement, by name. */
export async function childFolders(control: Control, parentIds: readonly string[]): Promise<Folder[]> {
  if (parentIds.length === 0) return [];
  return control.db
    .select()
    .from(folders)
    .where(inArray(folders.parentId, [...parentIds]))
    .orderBy(asc(folders.name));
}

/** The folder itself and those above it, from the root down. */
export async function ancestors(control: Control, folder: Folder): Promise<Folder[]> {
  const path = [folder];
  while (path[0].parentId !== null && path.length <= MOST_LEVELS) {
    const [parent] = await control.db.select().from(folders).where(eq(folders.id, path[0].parentId));
    if (parent === undefined) break;
    path.unshift(parent);
  }
  return path;
}
