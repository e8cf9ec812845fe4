import { isUtf8 } from 'node:buffer';
import { type Batch, type ConnectorError, type DirtyRow, isConnectorError } from '@sampan/connector';
import type { StagedColumn } from './target-columns.ts';
import { errnoOf, type Link } from './target-link.ts';
import { newOut } from './writer-bytes.ts';
import { dirtyCell, type RowPrinter, rowCodec } from './writer-rows.ts';
import type { RowSource, Sender } from './writer-send.ts';

export interface Chunk {
  rows: number;
  bytes: number;
  dirty: DirtyRow[];
}

/** Sends batches into a table, in the transaction that is open. Its buffer is used again for each. */
export interface ChunkSender {
  /** @param known rows that are dirty already: they are left out, and told with the others */
  send(link: Link, table: string, batch: Batch, known: readonly DirtyRow[]): Promise<Chunk>;
}

export function chunkSender(columns: readonly StagedColumn[], sender: Sender): ChunkSender {
  let codec: ReturnType<typeof rowCodec> | undefined;
  return {
    async send(link, table, batch, known) {
      codec ??= rowCodec(columns, batch.fields, sender.dialect);
      const bad = new Map(known.map((one) => [one.row, one]));
      const work: Work = {
        link,
        table,
        batch,
        columns,
        sender,
        printer: codec.bind(batch, bad),
        bad,
        bytes: 0,
        rows: 0,
      };
      await sendAll(work, 0, batch.rows);
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
  printer: RowPrinter;
  bad: Map<number, DirtyRow>;
  bytes: number;
  rows: number;
}

async function sendAll(work: Work, from: number, to: number): Promise<void> {
  for (let row = from; row < to; ) row = await sendPiece(work, row, to);
}

interface Printing extends RowSource {
  next: number;
  printed: number;
  bytes: number;
}

function printing(printer: RowPrinter, from: number, to: number): Printing {
  return {
    next: from,
    printed: 0,
    bytes: 0,
    pull(maxBytes) {
      if (this.next >= to) return null;
      // A buffer of its own each time: what was pulled before may still wait for the socket.
      const out = newOut(maxBytes + 16 * 1024);
      const { next, printed } = printer.print(out, this.next, to, maxBytes);
      this.next = next;
      this.printed += printed;
      this.bytes += out.at;
      return printed === 0 ? null : out.bytes.subarray(0, out.at);
    },
  };
}

/** One statement's worth of rows; answers the row after them. */
async function sendPiece(work: Work, from: number, to: number): Promise<number> {
  const { link } = work;
  const rows = printing(work.printer, from, to);
  await link.change('SAVEPOINT sampan_piece', 'setting a savepoint');
  const fault = await attempt(work, rows);
  if (fault === null) {
    work.rows += rows.printed;
    work.bytes += rows.bytes;
    return rows.next;
  }
  await link.change('ROLLBACK TO SAVEPOINT sampan_piece', 'taking back rows');
  await isolate(work, from, rows.next, rows.printed, fault);
  return rows.next;
}

/** LOAD DATA LOCAL turns errors into warnings: whatever the server remarks on is taken back and looked at by halves. */
async function isolate(work: Work, from: number, to: number, printed: number, reason: string): Promise<void> {
  if (printed === 1) {
    for (let row = from; row < to; row++) if (!work.bad.has(row)) work.bad.set(row, refusedRow(work, row, reason));
    return;
  }
  const middle = (from + to) >> 1;
  await sendAll(work, from, middle);
  await sendAll(work, middle, to);
}

/** Null where all rows went in as they are; else the server's first remark. */
async function attempt({ link, table, sender }: Work, rows: Printing): Promise<string | null> {
  try {
    const sent = await sender.send(link, table, rows);
    if (sent.reason !== undefined) return sent.reason;
    const remark = sent.warnings === 0 ? null : await firstRemark(link);
    if (remark !== null || sent.rows === rows.printed) return remark;
    return `the server took ${sent.rows} of ${rows.printed} rows without saying why`;
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
function refusedRow({ batch, columns, table }: Work, row: number, remark: string): DirtyRow {
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
