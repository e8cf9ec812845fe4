import {
  type Batch,
  ConnectorError,
  type DirtyRow,
  type Json,
  type Lease,
  type Receipt,
  type Writer,
} from '@sampan/connector';
import { deadline, fenced, ofInstance, openSeat, readRun } from './fence.ts';
import { indexLiteral, quoteName, textLiteral } from './sql.ts';
import { createStaging, type Handle, ownName, RUN, SLOT, stagingName } from './staging.ts';
import { type Connect, type Link, whileLocked } from './target-link.ts';
import { type Chunk, type ChunkSender, chunkSender } from './writer-chunk.ts';
import { type KeyCheck, keyCheck } from './writer-keys.ts';
import { insertSender, loadRefused, loadSender, type Sender } from './writer-send.ts';

/** A row of sampan_slot. */
interface Slot {
  known: boolean;
  /** `rows` as the row in the database has it: while a split fills its own table, only this process counts. */
  stored: number;
  sealed: boolean;
  /** The split has a staging table of its own, since it cannot be resumed. */
  own: boolean;
  rows: number;
  bytes: number;
  lastKey: Json;
}

interface State {
  link: Link;
  handle: Handle;
  lease: Lease;
  split: number;
  slot: Slot;
  senders: Sender[];
  send: ChunkSender['send'];
  /** Before the first batch: not looked yet. */
  keys: KeyCheck | undefined;
  /** Where rows go: undefined until the first batch tells whether the split can be resumed. */
  stage: string | undefined;
  millis: number;
  ended: 'sealed' | 'broken' | null;
}

type Told = (sql: string, millis: number, rows: number | null) => void;

/** @throws ConnectorError `FENCED` where a higher attempt has taken over */
export async function openWriter(
  connect: Connect,
  told: Told,
  handle: Handle,
  split: number,
  lease: Lease,
  signal: AbortSignal,
): Promise<Writer> {
  const link = await openSeat(connect, lease, signal, true);
  try {
    const run = await readRun(link, lease);
    if (run === null || run.attempt !== lease.attempt) throw fenced(lease, run?.attempt ?? null);
    if (run.state !== 'open') throw fenced(lease, null);
    const slot = await readSlot(link, lease, split);
    const senders = await sendersFor(link, handle);
    const { send } = chunkSender(handle.columns, senders[0]);
    return writerOf(
      { link, handle, lease, split, slot, senders, send, keys: undefined, stage: undefined, millis: 0, ended: null },
      told,
    );
  } catch (error) {
    link.cut();
    throw error;
  }
}

function writerOf(state: State, told: Told): Writer {
  const { slot, link } = state;
  const resumable = !slot.own && slot.lastKey !== null;
  return {
    ...(resumable ? { resumeAfter: slot.lastKey, resumedRows: slot.rows } : {}),
    write: (batch) => unbroken(state, () => write(state, batch)),
    async seal() {
      const receipt = await unbroken(state, () => seal(state));
      if (state.stage !== undefined) told(state.senders[0].statement(state.stage), state.millis, receipt.rows);
      return receipt;
    },
    async [Symbol.asyncDispose]() {
      // A transaction under way is rolled back by the server when the socket ends.
      if (state.ended === 'broken') link.cut();
      await link[Symbol.asyncDispose]();
    },
  };
}

/** After a failure nobody knows what the open transaction holds: only a new writer can tell, from the slot. */
async function unbroken<T>(state: State, work: () => Promise<T>): Promise<T> {
  if (state.ended !== null) {
    throw new ConnectorError({
      kind: 'bug',
      code: 'WRITER_ENDED',
      message: `This writer of split ${state.split} is ${state.ended}.`,
      hint: 'Open a new writer.',
    });
  }
  try {
    return await work();
  } catch (error) {
    state.ended = 'broken';
    state.link.cut();
    throw error;
  }
}

/** Waits for a transaction of an earlier writer of this slot whose COMMIT may still be on its way. */
async function readSlot(link: Link, lease: Lease, split: number): Promise<Slot> {
  const where = `${ofInstance(lease)} AND split = ${split}`;
  const [row] = await whileLocked(link.signal, deadline(), () =>
    link.rows(
      `SELECT sealed, own, \`rows\` AS n, bytes, last_key AS last FROM ${SLOT} WHERE ${where} FOR UPDATE`,
      'reading the slot',
    ),
  );
  if (row === undefined)
    return { known: false, stored: 0, sealed: false, own: false, rows: 0, bytes: 0, lastKey: null };
  const lastKey = row.last === null ? null : (JSON.parse(String(row.last)) as Json);
  return {
    known: true,
    sealed: Number(row.sealed) === 1,
    own: Number(row.own) === 1,
    rows: Number(row.n),
    stored: Number(row.n),
    bytes: Number(row.bytes),
    lastKey,
  };
}

/** In the order they are tried. */
async function sendersFor(link: Link, handle: Handle): Promise<Sender[]> {
  const [row] = await link.rows(
    'SELECT @@global.local_infile AS load_allowed, @@max_allowed_packet AS packet',
    'reading server variables',
  );
  const insert = insertSender(handle.columns, Number(row.packet));
  return Number(row.load_allowed) === 1 ? [loadSender(handle.columns), insert] : [insert];
}

async function write(state: State, batch: Batch): Promise<DirtyRow[] | undefined> {
  if (batch.rows === 0) return undefined;
  const { link } = state;
  const stage = await stageFor(state, batch.position === null);
  const { slot } = state;
  if (!slot.own && batch.position === null) throw positionLost(state.split);
  const begun = Date.now();
  state.keys ??= await keyCheck(link, state.handle);
  const known = await state.keys.conflicts(batch);
  await link.change('START TRANSACTION', 'starting a transaction');
  const chunk = await sendBatch(state, stage, batch, known);
  const next = { ...slot, known: true, sealed: false, rows: slot.rows + chunk.rows, bytes: slot.bytes + chunk.bytes };
  if (!slot.own) {
    next.lastKey = batch.position;
    next.stored = next.rows;
    await writeSlot(state, next);
  }
  await link.change('COMMIT', 'committing rows');
  state.slot = next;
  state.millis += Date.now() - begun;
  return chunk.dirty.length === 0 ? undefined : chunk.dirty;
}

/** A proxy may refuse what the server allows: the first refusal changes the way for good. */
async function sendBatch(state: State, stage: string, batch: Batch, known: readonly DirtyRow[]): Promise<Chunk> {
  try {
    return await state.send(state.link, stage, batch, known);
  } catch (error) {
    if (!loadRefused(error) || state.senders.length < 2) throw error;
    state.senders.shift();
    state.send = chunkSender(state.handle.columns, state.senders[0]).send;
    return state.send(state.link, stage, batch, known);
  }
}

function positionLost(split: number): ConnectorError {
  return new ConnectorError({
    kind: 'bug',
    code: 'POSITION_LOST',
    message: `Batches of split ${split} had positions to go on from, and now one has none.`,
    hint: 'This is a defect of the source connector: please report it.',
  });
}

/** The split's staging table. One that cannot be resumed starts anew, in a table of its own. */
async function stageFor(state: State, unpositioned: boolean): Promise<string> {
  if (state.stage !== undefined) return state.stage;
  const { slot, lease, link, split } = state;
  const own = slot.own || (unpositioned && slot.lastKey === null);
  if (own) {
    const empty: Slot = { known: true, stored: 0, sealed: false, own: true, rows: 0, bytes: 0, lastKey: null };
    await writeSlot(state, empty);
    const name = ownName(lease, split);
    await link.change(`DROP TABLE IF EXISTS ${quoteName(name)}`, 'starting the split anew');
    await createStaging(link, name, state.handle.columns);
    state.slot = empty;
    state.stage = name;
  } else state.stage = stagingName(lease);
  return state.stage;
}

/** Only where the run and the slot are still as this writer left them. */
async function writeSlot({ link, lease, split, slot }: State, next: Slot): Promise<void> {
  const last = next.lastKey === null ? 'NULL' : textLiteral(JSON.stringify(next.lastKey));
  const where = `${ofInstance(lease)} AND attempt = ${lease.attempt}`;
  const sql = slot.known
    ? `UPDATE ${SLOT} SET sealed = ${Number(next.sealed)}, own = ${Number(next.own)}, \`rows\` = ${next.rows}, bytes = ${next.bytes}, last_key = ${last}
       WHERE ${where} AND split = ${split} AND \`rows\` = ${slot.stored}`
    : `INSERT INTO ${SLOT} (instance, split, attempt, sealed, own, \`rows\`, bytes, last_key)
       SELECT ${indexLiteral(lease.instance)}, ${split}, ${lease.attempt}, ${Number(next.sealed)}, ${Number(next.own)}, ${next.rows}, ${next.bytes}, ${last}
       FROM ${RUN} WHERE ${where} AND state = 'open'`;
  const { affectedRows } = await link.change(sql, 'writing the slot');
  if (affectedRows > 0) return;
  const run = await readRun(link, lease);
  throw fenced(lease, run === null || run.attempt === lease.attempt ? null : run.attempt);
}

async function seal(state: State): Promise<Receipt> {
  const { split } = state;
  if (state.slot.own && state.stage === undefined) await stageFor(state, true);
  const next = { ...state.slot, known: true, sealed: true, stored: state.slot.rows };
  if (!state.slot.sealed) {
    await writeSlot(state, next);
    state.slot = next;
  }
  state.ended = 'sealed';
  return { split, rows: next.rows, bytes: next.bytes, detail: null };
}
