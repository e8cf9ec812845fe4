import type { Session } from '@sampan/connector';
import {
  type BodyFormat,
  type Compression,
  commitUpload,
  createDownload,
  createUpload,
  type DecodedBatch,
  type Http,
  readRows,
  runSql,
  writeBlock,
} from '@sampan/maxcompute';
import { WIDE, WIDE_COLUMNS } from './bench-table.ts';

/** A way of rows through the tunnel. */
export interface Way {
  name: string;
  format: BodyFormat;
  compression: Compression;
}

/** Records and Arrow, each plain and packed by what every Node.js has. */
export const WAYS: readonly Way[] = (['records', 'arrow'] as const).flatMap((format) =>
  (['identity', 'deflate'] as const).map((compression) => ({
    name: `${format}_${compression === 'identity' ? 'plain' : compression}`,
    format,
    compression,
  })),
);

/** Rows of a block: several blocks make a copy of millions. */
const BLOCK_ROWS = 500_000;
const at = (table: string) => ({ table, partition: [] });

export async function createTable(http: Http, table: string): Promise<void> {
  const columns = WIDE_COLUMNS.map(({ name, type }) => `${name} ${type}`).join(', ');
  await runSql(http, `CREATE TABLE ${table} (${columns})`);
}

/** Uploads batches into a table of their own, block by block; the rows. */
async function upload(http: Http, table: string, way: Way, batches: AsyncIterable<DecodedBatch>): Promise<number> {
  const session = await createUpload(http, at(table));
  const blocks: number[] = [];
  let rows = 0;
  const open = () => writeBlock(http, at(table), session, blocks.length, undefined, way.compression, way.format);
  let block = await open();
  const seal = async () => {
    rows += (await block.finish()).rows;
    blocks.push(blocks.length);
  };
  for await (const batch of batches) {
    if (block.rows >= BLOCK_ROWS) {
      await seal();
      block = await open();
    }
    await block.write(batch.columns, batch.rows);
  }
  await seal();
  await commitUpload(http, at(table), session.id, blocks);
  return rows;
}

/** All of the benchmarks' table in MySQL, read by the connector. */
async function* sourceRows({ source }: Session): AsyncGenerator<DecodedBatch> {
  const { signal } = new AbortController();
  const columns = WIDE_COLUMNS.map((column) => column.name);
  const spec = { object: WIDE, columns, where: null, splitKey: null, splits: null, fetchSize: null, options: {} };
  const plan = await source!.plan({ ...spec, maxBytes: null }, signal);
  for (const split of plan.splits) {
    for await (const batch of source!.read(split, null, signal)) {
      yield batch;
      batch.release();
    }
  }
}

/** MySQL → `table`. */
export const copyIn = (http: Http, source: Session, way: Way, table: string): Promise<number> =>
  upload(http, table, way, sourceRows(source));

/** `from` → columns → `to`, there and back the same way. */
export async function copyBack(http: Http, way: Way, from: string, to: string): Promise<number> {
  const session = await createDownload(http, at(from));
  return upload(http, to, way, readRows(http, at(from), session, 0, session.rows, way));
}
