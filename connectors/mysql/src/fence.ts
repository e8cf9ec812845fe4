import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectorError, type Lease } from '@sampan/connector';
import { aborted } from './connection.ts';
import { indexLiteral } from './sql.ts';
import { adoptStaging, RUN, SLOT } from './staging.ts';
import { type Connect, errnoOf, inTransaction, type Link, openLink, whileLocked } from './target-link.ts';

/** Connections one attempt may hold at a time: its writers, and those that verify, commit or ask. */
const SEATS = 32;
export const MAX_WRITERS = 16;
/** How long a takeover waits for what the earlier attempt's statements still hold. */
const PATIENCE_MS = 120_000;

export type RunState = 'open' | 'committed' | 'aborted';

export interface RunRow {
  attempt: number;
  state: RunState;
  shape: string | null;
  postSqlDone: boolean;
}

export const deadline = () => Date.now() + PATIENCE_MS;

export const ofInstance = ({ instance }: Lease) => `instance = ${indexLiteral(instance)}`;

/** Named locks are the server's, not the database's: names hold 64 characters at most. */
function seatName(database: string, instance: string, attempt: number, seat: number): string {
  const key = createHash('sha256').update(`${database}\0${instance}`).digest('hex').slice(0, 24);
  return `sampan:${key}:${attempt}:${seat}`;
}

export function fenced({ instance, attempt }: Lease, highest: number | null): ConnectorError {
  const why = highest === null ? 'it has ended' : `attempt ${highest} has taken over`;
  return new ConnectorError({
    kind: 'busy',
    code: 'FENCED',
    message: `Attempt ${attempt} of instance ${instance} may not write any more: ${why}.`,
    hint: 'Nothing is to be done: the newer attempt goes on with the work.',
  });
}

export async function readRun(link: Link, lease: Lease, lock = false): Promise<RunRow | null> {
  const sql = `SELECT attempt, state, shape, post_sql_done AS done FROM ${RUN} WHERE ${ofInstance(lease)}${lock ? ' FOR UPDATE' : ''}`;
  const [row] = await link.rows(sql, 'reading sampan_run').catch((error) => {
    if (errnoOf(error) === 1146) return [];
    throw error;
  });
  if (row === undefined) return null;
  const shape = row.shape === null ? null : String(row.shape);
  return {
    attempt: Number(row.attempt),
    state: String(row.state) as RunState,
    shape,
    postSqlDone: Number(row.done) === 1,
  };
}

/**
 * A connection that holds one of the attempt's named locks, so that a higher attempt finds and kills it. It has read
 * the run row after taking the lock: whoever raised the attempt before held all of these locks, or is seen here.
 */
export async function openSeat(
  connect: Connect,
  lease: Lease,
  signal: AbortSignal | undefined,
  localInfile = false,
): Promise<Link> {
  const link = await openLink(connect, signal, localInfile);
  try {
    await takeSeat(link, lease);
    return link;
  } catch (error) {
    link.cut();
    throw error;
  }
}

async function takeSeat(link: Link, lease: Lease): Promise<void> {
  const database = await databaseOf(link);
  const first = Math.floor(Math.random() * SEATS);
  for (let i = 0; i < SEATS; i++) {
    const name = seatName(database, lease.instance, lease.attempt, (first + i) % SEATS);
    const [row] = await link.rows(`SELECT GET_LOCK('${name}', 0) AS got`, 'taking a named lock');
    if (Number(row.got) === 1) return;
  }
  const run = await readRun(link, lease);
  if (run !== null && run.attempt > lease.attempt) throw fenced(lease, run.attempt);
  throw new ConnectorError({
    kind: 'busy',
    code: 'SEATS_TAKEN',
    message: `All ${SEATS} named locks of attempt ${lease.attempt} are held.`,
    hint: 'Another attempt is just taking over, or earlier connections have not ended yet.',
  });
}

async function databaseOf(link: Link): Promise<string> {
  const [row] = await link.rows('SELECT DATABASE() AS name', 'asking for the database');
  return String(row.name);
}

/** As `openSeat`, after a takeover where an earlier attempt still stands. Null: there is no such run. */
export async function enter(
  connect: Connect,
  lease: Lease,
  signal: AbortSignal | undefined,
): Promise<{ link: Link; run: RunRow | null }> {
  const link = await openSeat(connect, lease, signal);
  try {
    let run = await readRun(link, lease);
    if (run !== null && run.attempt < lease.attempt) {
      await takeOver(link, lease);
      run = await readRun(link, lease);
    }
    if (run !== null && run.attempt > lease.attempt) throw fenced(lease, run.attempt);
    return { link, run };
  } catch (error) {
    link.cut();
    throw error;
  }
}

/** Ends every lower attempt's connections, raises the attempt, and takes its staging tables. */
export async function takeOver(link: Link, lease: Lease): Promise<void> {
  const until = deadline();
  const database = await databaseOf(link);
  for (;;) {
    const run = await readRun(link, lease);
    if (run === null || run.attempt === lease.attempt) return;
    if (run.attempt > lease.attempt) throw fenced(lease, run.attempt);
    await evict(link, database, lease, run.attempt, until);
    const raised = await raise(link, lease, run.attempt, until);
    for (let seat = 0; seat < SEATS; seat++) {
      await link.rows(
        `SELECT RELEASE_LOCK('${seatName(database, lease.instance, run.attempt, seat)}')`,
        'releasing a named lock',
      );
    }
    if (raised) return adopt(link, lease);
  }
}

/** Kills whoever holds a lock of the earlier attempt and takes all of its locks. */
async function evict(link: Link, database: string, lease: Lease, attempt: number, until: number): Promise<void> {
  for (let seat = 0; seat < SEATS; seat++) {
    const name = seatName(database, lease.instance, attempt, seat);
    for (;;) {
      const [row] = await link.rows(
        `SELECT GET_LOCK('${name}', 0) AS got, IS_USED_LOCK('${name}') AS holder`,
        'taking over named locks',
      );
      if (Number(row.got) === 1) break;
      if (row.holder !== null) await kill(link, Number(row.holder));
      if (link.signal?.aborted) throw aborted();
      if (Date.now() > until) throw stillHeld(attempt, row.holder === null ? null : Number(row.holder));
      await sleep(50);
    }
  }
}

/** Ends every other connection of this attempt: its writers, or a commit whose answer never came. */
export async function killOthers(link: Link, lease: Lease): Promise<void> {
  const database = await databaseOf(link);
  for (let seat = 0; seat < SEATS; seat++) {
    const name = seatName(database, lease.instance, lease.attempt, seat);
    const [row] = await link.rows(
      `SELECT IS_USED_LOCK('${name}') AS holder, CONNECTION_ID() AS self`,
      'looking for connections',
    );
    if (row.holder !== null && String(row.holder) !== String(row.self)) await kill(link, Number(row.holder));
  }
}

/** The run row under its lock: whatever transaction is about to decide the run has ended by then. */
export async function lockedRun(link: Link, lease: Lease): Promise<RunRow | null> {
  const until = deadline();
  let tries = 0;
  return whileLocked(link.signal, until, async () => {
    // A COMMIT under way is waited for; a session whose client has vanished would hold the lock for hours.
    if (++tries === 3) await killOthers(link, lease);
    return inTransaction(link, () => readRun(link, lease, true));
  });
}

/** Unknown ids have ended by themselves. A foreign user's connection cannot be killed: it is waited for. */
async function kill(link: Link, id: number): Promise<void> {
  await link.change(`KILL CONNECTION ${id}`, 'ending a connection of an earlier attempt').catch((error) => {
    const errno = errnoOf(error);
    if (errno !== 1094 && errno !== 1095) throw error;
  });
}

function stillHeld(attempt: number, holder: number | null): ConnectorError {
  return new ConnectorError({
    kind: 'busy',
    code: 'EARLIER_ATTEMPT_ALIVE',
    message: `Connection ${holder ?? '(unknown)'} of attempt ${attempt} has not ended.`,
    hint: 'It may be rolling back. Where it belongs to another user, an administrator can KILL it.',
  });
}

async function raise(link: Link, lease: Lease, from: number, until: number): Promise<boolean> {
  return whileLocked(link.signal, until, () =>
    inTransaction(link, async () => {
      const sql = `UPDATE ${RUN} SET attempt = ${lease.attempt}, changed = UTC_TIMESTAMP(6) WHERE ${ofInstance(lease)} AND attempt = ${from}`;
      const { affectedRows } = await link.change(sql, 'raising the attempt');
      if (affectedRows === 0) return false;
      await link.change(
        `UPDATE ${SLOT} SET attempt = ${lease.attempt} WHERE ${ofInstance(lease)}`,
        'taking over slots',
      );
      return true;
    }),
  );
}

/** Staging tables of lower attempts become this one's. DDL waits for statements that are still being rolled back. */
export async function adopt(link: Link, lease: Lease): Promise<void> {
  const own = await link.rows(
    `SELECT split FROM ${SLOT} WHERE ${ofInstance(lease)} AND own = 1 AND sealed = 1`,
    'reading slots',
  );
  const sealed = new Set(own.map((row) => Number(row.split)));
  await whileLocked(link.signal, deadline(), () => adoptStaging(link, lease, sealed));
}
