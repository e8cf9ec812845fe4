import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import {
  DuckDBBlobValue,
  type DuckDBConnection,
  DuckDBDataChunk,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBInstance,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBType,
  type DuckDBValue,
} from '@duckdb/node-api';
import { type ColumnData, type OdpsType, parseType } from '@sampan/maxcompute';
import { syncPath } from './files.ts';
import { Refusal } from './refusal.ts';
import type { ColumnDefinition } from './storage.ts';

/** Rows of one DuckDB vector. */
const VECTOR_ROWS = 2_048;

/** One in-memory DuckDB for writing blocks and answering queries. */
export async function openDuck(): Promise<DuckDBInstance> {
  return DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '2GB' });
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;

/**
 * The DuckDB type that a MaxCompute type is stored as. DATETIME and TIMESTAMP are instants (TIMESTAMPTZ, UTC),
 * TIMESTAMP_NTZ a wall clock (TIMESTAMP).
 */
export function duckType(type: OdpsType): string {
  switch (type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'bigint':
    case 'float':
    case 'double':
    case 'boolean':
    case 'date':
      return type.kind.toUpperCase();
    case 'int':
      return 'INTEGER';
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`;
    case 'binary':
      return 'BLOB';
    case 'datetime':
    case 'timestamp':
      return 'TIMESTAMPTZ';
    case 'timestamp_ntz':
      return 'TIMESTAMP';
    case 'string':
    case 'varchar':
    case 'char':
    case 'json':
      return 'VARCHAR';
    default:
      throw new Refusal(400, 'UnsupportedFeature', `The emulator does not store ${type.kind} columns yet.`);
  }
}

/** Columns as DuckDB declares them. */
export const duckColumns = (columns: readonly ColumnDefinition[]) =>
  columns.map((column) => `${quoted(column.name)} ${duckType(parseType(column.type))}`).join(', ');

/** Collects the rows of one block and writes them to a Parquet file. */
export class BlockFile {
  rows = 0;
  readonly #connection: DuckDBConnection;
  readonly #table = `block_${randomUUID().replaceAll('-', '')}`;
  readonly #types: OdpsType[];
  readonly #columns: readonly ColumnDefinition[];
  #appender: Awaited<ReturnType<DuckDBConnection['createAppender']>> | null = null;
  #duckTypes: DuckDBType[] = [];

  private constructor(connection: DuckDBConnection, columns: readonly ColumnDefinition[]) {
    this.#connection = connection;
    this.#columns = columns;
    this.#types = columns.map((column) => parseType(column.type));
  }

  static async create(duck: DuckDBInstance, columns: readonly ColumnDefinition[]): Promise<BlockFile> {
    const block = new BlockFile(await duck.connect(), columns);
    await block.#connection.run(`CREATE TEMP TABLE ${block.#table} (${duckColumns(columns)})`);
    block.#appender = await block.#connection.createAppender(block.#table);
    const described = await block.#connection.run(`SELECT * FROM ${block.#table} LIMIT 0`);
    block.#duckTypes = described.columnTypes();
    return block;
  }

  append(columns: readonly ColumnData[], rows: number): void {
    for (let from = 0; from < rows; from += VECTOR_ROWS) {
      const count = Math.min(VECTOR_ROWS, rows - from);
      const chunk = DuckDBDataChunk.create(this.#duckTypes, count);
      columns.forEach((column, index) => {
        chunk.setColumnValues(index, cellsOf(this.#types[index], column, from, count, this.#columns[index].name));
      });
      this.#appender!.appendDataChunk(chunk);
    }
    this.rows += rows;
  }

  /** Writes the file and has it reach the disk; its bytes. */
  async finish(path: string): Promise<number> {
    this.#appender!.flushSync();
    this.#appender!.closeSync();
    await this.#connection.run(`COPY ${this.#table} TO ${literal(path)} (FORMAT parquet, COMPRESSION snappy)`);
    await this.discard();
    await syncPath(path);
    return (await stat(path)).size;
  }

  async discard(): Promise<void> {
    await this.#connection.run(`DROP TABLE IF EXISTS ${this.#table}`);
    this.#connection.closeSync();
  }
}

function cellsOf(type: OdpsType, column: ColumnData, from: number, count: number, name: string): DuckDBValue[] {
  const cells: DuckDBValue[] = new Array(count);
  const { validity } = column;
  const read = reader(type, column, name);
  for (let at = 0; at < count; at++) {
    const row = from + at;
    cells[at] = validity !== undefined && (validity[row >> 3] & (1 << (row & 7))) === 0 ? null : read(row);
  }
  return cells;
}

const MIN_BIGINT = -(2n ** 63n);

function reader(type: OdpsType, column: ColumnData, name: string): (row: number) => DuckDBValue {
  const values = column.values!;
  switch (type.kind) {
    case 'bigint':
      return (row) => {
        if (values[row] === MIN_BIGINT) throw new Refusal(400, 'InvalidData', `Column ${name}: −2^63 is not a BIGINT.`);
        return values[row];
      };
    case 'boolean':
      return (row) => values[row] === 1;
    case 'date':
      return (row) => new DuckDBDateValue(Number(values[row]));
    case 'datetime':
    case 'timestamp':
      refuseNanos(column, name);
      return (row) => new DuckDBTimestampTZValue(values[row] as bigint);
    case 'timestamp_ntz':
      refuseNanos(column, name);
      return (row) => new DuckDBTimestampValue(values[row] as bigint);
    case 'binary':
      return (row) => new DuckDBBlobValue(Uint8Array.from(slice(column, row)));
    case 'decimal':
      return (row) => decimalOf(slice(column, row).latin1Slice(), type.precision, type.scale, name);
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'float':
    case 'double':
      return (row) => values[row];
    default:
      return (row) => {
        const bytes = slice(column, row);
        if (!isUtf8(bytes))
          throw new Refusal(
            400,
            'UnsupportedFeature',
            `Column ${name}: the emulator keeps only strings that are UTF-8.`,
          );
        const text = bytes.utf8Slice();
        const most = type.kind === 'varchar' || type.kind === 'char' ? type.length : Number.POSITIVE_INFINITY;
        if (text.length > most && [...text].length > most)
          throw new Refusal(400, 'InvalidData', `Column ${name}: more than ${most} characters.`);
        return text;
      };
  }
}

interface Slice extends Buffer {
  utf8Slice(): string;
  latin1Slice(): string;
}

function slice(column: ColumnData, row: number): Slice {
  const data = column.data!;
  const from = column.offsets![row];
  return Buffer.from(data.buffer, data.byteOffset + from, column.offsets![row + 1] - from) as Slice;
}

function refuseNanos(column: ColumnData, name: string): void {
  if (column.subMicros?.some((nanos) => nanos !== 0)) {
    throw new Refusal(
      400,
      'UnsupportedFeature',
      `Column ${name}: the emulator keeps times to the microsecond, these have nanoseconds.`,
    );
  }
}

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

/** Exact, from plain or exponent notation; refused where digits would be lost. */
function decimalOf(text: string, precision: number, scale: number, name: string): DuckDBDecimalValue {
  const match = DECIMAL.exec(text);
  const refused = () =>
    new Refusal(400, 'InvalidData', `Column ${name}: "${text.slice(0, 50)}" is not a DECIMAL(${precision},${scale}).`);
  if (match === null || (match[2] === '' && !match[3])) throw refused();
  const [, sign, whole, fraction = '', exponent = '0'] = match;
  const shift = scale - fraction.length + Number(exponent);
  const digits = `${whole}${fraction}`;
  const cut = shift < 0 ? digits.slice(shift) : '';
  if (Math.abs(shift) > 200 || /[1-9]/.test(cut)) throw refused();
  const unscaled = BigInt((shift < 0 ? digits.slice(0, shift) : digits + '0'.repeat(shift)) || '0');
  if (unscaled >= 10n ** BigInt(precision)) throw refused();
  return new DuckDBDecimalValue(sign === '-' ? -unscaled : unscaled, precision, scale);
}

export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true });
}

export { literal, quoted };
