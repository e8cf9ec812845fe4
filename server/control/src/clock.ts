import { sql } from 'drizzle-orm';
import type { Database, Transaction } from './context.ts';

/** The one clock of planning, claiming, leases and reaping: a function of the database, which tests replace. */
export const now = sql<Date>`sampan_now()`;

export async function readNow(db: Database | Transaction): Promise<Date> {
  const [row] = await db.execute<{ now: string }>(
    sql`select to_char(sampan_now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now`,
  );
  return new Date(row.now);
}
