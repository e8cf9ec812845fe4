import { and, eq, sql } from 'drizzle-orm';
import { now } from './clock.ts';
import type { Control, Transaction } from './context.ts';
import { attempts, instances } from './tables/instances.ts';
import { type Instance, moveInstance } from './transitions.ts';

export interface Claimer {
  /** Names the worker process. */
  worker: string;
  leaseSeconds: number;
  /** Memory that is not reserved here, in MB. */
  freeMemoryMb: number;
}

/**
 * Due, its predecessor out of the way, and its target not held by another. An instance that had begun already keeps its
 * place in the chain: only its target counts.
 */
const previousPending = sql`exists (
  select 1 from instances p
  where p.task_id = i.task_id and p.chain = i.chain and p.trigger in ('SCHEDULE', 'ONLINE') and p.state <> 'SKIPPED'
    and (p.scheduled_at, p.id) < (i.scheduled_at, i.id)
    and (p.state in ('WAITING', 'QUEUED', 'RUNNING')
      or (i.depends_on_previous = 'SUCCEEDED' and p.state <> 'SUCCEEDED'
        and not exists (select 1 from instances r where r.rerun_of = p.id and r.state = 'SUCCEEDED')
        and not exists (select 1 from instances q where q.task_id = i.task_id and q.chain = i.chain and q.trigger in ('SCHEDULE', 'ONLINE')
          and q.state <> 'SKIPPED' and (q.scheduled_at, q.id) < (i.scheduled_at, i.id) and (q.scheduled_at, q.id) > (p.scheduled_at, p.id)))))`;

const targetHeld = sql`exists (
  select 1 from instances h
  where h.target_key = i.target_key and h.id <> i.id and (h.state in ('QUEUED', 'RUNNING') or (h.state = 'WAITING' and h.handle is not null))
    and not (h.appends and i.appends))`;

const waitsForPrevious = sql`(i.depends_on_previous <> 'NONE' and i.state = 'WAITING' and i.attempt = 0 and ${previousPending})`;

/**
 * Takes the next instance that may run: highest priority, then the earliest. Claimers take turns, so that two of them
 * never start two instances that exclude each other. Null: none may.
 */
export async function claimNext(control: Control, claimer: Claimer): Promise<Instance | null> {
  return control.db.transaction(async (tx) => {
    await tx.execute(sql`select pg_advisory_xact_lock(hashtext('sampan claim'))`);
    const [next] = await tx.execute<{ id: string; state: Instance['state'] }>(sql`
      select i.id, i.state from instances i
      where i.state in ('WAITING', 'QUEUED') and i.due_at <= sampan_now() and i.memory_mb <= ${claimer.freeMemoryMb}
        and not ${waitsForPrevious} and not ${targetHeld}
      order by i.priority desc, i.scheduled_at, i.id limit 1`);
    if (next === undefined) return null;
    if (next.state === 'WAITING')
      await moveInstance(tx, next.id, {
        from: ['WAITING'],
        to: 'QUEUED',
        by: 'scheduler',
        reason: null,
        set: { waitingFor: null },
      });
    return start(tx, next.id, claimer);
  });
}

async function start(tx: Transaction, id: string, { worker, leaseSeconds }: Claimer): Promise<Instance | null> {
  const claimed = await moveInstance(tx, id, {
    from: ['QUEUED'],
    to: 'RUNNING',
    by: worker,
    reason: null,
    set: {
      attempt: sql`${instances.attempt} + 1`,
      owner: worker,
      leaseUntil: sql`sampan_now() + make_interval(secs => ${leaseSeconds})`,
      phase: 'CONNECTING',
      waitingFor: null,
      startedAt: sql`coalesce(${instances.startedAt}, sampan_now())`,
    },
  });
  if (claimed === undefined) return null;
  await tx
    .insert(attempts)
    .values({ instanceId: id, number: claimed.attempt, worker, executor: 'local', startedAt: now });
  return claimed;
}

/** Says of each instance that is due but may not run yet what it waits for. */
export async function explainWaiting(control: Control): Promise<void> {
  await control.db.execute(sql`
    with why as (
      select i.id, case when ${waitsForPrevious} then 'the previous period' when ${targetHeld} then 'another run that writes the same target' else 'a free slot' end as reason
      from instances i where i.state = 'WAITING' and i.due_at <= sampan_now() limit 1000)
    update instances set waiting_for = why.reason from why where instances.id = why.id and instances.waiting_for is distinct from why.reason and instances.state = 'WAITING'`);
}

export interface Heartbeat {
  stopTo: Instance['stopTo'];
  stopReason: string | null;
  stopBy: string | null;
  /** Under a live lease so far, in all attempts, in milliseconds. */
  ranMs: number;
  phase: Instance['phase'];
}

/** Prolongs the lease. Null: it is lost. */
export async function heartbeat(
  control: Control,
  claim: { id: string; attempt: number },
  claimer: { worker: string; leaseSeconds: number },
): Promise<Heartbeat | null> {
  const [row] = await control.db
    .update(instances)
    .set({ leaseUntil: sql`sampan_now() + make_interval(secs => ${claimer.leaseSeconds})` })
    .where(owned(claim, claimer.worker))
    .returning({
      stopTo: instances.stopTo,
      stopReason: instances.stopReason,
      stopBy: instances.stopBy,
      phase: instances.phase,
      ranMs: sql<number>`(${instances.ranMs} + extract(epoch from sampan_now() - (select started_at from attempts where instance_id = ${instances.id} and number = ${instances.attempt})) * 1000)::float8`,
    });
  return row ?? null;
}

/** The row is still this attempt's. */
export function owned(claim: { id: string; attempt: number }, worker: string) {
  return and(
    eq(instances.id, claim.id),
    eq(instances.attempt, claim.attempt),
    eq(instances.owner, worker),
    eq(instances.state, 'RUNNING'),
    sql`${instances.leaseUntil} > sampan_now()`,
  );
}
