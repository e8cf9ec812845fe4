import { type Batch, ConnectorError, type Field, type Json } from '@sampan/connector';
import { aborted, type Connection, cut } from './connection.ts';
import { type Command, driverOf, type Packet, type WireColumn } from './driver.ts';
import { asConnectorError } from './errors.ts';
import { asBatch, createFilling, emptyFilling, type FillingBatch } from './wire-columns.ts';
import { readRow } from './wire-rows.ts';
import { checkWire } from './wire-types.ts';

/** A read whose rows come from one SELECT, or from a chain of them. */
export interface RowsRead {
  /** Columns of the SELECT, in its order. */
  fields: readonly Field[];
  /** A batch is closed by whichever comes first. */
  limits: { rows: number; bytes: number };
  first: string;
  /** Where the rows are read in chunks: each statement ends after so many, and the next begins behind a position. */
  chunk: { rows: number; behind(position: Json): string } | null;
  /** Names a batch's last row. */
  positionOf(batch: Batch): Json;
  /** For errors: `reading orders`. */
  doing: string;
}

/** Full batches that wait for the reader of the iterator before the socket is paused. */
const AHEAD = 2;
const EOF = 0xfe;
const ERR = 0xff;
/** An EOF packet is shorter than this; a row that begins with 0xfe would be longer. Rows begin with 0. */
const EOF_BYTES = 9;

/**
 * Runs prepared statements, whose rows come in the binary protocol, and copies the packets straight into columns:
 * handshake, TLS, authentication and framing stay the driver's. The next chunk is asked for as soon as one has arrived.
 * Ends with the connection ready for the next statement, or cut where the read was not finished.
 */
export async function* readBatches(connection: Connection, read: RowsRead): AsyncGenerator<Batch> {
  const reading = startReading(connection, read);
  try {
    for (;;) {
      const full = await reading.next();
      if (full === null) return;
      yield asBatch(full.filled, read.fields, full.position, () => reading.giveBack(full.filled));
    }
  } finally {
    if (!reading.ended()) cut(connection, aborted());
  }
}

function startReading(connection: Connection, read: RowsRead) {
  const { fields, limits, chunk, doing } = read;
  const full: { filled: FillingBatch; position: Json }[] = [];
  const spare: FillingBatch[] = [];
  let filling = createFilling(fields, limits.rows);
  let bytes = 0;
  let position: Json = null;
  let rowsOfChunk = 0;
  let ended = false;
  let paused = false;
  let failure: ConnectorError | null = null;
  let wake = () => {};

  const finish = (error?: unknown) => {
    if (ended) return;
    ended = true;
    if (error !== undefined) failure = asConnectorError(error, doing);
    else if (filling.rows > 0) full.push({ filled: filling, position: reached() });
    wake();
  };
  const reached = () => {
    if (filling.rows > 0) position = read.positionOf(asBatch(filling, fields, null, () => {}));
    return position;
  };
  const handOver = () => {
    full.push({ filled: filling, position: reached() });
    filling = spare.pop() ?? createFilling(fields, limits.rows);
    bytes = 0;
    if (full.length >= AHEAD && !paused) {
      paused = true;
      connection.pause();
    }
    wake();
  };
  const onRow = (packet: Packet) => {
    rowsOfChunk++;
    bytes += readRow(packet.buffer, packet.offset, filling, limits.rows);
    if (filling.rows === limits.rows || bytes >= limits.bytes) handOver();
  };
  const onColumns = (columns: WireColumn[]) => checkWire(columns, fields, doing);
  const run = (sql: string) =>
    hookRows(connection, sql, { onColumns, onRow }, (error) => {
      if (ended) return;
      if (error === undefined) driverOf(connection).unprepare(sql);
      if (error !== undefined || chunk === null || rowsOfChunk < chunk.rows) return finish(error);
      rowsOfChunk = 0;
      run(chunk.behind(reached()));
    });

  (connection as unknown as NodeJS.EventEmitter).once('error', finish);
  const { stream } = driverOf(connection);
  const onClose = () => finish(Object.assign(new Error('closed'), { code: 'PROTOCOL_CONNECTION_LOST' }));
  stream.once('close', onClose);
  run(read.first);

  return {
    ended: () => ended && failure === null,
    giveBack(batch: FillingBatch) {
      emptyFilling(batch, limits.bytes);
      if (spare.length < AHEAD + 1) spare.push(batch);
    },
    async next(): Promise<{ filled: FillingBatch; position: Json } | null> {
      for (;;) {
        const batch = full.shift();
        if (batch !== undefined) {
          if (paused && full.length < AHEAD) {
            paused = false;
            connection.resume();
          }
          return batch;
        }
        if (failure !== null) throw failure;
        if (ended) {
          stream.removeListener('close', onClose);
          return null;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

/**
 * Takes the row packets of a prepared statement from under the driver. Until the first row, and from the end-of-rows
 * packet on, the driver's own command goes on; in between its row state never runs.
 */
function hookRows(
  connection: Connection,
  sql: string,
  { onColumns, onRow }: { onColumns(columns: WireColumn[]): void; onRow(packet: Packet): void },
  finish: (error?: unknown) => void,
): void {
  let command: Command;
  try {
    command = driverOf(connection).execute({ sql });
  } catch (error) {
    finish(error);
    return;
  }
  const rowState = (Object.getPrototypeOf(command) as { row?: unknown }).row;
  if (typeof command.execute !== 'function' || rowState === undefined) {
    throw new ConnectorError({
      kind: 'bug',
      code: 'DRIVER_CHANGED',
      message: 'This version of mysql2 has no row state to hook.',
      hint: 'Install the version that package-lock.json names.',
    });
  }
  const drivers = command.execute.bind(command);
  command.execute = (packet, owner) => {
    if (packet !== undefined && command.next === rowState) {
      const first = packet.buffer[packet.offset];
      if (first !== ERR && (first !== EOF || packet.end - packet.offset >= EOF_BYTES)) {
        onRow(packet);
        return false;
      }
    }
    return drivers(packet, owner);
  };
  command.on('fields', (columns) => {
    try {
      onColumns(columns);
    } catch (error) {
      finish(error);
      cut(connection, error as ConnectorError);
    }
  });
  command.on('error', finish);
  command.on('end', () => finish());
}
