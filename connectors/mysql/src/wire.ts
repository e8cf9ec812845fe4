import { type Batch, ConnectorError, type Field, type Json } from '@sampan/connector';
import type { Connection } from './connection.ts';
import { asConnectorError } from './errors.ts';
import { asBatch, createFilling, emptyFilling, type FillingBatch } from './wire-columns.ts';
import { readRow } from './wire-rows.ts';

export interface ReadLimits {
  rows: number;
  bytes: number;
}

/** Full batches that wait for the reader of the iterator before the socket is paused. */
const AHEAD = 2;
const EOF = 0xfe;
const ERR = 0xff;
/** An EOF packet is shorter than this; a row that begins with 0xfe would be longer. Rows begin with 0. */
const EOF_BYTES = 9;

interface Packet {
  buffer: Buffer;
  offset: number;
  end: number;
}

/** The driver's command object, as far as it is hooked. */
interface Command {
  next: unknown;
  execute(packet: Packet | undefined, connection: unknown): boolean;
  on(event: 'error', listener: (error: Error) => void): void;
  on(event: 'end', listener: () => void): void;
}

/**
 * Runs a SELECT as a prepared statement, whose rows come in the binary protocol, and copies the packets straight into
 * columns: handshake, TLS, authentication and framing stay the driver's. `positionOf` names a batch's last row.
 * Ends with the connection ready for the next statement, or destroyed where the read was not finished.
 */
export async function* readBatches(
  connection: Connection,
  sql: string,
  fields: readonly Field[],
  limits: ReadLimits,
  positionOf: (batch: Batch) => Json,
  doing: string,
): AsyncGenerator<Batch> {
  const reading = startReading(connection, sql, fields, limits, doing);
  try {
    for (;;) {
      const filled = await reading.next();
      if (filled === null) return;
      const batch = asBatch(filled, fields, null, () => reading.giveBack(filled));
      batch.position = positionOf(batch);
      yield batch;
    }
  } finally {
    if (!reading.ended()) connection.destroy();
    (connection as unknown as { unprepare(sql: string): void }).unprepare(sql);
  }
}

function startReading(
  connection: Connection,
  sql: string,
  fields: readonly Field[],
  limits: ReadLimits,
  doing: string,
) {
  const full: FillingBatch[] = [];
  const spare: FillingBatch[] = [];
  let filling = createFilling(fields, limits.rows);
  let bytes = 0;
  let ended = false;
  let paused = false;
  let failure: ConnectorError | null = null;
  let wake = () => {};

  const finish = (error?: unknown) => {
    if (ended) return;
    ended = true;
    if (error !== undefined) failure = asConnectorError(error, doing);
    else if (filling.rows > 0) full.push(filling);
    wake();
  };
  const handOver = () => {
    full.push(filling);
    filling = spare.pop() ?? createFilling(fields, limits.rows);
    bytes = 0;
    if (full.length >= AHEAD && !paused) {
      paused = true;
      connection.pause();
    }
    wake();
  };
  const onRow = (packet: Packet) => {
    bytes += readRow(packet.buffer, packet.offset, filling, limits.rows);
    if (filling.rows === limits.rows || bytes >= limits.bytes) handOver();
  };

  hookRows(connection, sql, onRow, finish);
  (connection as unknown as NodeJS.EventEmitter).once('error', finish);
  const stream = (connection as unknown as { stream: NodeJS.EventEmitter }).stream;
  const onClose = () => finish(Object.assign(new Error('closed'), { code: 'PROTOCOL_CONNECTION_LOST' }));
  stream.once('close', onClose);

  return {
    ended: () => ended && failure === null,
    giveBack(batch: FillingBatch) {
      emptyFilling(batch, limits.bytes);
      if (spare.length < AHEAD + 1) spare.push(batch);
    },
    async next(): Promise<FillingBatch | null> {
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
  onRow: (packet: Packet) => void,
  finish: (error?: unknown) => void,
): void {
  let command: Command;
  try {
    command = (connection as unknown as { execute(options: { sql: string }): Command }).execute({ sql });
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
  command.on('error', finish);
  command.on('end', () => finish());
}
