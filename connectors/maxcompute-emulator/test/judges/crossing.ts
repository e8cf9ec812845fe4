import {
  type BodyFormat,
  type ColumnData,
  type Compression,
  commitUpload,
  createDownload,
  createUpload,
  type Http,
  type OdpsColumn,
  readRows,
  writeBlock,
} from '@sampan/maxcompute';
import { columnOf, EDGES, type Text, textOf } from './cells.ts';

export const TYPES = Object.keys(EDGES);
export const NAMES = TYPES.map((_, at) => `c${at}`);
const MOST = Math.max(...TYPES.map((type) => EDGES[type].length));
/** Rows in which each type goes through its edges again and again. */
export const ROWS: Text[][] = Array.from({ length: MOST * 2 }, (_, row) =>
  TYPES.map((type) => EDGES[type][row % EDGES[type].length]),
);

/** By our client: blocks of rows as text. */
export async function writeBlocks(
  http: Http,
  table: string,
  blocks: Text[][][],
  compression: Compression = 'identity',
  format: BodyFormat = 'records',
): Promise<void> {
  const target = { table, partition: [] };
  const session = await createUpload(http, target);
  for (const [id, rows] of blocks.entries()) {
    const block = await writeBlock(http, target, session, id, undefined, compression, format);
    const columns = session.columns.map(
      (column, at): ColumnData =>
        columnOf(
          column.type,
          rows.map((row) => row[at]),
        ),
    );
    await block.write(columns, rows.length);
    await block.finish();
  }
  await commitUpload(http, target, session.id, [...blocks.keys()]);
}

/** By our client: the rows of a table as text. */
export async function readTable(
  http: Http,
  table: string,
  compression: Compression = 'identity',
  format: BodyFormat = 'records',
): Promise<Text[][]> {
  const of = { table, partition: [] };
  const session = await createDownload(http, of);
  const rows: Text[][] = [];
  for await (const batch of readRows(http, of, session, 0, session.rows, { compression, format })) {
    for (let row = 0; row < batch.rows; row++)
      rows.push(session.columns.map((column: OdpsColumn, at) => textOf(column.type, batch.columns[at], row)));
  }
  return rows;
}
