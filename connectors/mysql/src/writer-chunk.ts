import { isUtf8 } from 'node:buffer';
import { type Batch, type ConnectorError, type DirtyRow, isConnectorError } from '@sampan/connector';
import type { StagedColumn } from './target-columns.ts';
import { errnoOf, type Link } from './target-link.ts';
import { newOut, type Out } from './writer-bytes.ts';
import { dirtyCell, type RowPrinter, rowCodec } from './writer-rows.ts';
import type { Sender } from './writer-send.ts';

export interface Chunk {
  rows: number;
  bytes: number;
  dirty: DirtyRow[];
}

/** Sends batches into a table, in the transaction that is open. Its buffer is used again for each. */
export interface ChunkSender {
  send(link: Link, table: string, batch: Batch): Promise<Chunk>;
}

export function chunkSender(columns: readonly StagedColumn[], sender: Sender): ChunkSender {
  const out = newOut(1024 * 1024);
  let codec: ReturnType<typeof rowCodec> | undefined;
  return {
    async send(link, table, batch) {
      codec ??= rowCodec(columns, batch.fields, sender.dialect);
      const bad = new Map<number, DirtyRow>();
      const work: Work = {
        link,
        table,
        batch,
        columns,
        sender,
        out,
        printer: codec.bind(batch, bad),
        bad,
        bytes: 0,
        rows: 0,
      };
      await sendAll(work, 0, batch.rows);
      if (out.bytes.length > 64 * 1024 * 1024) Object.assign(out, newOut(1024 * 1024));
      return { rows: work.rows, bytes: work.bytes, dirty: [...bad.values()].sort((a, b) => a.row - b.row) };
    },
  };
}

interface Work {
  link: Link;
  table: string;
  batch: Batch;
  columns: readonly StagedColumn[];
  sender: Sender;
  out: Out;
  printer: RowPrinter;
  bad: Map<number, DirtyRow>;
  bytes: number;
  rows: number;
}

async function sendAll(work: Work, from: number, to: number): Promise<void> {
  for (let row = from; row < to; ) row = await sendPiece(work, row, to);
}

/** One statement's worth of rows; answers the row after them. */
async function sendPiece(work: Work, from: number, to: number): Promise<number> {
  const { link, out, printer, sender, table } = work;
  out.at = 0;
  const { next, printed } = printer.print(out, from, to, sender.maxBytes);
  if (printed === 0) return next;
  const bytes = out.at;
  await link.change('SAVEPOINT sampan_piece', 'setting a savepoint');
  const fault = await attempt(work, out.bytes.subarray(0, bytes), printed);
  if (fault === null) {
    work.rows += printed;
    work.bytes += bytes;
    return next;
  }
  await link.change('ROLLBACK TO SAVEPOINT sampan_piece', 'taking back rows');
  await isolate(work, from, next, printed, fault, table);
  return next;
}

/** LOAD DATA LOCAL turns errors into warnings: whatever the server remarks on is taken back and looked at by halves. */
async function isolate(
  work: Work,
  from: number,
  to: number,
  printed: number,
  reason: string,
  table: string,
): Promise<void> {
  if (printed === 1) {
    for (let row = from; row < to; row++)
      if (!work.bad.has(row)) work.bad.set(row, refusedRow(work, row, reason, table));
    return;
  }
  const middle = (from + to) >> 1;
  await sendAll(work, from, middle);
  await sendAll(work, middle, to);
}

/** Null where all rows went in as they are; else the server's first remark. */
async function attempt({ link, table, sender }: Work, rows: Buffer, count: number): Promise<string | null> {
  try {
    const sent = await sender.send(link, table, rows);
    if (sent.reason !== undefined) return sent.reason;
    const remark = sent.warnings === 0 ? null : await firstRemark(link);
    if (remark !== null || sent.rows === count) return remark;
    return `the server took ${sent.rows} of ${count} rows without saying why`;
  } catch (error) {
    if (isConnectorError(error) && isValueFault(error)) return error.message;
    throw error;
  }
}

/** Value faults that have no SQLSTATE of their own class: charset, CHECK, JSON, packet. */
const VALUE_FAULTS = new Set([1300, 1301, 1364, 1366, 1411, 3140, 3141, 3144, 3155, 3156, 3819, 4025]);

/** True where the rows are to blame. Everything else, such as a full disk, is not theirs and ends the writer. */
function isValueFault(error: ConnectorError): boolean {
  const state = (error.cause as { sqlState?: string } | undefined)?.sqlState ?? '';
  return VALUE_FAULTS.has(errnoOf(error)) || /^2[23]/.test(state);
}

/** Says nothing of the rows: statement-based binary logs remark on every LOAD DATA. */
const UNSAFE_STATEMENT = 1592;

async function firstRemark(link: Link): Promise<string | null> {
  const remarks = await link.rows('SHOW WARNINGS', 'asking for warnings');
  // A server may be set to keep no texts: then nothing is known for the rows.
  if (remarks.length === 0) return 'the server remarked on it without saying why';
  const texts = remarks.filter((row) => Number(row.Code) !== UNSAFE_STATEMENT).map((row) => String(row.Message));
  return texts.length === 0 ? null : texts.slice(0, 3).join('; ');
}

/** The server's remark, without the names of staging, at the column it names. */
function refusedRow({ batch, columns }: Work, row: number, remark: string, table: string): DirtyRow {
  const reason = remark
    .replaceAll(table, 'target')
    .replace(/^(Loading|Inserting) rows: /, '')
    .replace(/ at row \d+(?=\.?$|;)/g, '');
  const named = columns.findIndex(({ name }) =>
    new RegExp(`[\`'"](?:target\\.)?${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}[\`'"]`, 'i').test(reason),
  );
  return dirtyCell(batch, columns, row, named >= 0 ? named : brokenText(batch, row), reason);
}

/** The first text of a row that is not UTF-8, or -1. */
function brokenText(batch: Batch, row: number): number {
  return batch.columns.findIndex(({ data, offsets }, index) => {
    if (data === undefined || offsets === undefined || batch.fields[index].type.kind === 'binary') return false;
    return !isUtf8(data.subarray(offsets[row], offsets[row + 1]));
  });
}
