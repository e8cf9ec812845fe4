import { Refusal } from './refusal.ts';
import { type Block, type Manifest, type Partition, partitionOf } from './storage.ts';

/** Rows of it can be changed: UPDATE, DELETE and MERGE INTO are for such tables. */
export const isTransactional = ({ properties }: Manifest) => properties.transactional?.toLowerCase() === 'true';

/** One row for each primary key. */
export const isDelta = (manifest: Manifest) => isTransactional(manifest) && manifest.primaryKey.length > 0;

/** Appending would put a key there twice. @throws Refusal */
export function refuseDelta(manifest: Manifest): void {
  if (isDelta(manifest))
    throw new Refusal(
      400,
      'InvalidArgument',
      `Table ${manifest.name} has a primary key: it takes upsert sessions, no uploads.`,
    );
}

const BUCKETS = 16;
const MOST_BUCKETS = 4_096;

/** Over how many buckets the keys of a Delta table are spread; null where the property says no such number. */
export function bucketCount(properties: { [name: string]: string }): number | null {
  const text = properties['write.bucket.num'] ?? String(BUCKETS);
  return /^[1-9]\d{0,3}$/.test(text) && Number(text) <= MOST_BUCKETS ? Number(text) : null;
}

/** The same files in the same order: nobody has changed it meanwhile. */
const sameBlocks = (one: Partition, other: Partition) =>
  one.blocks.length === other.blocks.length && one.blocks.every((block, at) => block.file === other.blocks[at].file);

/** Whether a partition still holds what it did; one that was not there holds nothing. */
export function isAsBefore(before: Manifest, now: Manifest, spec: string): boolean {
  const [then, there] = [before, now].map((one) => partitionOf(one, spec) ?? { spec, createdAt: '', blocks: [] });
  return before.id === now.id && sameBlocks(then, there);
}

/** The manifest with other blocks in a partition. */
export const withBlocksOf = (manifest: Manifest, spec: string, blocks: Block[]): Manifest => ({
  ...manifest,
  partitions: manifest.partitions.map((one) => (one.spec === spec ? { ...one, blocks } : one)),
});
