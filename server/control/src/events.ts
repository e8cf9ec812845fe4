import { and, asc, eq, getTableColumns, gt, sql } from 'drizzle-orm';
import { requireRole } from './access.ts';
import type { Actor, Control } from './context.ts';
import { BadInputError, ControlError } from './errors.ts';
import { type InstanceFilter, lasting, passing } from './instances.ts';
import { PROGRESS_CHANNEL } from './run-store.ts';
import { instances, transitions } from './tables/instances.ts';

export type Transition = typeof transitions.$inferSelect;

const SEQUENCED_CHANNEL = 'sampan_sequenced';
const AT_ONCE = 1_000;

/**
 * Numbers transitions that were committed, in one order without gaps. A number taken inside the transactions would let a
 * reader pass by one that commits late.
 */
export async function sequence(control: Control): Promise<void> {
  for (;;) {
    const numbered = await control.db.transaction(async (tx) => {
      const [{ mine }] = await tx.execute<{ mine: boolean }>(
        sql`select pg_try_advisory_xact_lock(hashtext('sampan sequencer')) as mine`,
      );
      if (!mine) return 0;
      const rows = await tx.execute(sql`
        with last as (select coalesce(max(sequence), 0) as n from transitions),
          waiting as (select id, row_number() over (order by id) as n from transitions where sequence is null order by id limit ${AT_ONCE})
        update transitions t set sequence = last.n + waiting.n from waiting, last where t.id = waiting.id returning t.id`);
      if (rows.length > 0) await tx.execute(sql`select pg_notify(${SEQUENCED_CHANNEL}, '')`);
      return rows.length;
    });
    if (numbered < AT_ONCE) return;
  }
}

/** The number of the last event: a subscription that begins behind it misses nothing that comes after this moment. */
export async function eventCursor(control: Control): Promise<string> {
  const [{ last }] = await control.db.execute<{ last: string }>(
    sql`select coalesce(max(sequence), 0)::text as last from transitions`,
  );
  return last;
}

export interface InstanceEvent {
  /** Null for progress. */
  cursor: string | null;
  instanceId: string;
  transition: Transition | null;
  left: boolean;
}

export interface Watch {
  workspaceId: string;
  instanceId?: string | undefined;
  filter?: InstanceFilter | undefined;
  after?: string | null | undefined;
}

/** Wake-ups of one process, shared by all its subscriptions: one LISTEN, however many listen. */
export interface EventHub {
  /** Calls back when transitions were numbered, or an instance has progress. */
  listen(listener: (progressOf: string | null) => void): () => void;
  stop(): Promise<void>;
}

const POLL_MS = 2_000;

export async function startEventHub(control: Control): Promise<EventHub> {
  const listeners = new Set<(progressOf: string | null) => void>();
  const tell = (progressOf: string | null) => {
    for (const listener of listeners) listener(progressOf);
  };
  const listening = [
    await control.sql.listen(
      SEQUENCED_CHANNEL,
      () => tell(null),
      () => tell(null),
    ),
    await control.sql.listen(PROGRESS_CHANNEL, (id) => tell(id)),
  ];
  // A notice can be lost with its connection; the rows are not.
  const timer = setInterval(() => tell(null), POLL_MS);
  return {
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(listening.map((one) => one.unlisten().catch(() => {})));
    },
  };
}

/**
 * Transitions in order, each at least once by cursor, and progress in between, last value only. A single instance's
 * stream begins with a progress event that shows its present state. Whoever stops reading calls `return()`.
 * @throws ControlError `CURSOR_EXPIRED`, NotFoundError, ForbiddenError
 */
export function watchInstances(
  control: Control,
  hub: EventHub,
  actor: Actor,
  watch: Watch,
): AsyncGenerator<InstanceEvent> {
  const waking: Waking = { pending: true, changed: new Set(), closed: false, wake: () => {} };
  const events = follow(control, hub, actor, watch, waking);
  const close = events.return.bind(events);
  // A generator that waits for an event hears of its end only after the next one: it is woken for it.
  events.return = (value) => {
    waking.closed = true;
    waking.wake();
    return close(value);
  };
  return events;
}

interface Waking {
  /** Transitions may have been numbered. */
  pending: boolean;
  /** Instances with progress. */
  changed: Set<string>;
  closed: boolean;
  wake(): void;
}

async function* follow(
  control: Control,
  hub: EventHub,
  actor: Actor,
  watch: Watch,
  waking: Waking,
): AsyncGenerator<InstanceEvent> {
  await requireRole(control, actor, watch.workspaceId, 'VIEWER');
  let cursor = watch.after == null ? BigInt(await eventCursor(control)) : await checkedCursor(control, watch.after);
  const stop = hub.listen((progressOf) => {
    if (progressOf === null) waking.pending = true;
    else if (watch.instanceId === undefined || watch.instanceId === progressOf) waking.changed.add(progressOf);
    waking.wake();
  });
  try {
    if (watch.instanceId !== undefined && watch.after == null) yield progressEvent(watch.instanceId);
    while (!waking.closed) {
      while (waking.pending) {
        waking.pending = false;
        for (const transition of await after(control, watch, cursor)) {
          cursor = BigInt(transition.sequence as number);
          const told = meets(transition, watch.filter ?? {});
          if (told !== null)
            yield { cursor: String(cursor), instanceId: transition.instanceId, transition, left: told === 'left' };
          waking.pending = true;
        }
      }
      for (const id of waking.changed) {
        waking.changed.delete(id);
        if (await isWatched(control, watch, id)) yield progressEvent(id);
      }
      await new Promise<void>((resolve) => {
        waking.wake = resolve;
        if (waking.closed || waking.pending || waking.changed.size > 0) resolve();
      });
    }
  } finally {
    stop();
  }
}

const progressEvent = (instanceId: string): InstanceEvent => ({
  cursor: null,
  instanceId,
  transition: null,
  left: false,
});

async function checkedCursor(control: Control, given: string): Promise<bigint> {
  if (!/^\d{1,18}$/.test(given))
    throw new BadInputError(
      'That is not a cursor of this stream.',
      'Take cursors from events or from eventCursor, unchanged.',
    );
  const [{ first }] = await control.db.execute<{ first: string | null }>(
    sql`select min(sequence)::text as first from transitions`,
  );
  if (first !== null && BigInt(given) + 1n < BigInt(first)) {
    throw new ControlError({
      code: 'CURSOR_EXPIRED',
      message: 'The events after that cursor are not kept any more.',
      hint: 'Read the list again and go on from its eventCursor.',
    });
  }
  return BigInt(given);
}

/** Null where neither the state before nor the one after is in the filter. */
function meets({ from, to, snapshot }: Transition, filter: InstanceFilter): 'in' | 'left' | null {
  const states = filter.states?.length ? filter.states : null;
  const wanted = filter.needsDecision ?? null;
  if ((states?.includes(to) ?? true) && (wanted === null || snapshot.needsDecision === wanted)) return 'in';
  // Whether a decision was needed is no state: what runs may be waiting for one.
  const was = from !== null && (states?.includes(from) ?? true) && (wanted !== true || from === 'RUNNING');
  return was ? 'left' : null;
}

function after(control: Control, watch: Watch, cursor: bigint): Promise<Transition[]> {
  return control.db
    .select(getTableColumns(transitions))
    .from(transitions)
    .innerJoin(instances, eq(instances.id, transitions.instanceId))
    .where(
      and(
        gt(transitions.sequence, Number(cursor)),
        eq(transitions.workspaceId, watch.workspaceId),
        watch.instanceId === undefined ? undefined : eq(transitions.instanceId, watch.instanceId),
        ...lasting(watch.filter ?? {}),
      ),
    )
    .orderBy(asc(transitions.sequence))
    .limit(500);
}

async function isWatched(control: Control, watch: Watch, id: string): Promise<boolean> {
  if (watch.instanceId === id) return true;
  const filter = watch.filter ?? {};
  const [row] = await control.db
    .select({ id: instances.id })
    .from(instances)
    .where(
      and(eq(instances.id, id), eq(instances.workspaceId, watch.workspaceId), ...lasting(filter), ...passing(filter)),
    );
  return row !== undefined;
}
