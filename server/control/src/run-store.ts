import { ConnectorError, type DirtyRecord } from '@sampan/connector';
import type { RunStore } from '@sampan/hosts/messages';
import { and, eq, gt, inArray, isNull, type SQL, sql } from 'drizzle-orm';
import { owned } from './claims.ts';
import { now } from './clock.ts';
import type { Control, Transaction } from './context.ts';
import { isDatabaseFault } from './database-errors.ts';
import {
  attempts,
  dirtyRecords,
  instances,
  logLines,
  reconciliations,
  splits,
  statements,
} from './tables/instances.ts';

/** Tells subscribers that an instance has new progress. */
export const PROGRESS_CHANNEL = 'sampan_progress';

const ROWS_A_STATEMENT = 1_000;

export interface Claim {
  id: string;
  attempt: number;
}

/**
 * The run-store of one attempt over the database. Each write happens only while the attempt owns the instance, under a
 * lock on its row: an attempt that was replaced meanwhile changes nothing and is told `LEASE_LOST`.
 */
export function createRunStore(control: Control, claim: Claim, worker: string, leaseSeconds: number): RunStore {
  const guarded = <T>(work: (tx: Transaction) => Promise<T>): Promise<T> =>
    throughOutage(leaseSeconds, () =>
      control.db.transaction(async (tx) => {
        const [mine] = await tx.select({ id: instances.id }).from(instances).where(owned(claim, worker)).for('update');
        if (mine === undefined) throw lost();
        return work(tx);
      }),
    );
  const mine = eq(instances.id, claim.id);
  const split = (number: number) => and(eq(splits.instanceId, claim.id), eq(splits.number, number));
  const here = { instanceId: claim.id, attempt: claim.attempt };
  return {
    phase: (phase) => guarded(async (tx) => void (await tx.update(instances).set({ phase }).where(mine))),
    savePlan: (planned, warnings) =>
      guarded(async (tx) => {
        const [{ planned: already }] = await tx.select({ planned: instances.planned }).from(instances).where(mine);
        if (!already) {
          const rows = planned.map((one) => ({
            instanceId: claim.id,
            number: one.number,
            split: one,
            state: 'PENDING' as const,
          }));
          for (let at = 0; at < rows.length; at += ROWS_A_STATEMENT)
            await tx.insert(splits).values(rows.slice(at, at + ROWS_A_STATEMENT));
          await tx.update(instances).set({ planned: true, warnings }).where(mine);
        }
        return (await tx.select().from(splits).where(eq(splits.instanceId, claim.id)).orderBy(splits.number)).map(
          (row) => row.split,
        );
      }),
    saveHandle: (handle, { publish, visible, resumed }) =>
      guarded(async (tx) => {
        await tx.update(instances).set({ handle, handleAttempt: claim.attempt, publish, visible }).where(mine);
        if (resumed) return;
        // Nothing of the earlier attempts counts any more.
        await tx
          .update(splits)
          .set({ state: 'PENDING', receipt: null, counts: null })
          .where(eq(splits.instanceId, claim.id));
        await tx.delete(dirtyRecords).where(eq(dirtyRecords.instanceId, claim.id));
      }),
    splitStarted: (number, { keepDirty }) =>
      guarded(async (tx) => {
        await tx.update(splits).set({ state: 'RUNNING', attempt: claim.attempt, receipt: null }).where(split(number));
        const kept = tx
          .select({ id: dirtyRecords.id })
          .from(dirtyRecords)
          .where(and(eq(dirtyRecords.instanceId, claim.id), eq(dirtyRecords.split, number)))
          .orderBy(dirtyRecords.id)
          .limit(keepDirty);
        await tx
          .delete(dirtyRecords)
          .where(
            and(
              eq(dirtyRecords.instanceId, claim.id),
              eq(dirtyRecords.split, number),
              sql`${dirtyRecords.id} not in (${kept})`,
            ),
          );
        const [{ n }] = await tx
          .select({ n: sql<number>`count(*)::int` })
          .from(dirtyRecords)
          .where(and(eq(dirtyRecords.instanceId, claim.id), eq(dirtyRecords.split, number)));
        return n;
      }),
    saveReceipt: (receipt, counts) =>
      guarded(
        async (tx) =>
          void (await tx.update(splits).set({ state: 'SEALED', receipt, counts }).where(split(receipt.split))),
      ),
    dirty: (records) => {
      const added = and(eq(dirtyRecords.instanceId, claim.id), inArray(dirtyRecords.split, splitsOf(records)));
      const anew = withoutLast(dirtyRecords, added);
      return guarded(async (tx) => {
        await anew(tx);
        for (let at = 0; at < records.length; at += ROWS_A_STATEMENT) {
          await tx
            .insert(dirtyRecords)
            .values(
              records
                .slice(at, at + ROWS_A_STATEMENT)
                .map((record) => ({ ...here, split: record.split, record: withoutNul(record) })),
            );
        }
      });
    },
    progress: (progress) =>
      guarded(async (tx) => {
        await tx.update(instances).set({ progress }).where(mine);
        await tx
          .update(attempts)
          .set({ phases: progress.timings })
          .where(and(eq(attempts.instanceId, claim.id), eq(attempts.number, claim.attempt)));
        await tx.execute(sql`select pg_notify(${PROGRESS_CHANNEL}, ${claim.id})`);
      }),
    log: (lines) =>
      guarded(
        async (tx) =>
          void (await tx.insert(logLines).values(lines.map((line) => ({ ...here, line: withoutNul(line) })))),
      ),
    statements: (ran) =>
      guarded(
        async (tx) =>
          void (await tx
            .insert(statements)
            .values(ran.map((statement) => ({ ...here, statement: withoutNul(statement) })))),
      ),
    reconciled: (result) => {
      const anew = withoutLast(reconciliations, eq(reconciliations.instanceId, claim.id));
      return guarded(async (tx) => {
        await anew(tx);
        await tx.insert(reconciliations).values({ instanceId: claim.id, at: now, mode: 'COUNT', ...result });
      });
    },
    committing: () =>
      guarded(async (tx) => {
        // A stop that was granted holds: what began to publish after it could not be stopped any more.
        const begun = await tx
          .update(instances)
          .set({ committing: true, phase: 'COMMITTING' })
          .where(and(mine, isNull(instances.stopTo)))
          .returning({ id: instances.id });
        if (begun.length === 0) throw stopAsked();
      }),
  };
}

const splitsOf = (records: readonly DirtyRecord[]) => [...new Set(records.map((record) => record.split))];

/**
 * The answer to a COMMIT may be lost with the connection: what is done again then begins by taking back what the first
 * try may have added. @param added rows to which nobody else adds meanwhile
 */
function withoutLast(
  table: typeof dirtyRecords | typeof reconciliations,
  added: SQL | undefined,
): (tx: Transaction) => Promise<void> {
  let before: number | null = null;
  return async (tx) => {
    if (before !== null) {
      await tx.delete(table).where(and(added, gt(table.id, before)));
      return;
    }
    const [{ last }] = await tx
      .select({ last: sql<string>`coalesce(max(${table.id}), 0)` })
      .from(table)
      .where(added);
    before = Number(last);
  };
}

/** PostgreSQL's JSON knows no NUL character. */
function withoutNul<T>(value: T): T {
  return JSON.parse(JSON.stringify(value).replaceAll('\\u0000', '\\u2400')) as T;
}

const AGAIN_MS = 200;

/** A database that restarts is waited for as long as the lease may last; after that the attempt is nobody's any more. */
async function throughOutage<T>(leaseSeconds: number, work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + leaseSeconds * 1_000;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isDatabaseFault(error)) throw error;
      if (Date.now() > deadline) throw lost();
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

function stopAsked(): ConnectorError {
  return new ConnectorError({ kind: 'busy', code: 'STOP_ASKED', message: 'The run was asked to stop.' });
}

function lost(): ConnectorError {
  return new ConnectorError({ kind: 'busy', code: 'LEASE_LOST', message: 'Another attempt owns this instance now.' });
}
