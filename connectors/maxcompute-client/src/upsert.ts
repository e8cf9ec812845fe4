import type { ColumnData } from './columns.ts';
import type { Compression } from './compression.ts';
import { MaxComputeError } from './errors.ts';
import type { Http } from './http.ts';
import { abortUpsert, createUpsert, reloadUpsert, type UpsertSession } from './tunnel-upsert.ts';
import { commitUpsert } from './upsert-commit.ts';
import { type UpsertOperation, type UpsertPack, UpsertPacker } from './upsert-packs.ts';
import { keepAlive, sendPack, sendPacks } from './upsert-send.ts';

export interface UpsertOptions {
  partition?: { name: string; value: string }[];
  /** How many slots of the tunnel's quota the session asks for (default 1). */
  slots?: number;
  /** Hours until it expires, 1 to 24. */
  lifecycle?: number;
  compression?: Compression;
  signal?: AbortSignal;
}

/**
 * Rows by key into a Delta table, all visible at the commit or none. Of rows with one key the last one given counts.
 * Calls one after another: `write` and `delete` keep the order in which they are called.
 */
export interface Upsert {
  readonly session: UpsertSession;
  /** Rows given so far. */
  readonly rows: number;
  /** Columns in the order of `session.columns`. @throws MaxComputeError `NullKey`, and whatever sending meets */
  write(columns: readonly ColumnData[], rows: number): Promise<void>;
  /** Removes the rows with these keys. Only the columns of the key need values. */
  delete(columns: readonly ColumnData[], rows: number): Promise<void>;
  /** Sends what is still held back. `commit` does it by itself. */
  flush(): Promise<void>;
  reload(): Promise<UpsertSession>;
  /** @throws MaxComputeError as `commitUpsert` does */
  commit(): Promise<void>;
  /** Nothing of it will be visible. @throws MaxComputeError `StatusConflict` where it was committed */
  abort(): Promise<void>;
}

export async function openUpsert(http: Http, table: string, options: UpsertOptions): Promise<Upsert> {
  const { partition = [], slots, lifecycle, compression, signal } = options;
  const of = { table, partition };
  const asked = { ...of, ...(slots === undefined ? {} : { slots }), ...(lifecycle === undefined ? {} : { lifecycle }) };
  const session = await createUpsert(http, asked, signal);
  const packer = new UpsertPacker(session);
  const end = keepAlive(http, of, session.id);
  let failed = false;
  const send = async (packs: UpsertPack[]) => {
    // A pack that is missing would be missed by nobody: the service commits what it has.
    if (failed) throw broken(session.id);
    failed = true;
    await sendPacks(packs, (pack) => sendPack(http, of, session, pack, compression, signal));
    failed = false;
  };
  const give = async (operation: UpsertOperation, columns: readonly ColumnData[], rows: number) =>
    send(packer.add(operation, columns, rows));
  return {
    session,
    get rows() {
      return packer.rows;
    },
    write: (columns, rows) => give('upsert', columns, rows),
    delete: (columns, rows) => give('delete', columns, rows),
    flush: async () => send(packer.flush()),
    reload: () => reloadUpsert(http, of, session.id, signal),
    async commit() {
      await send(packer.flush());
      await commitUpsert(http, of, session.id, signal);
      end();
    },
    async abort() {
      end();
      await abortUpsert(http, of, session.id, signal);
    },
  };
}

const broken = (id: string) =>
  new MaxComputeError({
    code: 'SessionBroken',
    kind: 'data',
    message: `Rows of upsert session ${id} could not be sent, or were given while others were on their way.`,
    hint: 'Abort it, and write all rows again in a new session; await each call.',
  });
