import { ConnectorError, type DirtyRecord } from '@sampan/connector';
import type { ProgressCounts, RunStore } from './run-store.ts';

/** Keeps dirty records, and stops the run where there are too many. */
export interface DirtyLimit {
  /** @throws ConnectorError `DIRTY_LIMIT` */
  add(records: DirtyRecord[], total: ProgressCounts): Promise<void>;
  /**
   * The share is exact only at the end; and dirty rows of earlier attempts are only counted. @throws ConnectorError
   * `DIRTY_LIMIT`
   */
  atEnd(total: ProgressCounts): void;
}

/** Records kept with their values; the rest are only counted. */
const MOST_KEPT = 10_000;
/** A share of fewer rows than this says nothing yet. */
const SHARE_FROM = 10_000;

export function createDirtyLimit(store: RunStore, most: number | null, share: number | null): DirtyLimit {
  let kept = 0;
  let first: DirtyRecord | null = null;
  const refuse = (total: ProgressCounts, limit: string) => {
    const example =
      first === null
        ? ''
        : ` The first: column "${first.column ?? '?'}", value ${first.value === null ? 'NULL' : `"${first.value.slice(0, 100)}"`}: ${first.reason}.`;
    return new ConnectorError({
      kind: 'data',
      code: 'DIRTY_LIMIT',
      message: `${total.rowsDirty} of ${total.rowsRead} rows are dirty, allowed are ${limit}.${example}`,
      hint: 'See the dirty records; mend the mapping or the data, or raise the limit.',
    });
  };
  const overRows = (total: ProgressCounts) => most !== null && total.rowsDirty > most;
  // Divided, not multiplied: 29 of 100 are exactly 0.29, while 0.29 × 100 is a little less than 29.
  const overShare = (total: ProgressCounts) =>
    share !== null && total.rowsRead > 0 && total.rowsDirty / total.rowsRead > share;
  return {
    async add(records, total) {
      first ??= records[0] ?? null;
      const room = Math.max(0, MOST_KEPT - kept);
      if (room > 0) await store.dirty(records.slice(0, room));
      kept += records.length;
      if (overRows(total)) throw refuse(total, `${most}`);
      if (total.rowsRead >= SHARE_FROM && overShare(total)) throw refuse(total, `a share of ${share}`);
    },
    atEnd(total) {
      if (overRows(total)) throw refuse(total, `${most}`);
      if (overShare(total)) throw refuse(total, `a share of ${share}`);
    },
  };
}
