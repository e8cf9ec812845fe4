import { processIsAlive } from '@sampan/hosts/pool';
import type { Sql } from 'postgres';

/** An instance as its row stands. */
export interface Look {
  state: string;
  phase: string | null;
  committing: boolean;
  attempt: number;
  needsDecision: boolean;
  handle: { session?: string } | null;
  written: number;
  sealed: number;
  /** What is still to be cleaned in the target. */
  cleanup: string | null;
  failure: { code: string; message: string } | null;
  /** The attempt's process, while it lives. */
  host: number | null;
}

const ENDED = new Set(['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'CANCELLED']);
export const hasEnded = (look: Look) => ENDED.has(look.state);

/** Asked of the database itself: the server may be stopped. */
export async function lookAt(database: Sql, instance: string): Promise<Look> {
  const [row] = await database`
    select i.state, i.phase, i.committing, i.attempt, i.needs_decision as "needsDecision", i.handle, i.cleanup, i.failure,
      coalesce((i.progress -> 'total' ->> 'rowsWritten')::float8, 0) as written, a.process,
      (select count(*)::int from splits s where s.instance_id = i.id and s.state = 'SEALED') as sealed
    from instances i left join attempts a on a.instance_id = i.id and a.number = i.attempt where i.id = ${instance}`;
  const process = row.process as string | null;
  const host = process !== null && processIsAlive(process) === true ? Number(process.split('/')[1]) : null;
  return { ...(row as unknown as Look), host };
}
