import type { Json, PartitionValue, Split } from '@sampan/connector';
import type { Snapshot } from './snapshots.ts';

/** All that is needed to read a split, in any process: rows `start` to `start + rows` of a download session. */
export interface SplitRead {
  /** What the task reads; `table` is another where a SELECT was run for it. */
  object: string;
  table: string;
  partition: PartitionValue[];
  /** Null where there is nothing to read. */
  session: string | null;
  start: number;
  rows: number;
  columns: string[];
  /** Rows of one request; null: all of them. */
  fetchSize: number | null;
}

/** Without any wish of the target: large enough not to be many, small enough to be read again. */
const DEFAULT_BYTES = 128 * 1024 * 1024;

export interface SplitWishes {
  object: string;
  columns: string[];
  splits: number | null;
  maxBytes: number | null;
  fetchSize: number | null;
  rowBytes: number;
}

/** Even ranges of each snapshot's rows, none above what is wished for. At least one split, which may be empty. */
export function splitsOf(table: string, snapshots: readonly Snapshot[], wishes: SplitWishes): Split[] {
  const { object, columns, fetchSize } = wishes;
  const total = snapshots.reduce((sum, one) => sum + one.session.rows, 0);
  const fitting = Math.max(1, Math.floor((wishes.maxBytes ?? DEFAULT_BYTES) / wishes.rowBytes));
  const most = wishes.splits === null ? fitting : Math.min(fitting, Math.max(1, Math.ceil(total / wishes.splits)));
  const reads = snapshots.flatMap(({ partition, session }): SplitRead[] => {
    const pieces = Math.ceil(session.rows / most);
    return Array.from({ length: pieces }, (_, piece) => {
      const start = Math.floor((session.rows * piece) / pieces);
      const end = Math.floor((session.rows * (piece + 1)) / pieces);
      return { object, table, partition, session: session.id, start, rows: end - start, columns, fetchSize };
    });
  });
  if (reads.length === 0)
    reads.push({ object, table, partition: [], session: null, start: 0, rows: 0, columns, fetchSize });
  return reads.map((read, number) => ({
    number,
    description: describe(read),
    rowEstimate: read.rows,
    read: read as unknown as Json,
  }));
}

function describe({ partition, session, start, rows }: SplitRead): string {
  if (session === null) return 'no rows';
  const where = partition.map((one) => `${one.name}=${one.value}`).join(',');
  return `${where}${where === '' ? '' : ' '}rows ${start} to ${start + rows}`;
}
