import type { BlockWriter } from './block-writer.ts';
import type { BodyFormat } from './body-format.ts';
import type { Compression } from './compression.ts';
import { MaxComputeError } from './errors.ts';
import type { Http } from './http.ts';
import { writeRows } from './row-upload.ts';
import type { RowOptions } from './row-values.ts';
import type { GivenRow } from './rows.ts';
import { createUpload, reloadUpload, type UploadSession, writeBlock } from './tunnel-upload.ts';
import { commitUpload } from './upload-commit.ts';

export interface UploadOptions {
  partition?: { name: string; value: string }[];
  /** Replace the content of table or partition at commit. */
  overwrite?: boolean;
  createPartition?: boolean;
  compression?: Compression;
  /** Default `records`. Arrow is faster, but holds no TIMESTAMP outside of 1677-09-21 … 2262-04-11. */
  format?: BodyFormat;
  signal?: AbortSignal;
}

export interface Upload {
  readonly session: UploadSession;
  block(id: number): Promise<BlockWriter>;
  /**
   * The slow, easy way: writes rows as blocks of its own and sends those again that break. Calls are done one
   * after another. Not together with `block`. @throws RowError, which names row and column
   */
  write(rows: Iterable<GivenRow> | AsyncIterable<GivenRow>, options?: RowOptions): Promise<void>;
  reload(): Promise<UploadSession>;
  /**
   * @param blocks those that count; absent: those of `write`, for whose calls it waits
   * @throws MaxComputeError as `commitUpload` does; `SessionBroken` where a call of `write` has failed
   */
  commit(blocks?: readonly number[]): Promise<void>;
}

export async function openUpload(http: Http, table: string, options: UploadOptions): Promise<Upload> {
  const { partition = [], overwrite = false, createPartition = false, compression, format, signal } = options;
  const target = { table, partition, overwrite, createPartition };
  const session = await createUpload(http, target, signal);
  const open = (id: number) => writeBlock(http, target, session, id, signal, compression, format);
  const written: number[] = [];
  let way: 'blocks' | 'rows' | null = null;
  let broken = false;
  let turn: Promise<void> = Promise.resolve();
  const by = (wanted: 'blocks' | 'rows') => {
    if (way !== null && way !== wanted) throw mixed();
    way = wanted;
  };
  const write: Upload['write'] = async (rows, how) => {
    by('rows');
    const mine = turn.then(async () => {
      if (broken) throw brokenSession(session.id);
      broken = true;
      written.push(...(await writeRows({ session, open, signal }, written.length, rows, how)));
      broken = false;
    });
    turn = mine.catch(() => {});
    return mine;
  };
  return {
    session,
    block: async (id) => {
      by('blocks');
      return open(id);
    },
    write,
    reload: () => reloadUpload(http, target, session.id, signal),
    async commit(blocks) {
      if (blocks !== undefined) return commitUpload(http, target, session.id, blocks, signal);
      by('rows');
      await turn;
      if (broken) throw brokenSession(session.id);
      // What a commit without any block does is documented nowhere: one without rows is sent.
      if (written.length === 0) {
        await (await open(0)).finish();
        written.push(0);
      }
      return commitUpload(http, target, session.id, written, signal);
    },
  };
}

const brokenSession = (id: string) =>
  new MaxComputeError({
    code: 'SessionBroken',
    kind: 'data',
    message: `Not all rows of upload session ${id} could be written.`,
    hint: 'Nothing of it is visible: write all rows again in a new upload.',
  });

const mixed = () =>
  new MaxComputeError({
    code: 'BadOption',
    kind: 'bug',
    message: 'An upload is written by blocks of yours or by rows, not by both, and blocks are named at the commit.',
    hint: 'Use write and commit(), or block and commit(blocks).',
  });
