import { and, eq, type SQL, sql } from 'drizzle-orm';
import { now } from './clock.ts';
import type { Control, Transaction } from './context.ts';
import { attempts, instances, type Partition } from './tables/instances.ts';
import { type Instance, moveInstances } from './transitions.ts';

export interface Claimer {
  /** Names the worker process. */
  worker: string;
  leaseSeconds: number;
  /** Memory that is not reserved here, in MB. */
  freeMemoryMb: number;
  /** Cores that are not promised here, of all that may be. One run that wants more than all has what there is. */
  freeCpu: number;
  allCpu: number;
  /** Runs that may begin here, at most. */
  most: number;
}

/** Instances `p` of the same chain of periods that come before `i`, by scheduled time; skipped ones do not count. */
const earlierInChain = sql`p.task_id = i.task_id and p.chain = i.chain and p.trigger in ('SCHEDULE', 'ONLINE')
  and p.state <> 'SKIPPED' and (p.scheduled_at, p.id) < (i.scheduled_at, i.id)`;

const previousPending = sql`(
  exists (select 1 from instances p where ${earlierInChain} and p.state in ('WAITING', 'QUEUED', 'RUNNING'))
  or i.depends_on_previous = 'SUCCEEDED' and coalesce((
    select p.state <> 'SUCCEEDED' and not exists (select 1 from instances r where r.rerun_of = p.id and r.state = 'SUCCEEDED')
    from instances p where ${earlierInChain} order by p.scheduled_at desc nulls first, p.id desc nulls first limit 1), false))`;

/**
 * What waits for its retry holds its target only once it may have left something there. Partitions are apart where both
 * name a column with different values: one's laid over the other's, something of the other's is gone.
 */
const targetHeld = sql`exists (
  select 1 from instances h
  where h.target_key = i.target_key and h.id <> i.id and h.state in ('WAITING', 'QUEUED', 'RUNNING')
    and (h.state <> 'WAITING' or h.handle is not null) and not (h.appends and i.appends)
    and (h.target_partition || i.target_partition) @> h.target_partition)`;

/** An instance that had begun already keeps its place in the chain. */
const waitsForPrevious = sql`(i.depends_on_previous <> 'NONE' and i.state = 'WAITING' and i.attempt = 0 and ${previousPending})`;

interface Candidate extends Record<string, unknown> {
  id: string;
  state: Instance['state'];
  target_key: string;
  target_partition: Partition;
  appends: boolean;
  memory_mb: number;
  cpu: number;
}

/**
 * Takes instances that may run: due, with the one before out of the way, the target not held by another, and room for
 * their memory; highest priority first, then the earliest. Claimers take turns, so that two of them never start two
 * instances that exclude each other. Empty: none may.
 */
export async function claim(control: Control, claimer: Claimer): Promise<Instance[]> {
  return control.db.transaction(async (tx) => {
    await tx.execute(sql`select pg_advisory_xact_lock(hashtext('sampan claim'))`);
    const candidates = await tx.execute<Candidate>(sql`
      select i.id, i.state, i.target_key, i.target_partition, i.appends, i.memory_mb, i.cpu from instances i
      where i.state in ('WAITING', 'QUEUED') and i.due_at <= sampan_now() and i.memory_mb <= ${claimer.freeMemoryMb}
        and least(i.cpu, ${claimer.allCpu}::real) <= ${claimer.freeCpu}::real
        and not ${waitsForPrevious} and not ${targetHeld}
      order by i.priority desc nulls first, i.scheduled_at, i.id limit ${claimer.most}`);
    const chosen = together(candidates, claimer);
    await moveInstances(
      tx,
      chosen.filter((one) => one.state === 'WAITING').map((one) => one.id),
      {
        from: ['WAITING'],
        to: 'QUEUED',
        by: 'scheduler',
        reason: 'nothing stands in its way',
        set: { waitingFor: null },
      },
    );
    return start(
      tx,
      chosen.map((one) => one.id),
      claimer,
    );
  });
}

/** Of instances that may each run now, those that may begin together; the first always may. */
function together(candidates: Iterable<Candidate>, { freeMemoryMb, freeCpu, allCpu }: Claimer): Candidate[] {
  const chosen: Candidate[] = [];
  let memory = freeMemoryMb;
  let cpu = freeCpu;
  for (const one of candidates) {
    const cores = Math.min(one.cpu, allCpu);
    if (one.memory_mb > memory || cores > cpu || chosen.some((other) => excludeEachOther(one, other))) continue;
    memory -= one.memory_mb;
    cpu -= cores;
    chosen.push(one);
  }
  return chosen;
}

function excludeEachOther(one: Candidate, other: Candidate): boolean {
  if (one.target_key !== other.target_key || (one.appends && other.appends)) return false;
  return Object.entries(one.target_partition).every(([column, value]) =>
    [undefined, value].includes(other.target_partition[column]),
  );
}

async function start(tx: Transaction, ids: string[], { worker, leaseSeconds }: Claimer): Promise<Instance[]> {
  const claimed = await moveInstances(tx, ids, {
    from: ['QUEUED'],
    to: 'RUNNING',
    by: worker,
    reason: 'claimed',
    set: {
      attempt: sql`${instances.attempt} + 1`,
      owner: worker,
      leaseUntil: sql`sampan_now() + make_interval(secs => ${leaseSeconds})`,
      phase: 'CONNECTING',
      waitingFor: null,
      startedAt: sql`coalesce(${instances.startedAt}, sampan_now())`,
    },
  });
  if (claimed.length > 0) {
    await tx.insert(attempts).values(
      claimed.map((one) => ({
        instanceId: one.id,
        number: one.attempt,
        worker,
        executor: 'local',
        startedAt: now,
      })),
    );
  }
  // In the order in which they were chosen.
  return ids.flatMap((id) => claimed.filter((one) => one.id === id));
}

/**
 * Says of each instance that is due but may not run yet what it waits for. One that somebody is moving at this moment is
 * left out: waiting for its lock, with others held, could end in a deadlock with who claims.
 */
export async function explainWaiting(control: Control): Promise<void> {
  await control.db.execute(sql`
    with why as (
      select i.id, case when ${waitsForPrevious} then 'the previous period' when ${targetHeld} then 'another run that writes the same target' else 'a free slot with ' || i.memory_mb || ' MB of memory' end as reason
      from instances i where i.state = 'WAITING' and i.due_at <= sampan_now() order by i.waiting_for is not null, i.priority desc, i.scheduled_at limit 1000),
    taken as (
      select why.id, why.reason from why join instances i on i.id = why.id
      where i.state = 'WAITING' and i.waiting_for is distinct from why.reason for update of i skip locked)
    update instances set waiting_for = taken.reason from taken where instances.id = taken.id`);
}

export interface Heartbeat {
  stopTo: Instance['stopTo'];
  stopReason: string | null;
  stopBy: string | null;
  /** Under a live lease so far, in all attempts, in milliseconds. */
  ranMs: number;
  /** It is being published, or may have been. */
  committing: boolean;
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
      committing: instances.committing,
      ranMs: sql<number>`(${ranSoFar(sql`sampan_now()`)})::float8`,
    });
  return row ?? null;
}

/** Milliseconds under a live lease in all attempts, the present one up to `until`. */
export const ranSoFar = (until: SQL) => sql`${instances.ranMs} + greatest(0, coalesce((
  select extract(epoch from ${until} - a.started_at) * 1000 from attempts a
  where a.instance_id = ${instances.id} and a.number = ${instances.attempt}), 0))::bigint`;

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
