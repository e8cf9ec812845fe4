import type { ObjectRef } from '@pothos/core';
import { BadInputError, eventCursor, membershipsOf, type Page } from '@sampan/control';
import { builder, type SchemaTypes } from './builder.ts';
import type { Context } from './context.ts';
import { idOf } from './node-ids.ts';

interface Info {
  hasNextPage: boolean;
  hasPreviousPage: boolean;
  startCursor: string | null;
  endCursor: string | null;
}

const PageInfo = builder.objectRef<Info>('PageInfo').implement({
  description: 'Where a page lies in its list.',
  fields: (t) => ({
    hasNextPage: t.exposeBoolean('hasNextPage', { description: 'Rows follow.' }),
    hasPreviousPage: t.exposeBoolean('hasPreviousPage', { description: 'Rows come before.' }),
    startCursor: t.exposeString('startCursor', {
      nullable: true,
      description: 'Of the first row; null on an empty page.',
    }),
    endCursor: t.exposeString('endCursor', { nullable: true, description: 'Of the last row; null on an empty page.' }),
  }),
});

export interface ConnectionShape<T> {
  page: Page<T>;
  eventCursor: string;
}

/** The connection type of a list, with its edges. */
export function connectionType<T extends object>(name: string, node: ObjectRef<ExtendedTypes, T, T>) {
  const edge = builder.objectRef<{ cursor: string; node: T }>(`${name}Edge`).implement({
    description: 'A row with its place in the list.',
    fields: (t) => ({
      cursor: t.exposeString('cursor', { description: 'Its place.' }),
      node: t.field({ type: node, description: 'The row.', resolve: (one) => one.node as never }),
    }),
  });
  return builder.objectRef<ConnectionShape<T>>(`${name}Connection`).implement({
    description: 'A page of a list.',
    fields: (t) => ({
      edges: t.field({
        type: [edge],
        description: 'Rows with their places.',
        resolve: ({ page }) => page.rows.map((row) => ({ cursor: page.cursorOf(row), node: row })),
      }),
      nodes: t.field({ type: [node], description: 'The rows.', resolve: ({ page }) => page.rows as never }),
      pageInfo: t.field({ type: PageInfo, description: 'Where the page lies.', resolve: ({ page }) => infoOf(page) }),
      totalCount: t.int({
        description: 'Rows of the whole list; exact up to 10,000.',
        resolve: ({ page }) => page.totalCount,
      }),
      totalIsExact: t.boolean({
        description: 'False where there are more than totalCount.',
        resolve: ({ page }) => page.totalIsExact,
      }),
      eventCursor: t.string({
        description: 'Where a subscription goes on from this list.',
        resolve: (one) => one.eventCursor,
      }),
    }),
  });
}

type ExtendedTypes = PothosSchemaTypes.ExtendDefaultTypes<SchemaTypes>;

function infoOf<T>(page: Page<T>): Info {
  const [first] = page.rows;
  const last = page.rows.at(-1);
  return {
    hasNextPage: page.hasNextPage,
    hasPreviousPage: page.hasPreviousPage,
    startCursor: first === undefined ? null : page.cursorOf(first),
    endCursor: last === undefined ? null : page.cursorOf(last),
  };
}

/** The event cursor is taken first: what happens while the list is read is told again rather than missed. */
export async function connect<T>(context: Context, list: () => Promise<Page<T>>): Promise<ConnectionShape<T>> {
  const cursor = await eventCursor(context.control);
  return { page: await list(), eventCursor: cursor };
}

/** The workspace of a list: the one named, else the first the viewer belongs to. */
export async function workspaceOf(context: Context, named: string | null | undefined): Promise<string> {
  if (named != null) return idOf('Workspace', named);
  const [first] = await membershipsOf(context.control, context.actor!.userId);
  if (first === undefined) throw new BadInputError('Name a workspace: you belong to none.');
  return first.workspaceId;
}
