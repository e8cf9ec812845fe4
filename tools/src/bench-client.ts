import { type BodyFormat, createDownload, createUpload, Http, readRows, writeBlock } from '@sampan/maxcompute';
import { BATCH, columnsOf, TABLE } from './bench-columns.ts';

/** A client of the tunnel of `tunnel-replay.ts`. */
export const openClient = (url: string): Http =>
  new Http({ endpoint: `${url}/api`, tunnelEndpoint: url, project: 'p', accessId: 'a', accessKey: 'k' });

/** Sends the same batch until so many rows went; how many. */
export async function upload(http: Http, rows: number): Promise<number> {
  const columns = columnsOf();
  const session = await createUpload(http, TABLE);
  const block = await writeBlock(http, TABLE, session, 0);
  for (let written = 0; written < rows; written += BATCH) await block.write(columns, BATCH);
  return (await block.finish()).rows;
}

export async function download(http: Http, format: BodyFormat): Promise<number> {
  const session = await createDownload(http, TABLE);
  let rows = 0;
  for await (const batch of readRows(http, TABLE, session, 0, session.rows, { format })) rows += batch.rows;
  return rows;
}
