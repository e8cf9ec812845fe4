import { type SQL, sql } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import type { Database } from './context.ts';
import { BadInputError } from './errors.ts';

export interface PageArgs {
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
}

/** One page of a keyset-paged list. Cursors are opaque and hold the sort key of their row. */
export interface Page<Row> {
  rows: Row[];
  cursorOf(row: Row): string;
  hasNextPage: boolean;
  hasPreviousPage: boolean;
  /** Exact up to 10,000; above that 10,000 with `totalIsExact` false. */
  totalCount: number;
  totalIsExact: boolean;
}

const COUNT_LIMIT = 10_000;
const MOST = 500;

export function encodeCursor(key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

/** @throws BadInputError for a cursor that no list of this kind gave out */
export function decodeCursor(cursor: string, length: number): string[] {
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(key) && key.length === length) return key.map(String);
  } catch {
    // told below
  }
  throw new BadInputError('That cursor is not one of this list.', 'Take cursors from pageInfo or edges, unchanged.');
}

/** How many rows, from which side. @throws BadInputError */
export function pageSize(args: PageArgs, usual = 50): { limit: number; backward: boolean } {
  const backward = args.last !== null && args.last !== undefined;
  if (backward && args.first !== null && args.first !== undefined)
    throw new BadInputError('Give first or last, not both.');
  const limit = (backward ? args.last : args.first) ?? usual;
  if (!Number.isInteger(limit) || limit < 0 || limit > MOST) throw new BadInputError(`A page holds 0 to ${MOST} rows.`);
  return { limit, backward };
}

/**
 * Cuts the one row too many that was asked for. `rows` come in reading order when forward, in reverse when backward.
 */
export function cutPage<Row>(
  rows: Row[],
  args: PageArgs,
): { rows: Row[]; hasNextPage: boolean; hasPreviousPage: boolean } {
  const { limit, backward } = pageSize(args);
  const more = rows.length > limit;
  const kept = more ? rows.slice(0, limit) : rows;
  if (backward) return { rows: kept.reverse(), hasNextPage: args.before != null, hasPreviousPage: more };
  return { rows: kept, hasNextPage: more, hasPreviousPage: args.after != null };
}

/** How many rows a list has: exact up to the limit, and no slower above it. */
export async function countRows(
  db: Database,
  table: PgTable,
  where: SQL | undefined,
): Promise<Pick<Page<never>, 'totalCount' | 'totalIsExact'>> {
  const counted = db
    .select({ one: sql`1` })
    .from(table)
    .where(where)
    .limit(COUNT_LIMIT + 1)
    .as('counted');
  const [{ count }] = await db.select({ count: sql<number>`count(*)::int` }).from(counted);
  return { totalCount: Math.min(count, COUNT_LIMIT), totalIsExact: count <= COUNT_LIMIT };
}
