import { type Batch, ConnectorError, type DirtyRow, type Json, type Lease, type Receipt, type Writer } from '@sampan/connector';
import { deadline, fenced, ofInstance, openSeat, readRun } from './fence.ts';
import { quoteName, textLiteral } from './sql.ts';
import { createStaging, type Handle, ownName, SLOT, stagingName } from './staging.ts';
import { type Connect, inTransaction, type Link, whileLocked } from './target-link.ts';
import { type Chunk, type ChunkSender, chunkSender } from './writer-chunk.ts';
import { insertSender, loadRefused, loadSender, type Sender } from './writer-send.ts';

interface Slot {
  sealed: boolean;
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
  chunks: ChunkSender;
  /** Rows go to `stage`: undefined until the first batch tells whether the split can be resumed. */
  stage: string | undefined;
  pending: Chunk | null;
  sealed: boolean;
}

export interface WriterContext {
  connect: Connect;
  told(sql: string, millis: number, rows: number | null): void;
}

export async function openWriter(context: WriterContext, handle: Handle, split: number, lease: Lease, signal: AbortSignal): Promise<Writer> {
  const link = await openSeat(context.connect, lease, signal, true);
  try {
    const run = await readRun(link, lease);
    if (run === null || run.attempt !== lease.attempt) throw fenced(lease, run?.attempt ?? null);
    if (run.state !== 'open') throw fenced(lease, null);
    const slot = await readSlot(link, lease, split);
    const chunks = await senderFor(context, link, handle);
    const state: State = { link, handle, lease, split, slot, chunks, stage: undefined, pending: null, sealed: false };
    return writerOf(state);
  } catch (error) {
    link.cut();
    throw error;
  }
}

function writerOf(state: State): Writer {
  const { slot } = state;
  const resumable = !slot.own && slot.lastKey !== null;
  return {
    ...(resumable ? { resumeAfter: slot.lastKey, resumedRows: slot.rows } : {}),
    write: (batch) => write(state, batch),
    seal: () => seal(state),
    [Symbol.asyncDispose]: () => state.link[Symbol.asyncDispose](),
  };
}

/** Waits for a transaction of an earlier writer of this slot whose COMMIT may still be on its way. */
async function readSlot(link: Link, lease: Lease, split: number): Promise<Slot> {
  const where = `${ofInstance(lease)} AND split = ${split}`;
  const [row] = await whileLocked(link.signal, deadline(), () =>
    link.rows(`SELECT sealed, own, \`rows\` AS n, bytes, last_key AS last FROM ${SLOT} WHERE ${where} FOR UPDATE`, 'reading the slot'),
  );
  if (row === undefined) return { sealed: false, own: false, rows: 0, bytes: 0, lastKey: null };
  const lastKey = row.last === null ? null : (JSON.parse(String(row.last)) as Json);
  return { sealed: Number(row.sealed) === 1, own: Number(row.own) === 1, rows: Number(row.n), bytes: Number(row.bytes), lastKey };
}

async function senderFor({ told }: WriterContext, link: Link, handle: Handle): Promise<ChunkSender> {
  const [row] = await link.rows('SELECT @@global.local_infile AS infile, @@max_allowed_packet AS packet', 'reading server variables');
  const insert = () => insertSender(handle.columns, Number(row.packet));
  const first = Number(row.infile) === 1 ? loadSender(handle.columns) : insert();
  return chunkSender(handle.columns, announced(falling(first, insert), told));
}

/** A proxy may refuse what the server allows: the first refusal changes the way for good. */
function falling(first: Sender, other: () => Sender): (sender: (chosen: Sender) => Promise<void>) => Promise<void> {
  let chosen = first;
  return async (work) => {
    try {
      await work(chosen);
    } catch (error) {
      if (!loadRefused(error)) throw error;
      chosen = other();
      await work(chosen);
    }
  };
}
