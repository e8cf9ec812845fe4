import { PostgresBackend } from '@agendajs/postgres-backend';
import { Agenda } from 'agenda';
import pg from 'pg';
import { explainWaiting } from './claims.ts';
import type { Control } from './context.ts';
import { sequence } from './events.ts';
import { planDue } from './planner.ts';
import { cleanUp, reapLeases } from './reaper.ts';
import { forgetRequests } from './requests.ts';
import { WORK_CHANNEL } from './transitions.ts';
import type { Worker } from './worker.ts';

const TICK_MS = 1_000;

export interface Running {
  stop(): Promise<void>;
}

/** Runs `work` now and whenever it is called for, never twice at once; a call during a run means one more after it. */
function coalesced(work: () => Promise<void>, failed: (error: unknown) => void): () => Promise<void> {
  let running: Promise<void> | null = null;
  let again = false;
  const round = async (): Promise<void> => {
    do {
      again = false;
      await work().catch(failed);
    } while (again);
    running = null;
  };
  return () => {
    again = true;
    running ??= round();
    return running;
  };
}

/**
 * Plans due periods, gives lost instances back and numbers transitions. Several processes may do so at once. Agenda is
 * the clock that wakes it; a timer of our own is the second one, because a tick must not depend on Agenda's locks.
 */
export async function startScheduler(control: Control, databaseUrl: string): Promise<Running> {
  const warn = (error: unknown) =>
    control.log.warn({ err: error }, 'a scheduling round failed, the next one tries again');
  const tick = coalesced(async () => {
    await planDue(control);
    await reapLeases(control);
    await sequence(control);
    await explainWaiting(control);
  }, warn);
  const clean = coalesced(() => cleanUp(control), warn);
  const numbering = coalesced(() => sequence(control), warn);
  const listening = await control.sql.listen(WORK_CHANNEL, () => void numbering());
  const timer = setInterval(() => {
    void tick();
    void clean();
  }, TICK_MS);
  const agenda = await startAgenda(control, databaseUrl, tick);
  await tick();
  return {
    async stop() {
      clearInterval(timer);
      await agenda.stop();
      await listening.unlisten().catch(() => {});
      await tick();
    },
  };
}

async function startAgenda(control: Control, databaseUrl: string, tick: () => Promise<void>): Promise<Running> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 4, idle_in_transaction_session_timeout: 10_000 });
  // A connection that the database ends while nobody uses it tells only here; unheard, it would end this process.
  pool.on('error', (error) => control.log.warn({ err: error }, 'a connection of agenda was lost'));
  const agenda = new Agenda({
    backend: new PostgresBackend({ pool, disableNotifications: true }),
    processEvery: 500,
    defaultLockLimit: 0,
    removeOnComplete: true,
  });
  agenda.on('error', (error: unknown) => control.log.warn({ err: error }, 'agenda reported an error'));
  agenda.define('tick', async () => tick());
  agenda.define('forget-requests', async () => forgetRequests(control));
  // It creates its tables at start, which two processes must not do at once.
  await control.sql.begin(async (turn) => {
    // The transaction is idle while agenda creates them, for as long as that takes on a busy machine.
    await turn`select set_config('idle_in_transaction_session_timeout', '60000', true)`;
    await turn`select pg_advisory_xact_lock(hashtext('sampan agenda'))`;
    await agenda.start();
    await agenda.every('1 second', 'tick');
    await agenda.every('1 hour', 'forget-requests');
  });
  return {
    async stop() {
      await agenda.stop();
      await pool.end();
    },
  };
}

/** Wakes the worker at every transition, and each second besides. */
export async function startClaiming(control: Control, worker: Worker): Promise<Running> {
  const wake = coalesced(
    () => worker.wake(),
    () => {},
  );
  const listening = await control.sql.listen(WORK_CHANNEL, () => void wake());
  const timer = setInterval(() => void wake(), TICK_MS);
  await wake();
  return {
    async stop() {
      clearInterval(timer);
      await listening.unlisten().catch(() => {});
    },
  };
}
