import { isConnectorError, type Schema } from '@sampan/connector';
import type { Preview } from '@sampan/hosts/messages';
import { and, asc, eq, gt, ilike, sql } from 'drizzle-orm';
import { requireRole } from './access.ts';
import type { Actor, Control } from './context.ts';
import { type DataSource, getDataSource, likeAnywhere, openedEnd } from './data-sources.ts';
import { startOperation, type WorkspaceOperation } from './operations.ts';
import { countRows, cutPage, decodeCursor, encodeCursor, type Page, type PageArgs, pageSize } from './paging.ts';
import { dataObjects } from './tables/data-sources.ts';

export type DataObject = typeof dataObjects.$inferSelect;

/** A catalogue of more objects than this is cut, and says so. */
const MOST_OBJECTS = 100_000;
/** Rows to a statement: PostgreSQL takes 65,535 parameters. */
const ROWS_A_STATEMENT = 1_000;

/**
 * Reads the catalogue again (同步 Meta): the list of objects, and columns and keys of those named.
 * @throws NotFoundError, ForbiddenError; failures of the source end up in the operation
 */
export async function refreshMetadata(
  control: Control,
  actor: Actor,
  input: { dataSourceId: string; objects?: string[] | null | undefined },
): Promise<WorkspaceOperation> {
  const source = await getDataSource(control, actor, input.dataSourceId);
  await requireRole(control, actor, source.workspaceId, 'DEVELOPER');
  const names = input.objects ?? null;
  return startOperation(
    control,
    { workspaceId: source.workspaceId, kind: 'refreshMetadata', subject: source.id, total: names?.length ?? null },
    async (tell) => {
      if (names === null) return tell(await refreshList(control, source));
      for (const [done, name] of names.entries()) {
        await refreshObject(control, source, name);
        await tell(done + 1);
      }
    },
  );
}

async function refreshList(control: Control, source: DataSource): Promise<number> {
  const end = openedEnd(control, source);
  const found = await control.hosts.ask('objects', { end, query: { search: null }, limit: MOST_OBJECTS });
  const refreshedAt = new Date();
  await control.db.transaction(async (tx) => {
    for (let from = 0; from < found.length; from += ROWS_A_STATEMENT) {
      const rows = found.slice(from, from + ROWS_A_STATEMENT);
      await tx
        .insert(dataObjects)
        .values(rows.map((one) => ({ ...one, comment: one.comment ?? null, dataSourceId: source.id, refreshedAt })))
        .onConflictDoUpdate({
          target: [dataObjects.dataSourceId, dataObjects.name],
          set: {
            kind: sql`excluded.kind`,
            rowEstimate: sql`excluded.row_estimate`,
            byteEstimate: sql`excluded.byte_estimate`,
            comment: sql`excluded.comment`,
            refreshedAt,
            schema: null,
          },
        });
    }
    await tx
      .delete(dataObjects)
      .where(
        and(
          eq(dataObjects.dataSourceId, source.id),
          sql`${dataObjects.refreshedAt} < ${refreshedAt.toISOString()}::timestamptz`,
        ),
      );
  });
  return found.length;
}

async function refreshObject(control: Control, source: DataSource, name: string): Promise<Schema> {
  const schema = await control.hosts.ask('describe', { end: openedEnd(control, source), object: name });
  const row = {
    kind: schema.kind,
    rowEstimate: schema.rowEstimate,
    byteEstimate: schema.byteEstimate,
    comment: schema.comment ?? null,
    schema,
    refreshedAt: new Date(),
  };
  await control.db
    .insert(dataObjects)
    .values({ ...row, dataSourceId: source.id, name: schema.object })
    .onConflictDoUpdate({ target: [dataObjects.dataSourceId, dataObjects.name], set: row });
  return schema;
}

/** An object's columns and keys as the source tells them now. @throws ConnectorError, `missing` where there is none */
export async function describeNow(control: Control, source: DataSource, name: string): Promise<Schema> {
  return refreshObject(control, source, name);
}

/** From the cache, or from the source where it was never read; null where the source has no such object. */
export async function getObject(control: Control, source: DataSource, name: string): Promise<DataObject | null> {
  const where = and(eq(dataObjects.dataSourceId, source.id), eq(dataObjects.name, name));
  const [cached] = await control.db.select().from(dataObjects).where(where);
  if (cached?.schema) return cached;
  try {
    const schema = await refreshObject(control, source, name);
    const [row] = await control.db
      .select()
      .from(dataObjects)
      .where(and(eq(dataObjects.dataSourceId, source.id), eq(dataObjects.name, schema.object)));
    return row ?? null;
  } catch (error) {
    if (isConnectorError(error) && error.kind === 'missing') return null;
    throw error;
  }
}

/** The cached catalogue by name; read once from the source where there is none yet. */
export async function listObjects(
  control: Control,
  source: DataSource,
  args: PageArgs & { search?: string | null | undefined },
): Promise<Page<DataObject>> {
  const mine = eq(dataObjects.dataSourceId, source.id);
  const [any] = await control.db.select({ name: dataObjects.name }).from(dataObjects).where(mine).limit(1);
  if (any === undefined) await refreshList(control, source);
  const where = and(mine, args.search ? ilike(dataObjects.name, likeAnywhere(args.search)) : undefined);
  const { limit } = pageSize(args);
  const rows = await control.db
    .select()
    .from(dataObjects)
    .where(and(where, args.after ? gt(dataObjects.name, decodeCursor(args.after, 1)[0]) : undefined))
    .orderBy(asc(dataObjects.name))
    .limit(limit + 1);
  return {
    ...cutPage(rows, args),
    cursorOf: (row) => encodeCursor([row.name]),
    ...(await countRows(control.db, dataObjects, where)),
  };
}

/** The first rows, read now. Values are shown to those who may develop, never to viewers. */
export async function previewObject(
  control: Control,
  actor: Actor,
  source: DataSource,
  object: string,
  first: number,
): Promise<Preview> {
  await requireRole(control, actor, source.workspaceId, 'OPERATOR');
  return control.hosts.ask('preview', {
    end: openedEnd(control, source),
    object,
    rows: Math.min(Math.max(first, 0), 500),
  });
}
