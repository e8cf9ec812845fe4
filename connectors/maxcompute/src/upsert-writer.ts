import { type Batch, ConnectorError, type DirtyRow, type Receipt, type Writer } from '@sampan/connector';
import {
  abortUpsert,
  type ColumnData,
  type Http,
  keepAlive,
  reloadUpsert,
  sendPack,
  sendPacks,
  UpsertPacker,
  type UpsertSession,
} from '@sampan/maxcompute';
import { asConnectorError, told } from './errors.ts';
import { type Handle, uploadOf } from './handle.ts';
import { KeySet, keyWords } from './key-set.ts';
import { PackSpool } from './pack-spool.ts';
import { refusedRows, repeatedKey, rowsWithoutKey } from './refused-rows.ts';
import type { UpsertLedger } from './upsert-ledger.ts';
import { refuseOtherTypes, without } from './writer.ts';

/** The largest cell; an upsert session does not tell its own limit. */
const FIELD_BYTES = 8 * 1024 * 1024;

/** Opens the writer of a split. @throws ConnectorError where the session is gone, or holds something of the split already */
export async function upsertWriter(
  http: Http,
  handle: Handle,
  split: number,
  ledger: UpsertLedger,
  signal: AbortSignal,
): Promise<Writer> {
  const session = await told('Opening a split', reloadUpsert(http, uploadOf(handle), handle.session, signal));
  if (session.status !== 'NORMAL')
    throw new ConnectorError({
      kind: 'busy',
      code: 'SESSION_ENDED',
      message: `The upsert session into ${handle.table} is ${session.status.toLowerCase()}.`,
      hint: 'The run begins anew by itself, unless another attempt has taken over.',
    });
  if (ledger.wasSent(split)) throw sentBefore(split);
  return createUpsertWriter(http, session, handle, split, ledger, signal);
}

/**
 * Writes one split. Its rows wait here until it is sealed, since nothing that was sent can be taken back; a seal that
 * fails half-way ends the session, so that no part of the split can ever be seen.
 */
function createUpsertWriter(
  http: Http,
  session: UpsertSession,
  handle: Handle,
  split: number,
  ledger: UpsertLedger,
  signal: AbortSignal,
): Writer {
  const of = uploadOf(handle);
  const places = placesOf(session, handle);
  const packer = new UpsertPacker(session);
  const spool = new PackSpool();
  const keys = handle.uniqueKeys ? null : new SplitKeys();
  const asleep = keepAlive(http, of, session.id);
  let state: 'open' | 'sending' | 'sealed' = 'open';
  let checked = false;
  const keyPlaces = session.keys.map((place) => places[place]);
  return {
    async write(batch) {
      if (!checked) refuseOtherTypes(handle.table, session, batch, places, []);
      checked = true;
      const dirty = [...refusedRows(batch, { maxFieldBytes: FIELD_BYTES }, [])];
      dirty.push(...rowsWithoutKey(batch, keyPlaces, dirty));
      if (keys !== null) dirty.push(...keys.repeated(batch, keyPlaces, dirty));
      const { rows, sent } = without(batch, dirty);
      const all = places.map((place): ColumnData => sent[place]);
      try {
        for (const pack of packer.add('upsert', all, rows)) await spool.add(pack);
      } catch (error) {
        throw asConnectorError(error, `Writing split ${split}`);
      }
      return dirty.length === 0 ? undefined : dirty.sort((a, b) => a.row - b.row);
    },
    async seal(): Promise<Receipt> {
      for (const pack of packer.flush()) await spool.add(pack);
      if (ledger.wasSent(split)) throw sentBefore(split);
      if (keys !== null && !ledger.keys.addAll(keys.sent)) throw repeatedKey(handle.table);
      ledger.sending(split);
      state = 'sending';
      try {
        await sendPacks(spool.packs, async (waiting) =>
          sendPack(http, of, session, await spool.read(waiting), 'identity', signal),
        );
      } catch (error) {
        throw asConnectorError(error, `Sealing split ${split}`);
      }
      state = 'sealed';
      return { split, rows: packer.rows, bytes: spool.bytes, detail: { sealed: ledger.sealed(split, packer.rows) } };
    },
    async [Symbol.asyncDispose]() {
      asleep();
      await spool.close();
      // Nobody may commit a part of a split.
      if (state === 'sending') await abortUpsert(http, of, session.id, AbortSignal.timeout(LET_GO_MS)).catch(() => {});
    },
  };
}

const LET_GO_MS = 4_000;

function placesOf(session: UpsertSession, { table, columns }: Handle): number[] {
  const places = session.columns.map((column) => columns.indexOf(column.name.toLowerCase()));
  const gone = columns.find((_, at) => !places.includes(at));
  const added = session.columns.find((_, at) => places[at] < 0);
  if (gone === undefined && added === undefined) return places;
  throw new ConnectorError({
    kind: 'missing',
    code: gone === undefined ? 'COLUMN_ADDED' : 'COLUMN_GONE',
    message:
      gone === undefined
        ? `"${table}" has a column "${added?.name}" now, which is not mapped: an upsert would make it NULL.`
        : `"${table}" has no column "${gone}" any more.`,
    hint: 'Correct the mapping, and run the task again.',
  });
}

/** The keys of one split: which of the source cannot be told apart are dirty, all of them, as far as they can still be held back. */
class SplitKeys {
  readonly sent = new KeySet();
  readonly #refused = new KeySet();

  /** @throws ConnectorError `KEY_REPEATED` where a row with the same key came in an earlier batch */
  repeated(batch: Batch, keys: readonly number[], dirty: readonly DirtyRow[]): DirtyRow[] {
    const { low, high } = keyWords(
      keys.map((place) => batch.columns[place]),
      keys.map((place) => batch.fields[place].type),
      batch.rows,
    );
    const left = new Set(dirty.map((one) => one.row));
    const seen = new KeySet();
    const twice = new KeySet();
    for (let row = 0; row < batch.rows; row++)
      if (!left.has(row) && !seen.add(low[row], high[row])) twice.add(low[row], high[row]);
    const found: DirtyRow[] = [];
    const column = batch.fields[keys[0]].name;
    for (let row = 0; row < batch.rows; row++) {
      if (left.has(row)) continue;
      if (twice.has(low[row], high[row])) this.#refused.add(low[row], high[row]);
      if (this.sent.has(low[row], high[row])) throw repeatedKey(batch.fields[keys[0]].name);
      if (this.#refused.has(low[row], high[row]))
        found.push({ row, column, value: null, reason: 'several rows of this run have the same key' });
      else this.sent.add(low[row], high[row]);
    }
    return found;
  }
}

const sentBefore = (split: number) =>
  new ConnectorError({
    kind: 'busy',
    code: 'SPLIT_SENT_BEFORE',
    message: `Split ${split} was sent into this upsert session before, and cannot be taken out of it.`,
    hint: 'The run begins anew by itself.',
  });
