import type { PartitionValue } from '@sampan/connector';
import { createDownload, type DownloadSession, type Http, readRows } from '@sampan/maxcompute';

/** One download session: a table or partition as it was when the run was planned. */
export interface Snapshot {
  table: string;
  partition: PartitionValue[];
  session: DownloadSession;
}

/** Sessions that are opened at the same time; each takes a slot of the tunnel for a moment. */
const AT_ONCE = 4;

/** A session for each partition, in their order. What others commit from now on is not read. */
export async function openSnapshots(
  http: Http,
  table: string,
  partitions: readonly PartitionValue[][],
  signal: AbortSignal,
): Promise<Snapshot[]> {
  const opened: Snapshot[] = [];
  let next = 0;
  const lane = async () => {
    while (next < partitions.length) {
      const at = next++;
      const partition = partitions[at];
      try {
        opened[at] = { table, partition, session: await createDownload(http, { table, partition }, signal) };
      } catch (error) {
        next = partitions.length;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return opened;
}

const SAMPLE_ROWS = 300;

/** Bytes of a row in memory, from a few of them at the beginning, in the middle and at the end of the largest snapshot. */
export async function bytesOfRow(
  http: Http,
  snapshots: readonly Snapshot[],
  columns: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const largest = snapshots.reduce((a, b) => (b.session.rows > a.session.rows ? b : a));
  const total = largest.session.rows;
  const starts = total <= 3 * SAMPLE_ROWS ? [0] : [0, Math.floor(total / 2), total - SAMPLE_ROWS];
  let rows = 0;
  let bytes = 0;
  for (const start of starts) {
    const count = Math.min(SAMPLE_ROWS, total - start);
    for await (const batch of readRows(http, largest, largest.session, start, count, { columns, signal })) {
      rows += batch.rows;
      for (const { offsets, values, items } of batch.columns) {
        bytes += offsets?.[batch.rows] ?? batch.rows * (values?.BYTES_PER_ELEMENT ?? (items === undefined ? 0 : 64));
      }
      // The first batch says enough, and rows may be huge.
      break;
    }
  }
  return rows === 0 ? 1 : Math.max(1, bytes / rows);
}
