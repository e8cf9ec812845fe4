import type { Socket } from 'node:net';
import type { Connection } from 'mysql2';

/** A packet of the wire: the payload lies in `buffer` from `offset` to `end`. */
export interface Packet {
  buffer: Buffer;
  offset: number;
  end: number;
}

/** A column as the server announces it in front of the rows. */
export interface WireColumn {
  name: string;
  columnType: number;
  flags: number;
  decimals: number;
  characterSet: number;
}

/** The driver's command object, as far as it is hooked. */
export interface Command {
  next: unknown;
  execute(packet: Packet | undefined, connection: unknown): boolean;
  on(event: 'fields', listener: (columns: WireColumn[]) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  on(event: 'end', listener: () => void): void;
}

/** What is used of mysql2 beyond what it declares. Everything of that kind is here. */
interface Driver {
  stream: Socket;
  _command: Command | null | undefined;
  _paused: boolean;
  _isMariaDB: boolean;
  _handshakePacket: { serverVersion: string } | null;
  execute(options: { sql: string }): Command;
  unprepare(sql: string): void;
}

export const driverOf = (connection: Connection) => connection as unknown as Driver;
