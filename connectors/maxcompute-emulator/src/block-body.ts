import type { Readable } from 'node:stream';
import {
  type ColumnData,
  compressionOf,
  MaxComputeError,
  openDecoder,
  packingError,
  parseType,
  unpacker,
} from '@sampan/maxcompute';
import { Refusal } from './refusal.ts';
import type { Request } from './request.ts';
import type { ColumnDefinition } from './storage.ts';

export const MAX_FIELD_BYTES = 8 * 1024 * 1024;
const BATCH_ROWS = 8_192;

/** What takes the rows of a body. */
export interface BlockSink {
  append(columns: readonly ColumnData[], rows: number): Promise<void>;
  finish(): Promise<{ bytes: number; nanos: string[]; raw: string[] }>;
  readonly rows: number;
}

/** Reads the body as it comes and checks it to its last byte. */
export async function takeBlock(request: Request, target: BlockSink, columns: ColumnDefinition[]) {
  let taken = 0;
  try {
    const types = columns.map((column) => parseType(column.type));
    const limits = { rows: BATCH_ROWS, fieldBytes: MAX_FIELD_BYTES };
    const decoder = openDecoder(request.query.has('arrow') ? 'arrow' : 'records', types, limits);
    // The answer to a broken stream goes over the connection it came from: reading must not destroy it.
    for await (const chunk of bodyOf(request).iterator({ destroyOnReturn: false })) {
      taken += (chunk as Buffer).length;
      if (taken > (request.cutAfter ?? Number.POSITIVE_INFINITY)) {
        request.message.socket.destroy();
        throw new Error('The connection was cut.');
      }
      for (const batch of decoder.push(chunk as Buffer)) await target.append(batch.columns, batch.rows);
    }
    for (const last of decoder.end()) await target.append(last.columns, last.rows);
  } catch (error) {
    const known = error instanceof MaxComputeError ? error : packingError(error as Error);
    if (known === null) throw error;
    throw new Refusal(400, known.code === 'TruncatedDataStream' ? 'IncompleteBody' : known.code, known.message);
  }
  return { rows: target.rows, ...(await target.finish()) };
}

function bodyOf(request: Request): Readable {
  const unpacking = unpackerOf(request);
  if (unpacking === null) return request.message;
  // Not `pipeline`: it would end the connection over which broken data is to be refused.
  request.message.once('close', () => {
    if (!request.message.complete) unpacking.destroy(new Error('The connection was lost.'));
  });
  return request.message.pipe(unpacking);
}

function unpackerOf(request: Request) {
  try {
    return unpacker(compressionOf(request.headers['content-encoding']));
  } catch (error) {
    throw new Refusal(400, 'InvalidCompression', (error as Error).message);
  }
}
