import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { ConnectorError } from '@sampan/connector';
import type { QueryOptions, ResultSetHeader } from 'mysql2';
import { asConnectorError } from './errors.ts';
import { quoteName } from './sql.ts';
import type { StagedColumn } from './target-columns.ts';
import { errnoOf, type Link } from './target-link.ts';
import { type Dialect, ESCAPE, FIELD_END, insertDialect, LINE_END, loadDialect } from './writer-dialects.ts';

/** What the server made of a piece of rows. `reason`: why they were not even sent. */
export interface Sent {
  rows: number;
  warnings: number;
  reason?: string;
}

/** Rows that are printed when they are asked for, so that the server works on some while others are printed. */
export interface RowSource {
  /** Some more whole rows, of about `maxBytes` at most; null: no more. The buffer stays as it is. */
  pull(maxBytes: number): Buffer | null;
}

/** A way to get printed rows into a table. */
export interface Sender {
  dialect: Dialect;
  statement(table: string): string;
  /** One statement, which takes as many rows as it wants. */
  send(link: Link, table: string, rows: RowSource): Promise<Sent>;
}

/** Bytes of one packet of a file that is not there. */
const PACKET = 256 * 1024;
/** LOAD DATA LOCAL is switched off at one end. */
const NOT_ALLOWED = new Set([1148, 2068, 3948, 4166]);

export const loadRefused = (error: unknown) => NOT_ALLOWED.has(errnoOf(error));

const notSent = (reason: string): Sent => ({ rows: 0, warnings: 0, reason });

/** The bytes of each field are taken as they are; a column that would misread them converts them itself. */
function assignment({ native, charset, json }: StagedColumn, variable: string): string | null {
  if (/^bit\b/i.test(native)) return `CAST(${variable} AS UNSIGNED)`;
  if (json === 'native') return `CONVERT(${variable} USING utf8mb4)`;
  if (charset !== null) return charset.startsWith('utf8') ? null : `CONVERT(${variable} USING utf8mb4)`;
  const plain =
    /^(tinyint|smallint|mediumint|int|bigint|decimal|float|double|year|date|time|datetime|timestamp|binary|varbinary|\w*blob)\b/i;
  return plain.test(native) ? null : `CONVERT(${variable} USING utf8mb4)`;
}

export function loadSender(columns: readonly StagedColumn[]): Sender {
  const sets: string[] = [];
  const names = columns.map((column, index) => {
    const set = assignment(column, `@sampan${index}`);
    if (set !== null) sets.push(`${quoteName(column.name)} = ${set}`);
    return set === null ? quoteName(column.name) : `@sampan${index}`;
  });
  const hex = (byte: number) => `X'0${byte}'`;
  const statement = (table: string, file: string) =>
    `LOAD DATA LOCAL INFILE '${file}' INTO TABLE ${quoteName(table)} CHARACTER SET binary ` +
    `FIELDS TERMINATED BY ${hex(FIELD_END)} ESCAPED BY ${hex(ESCAPE)} LINES TERMINATED BY ${hex(LINE_END)} ` +
    `(${names.join(', ')})${sets.length === 0 ? '' : ` SET ${sets.join(', ')}`}`;
  return {
    dialect: loadDialect,
    statement: (table) => statement(table, 'sampan'),
    async send(link, table, rows) {
      const file = `sampan-${randomUUID()}`;
      const { affectedRows, warningStatus } = await infile(link, statement(table, file), file, rows);
      return { rows: affectedRows, warnings: warningStatus };
    },
  };
}

/** Any other file than the one just named is a server that tries to read this machine: the connection ends. */
function infile(link: Link, sql: string, file: string, rows: RowSource): Promise<ResultSetHeader> {
  return new Promise((resolve, reject) => {
    const infileStreamFactory = (asked: string): Readable => {
      if (asked === file) return Readable.from(pieces(rows), { objectMode: false, highWaterMark: PACKET });
      reject(
        new ConnectorError({
          kind: 'bug',
          code: 'FOREIGN_FILE_ASKED',
          message: 'The server asked for a file that was not offered.',
          hint: 'Do not trust this server.',
        }),
      );
      link.cut();
      return Readable.from([]);
    };
    link.connection.query({ sql, infileStreamFactory } as QueryOptions, (error: unknown, result: unknown) => {
      if (error) reject(asConnectorError(error, 'loading rows'));
      else resolve(result as ResultSetHeader);
    });
  });
}

function* pieces(rows: RowSource): Generator<Buffer> {
  for (let piece = rows.pull(PACKET); piece !== null; piece = rows.pull(PACKET)) {
    for (let at = 0; at < piece.length; at += PACKET) yield piece.subarray(at, at + PACKET);
  }
}

/** For servers that do not allow LOAD DATA LOCAL. */
export function insertSender(columns: readonly StagedColumn[], maxAllowedPacket: number): Sender {
  const statement = (table: string) =>
    `INSERT INTO ${quoteName(table)} (${columns.map(({ name }) => quoteName(name)).join(', ')}) VALUES `;
  const wanted = Math.max(Math.min(maxAllowedPacket - 64 * 1024, 1024 * 1024), 1024);
  const limit = maxAllowedPacket - 1024;
  return {
    dialect: insertDialect,
    statement,
    async send(link, table, rows) {
      // The last comma is not part of the statement.
      const values = rows.pull(wanted)?.subarray(0, -1);
      if (values === undefined) return { rows: 0, warnings: 0 };
      if (!isUtf8(values)) return notSent('the text is not valid UTF-8');
      const sql = statement(table) + values.toString('utf8');
      const bytes = values.length + statement(table).length;
      if (bytes > limit)
        return notSent(`the row takes ${bytes} bytes; the server's max_allowed_packet is ${maxAllowedPacket}`);
      const { affectedRows, warnings } = await link.change(sql, 'inserting rows');
      return { rows: affectedRows, warnings };
    },
  };
}
