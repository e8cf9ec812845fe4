import { isUtf8 } from 'node:buffer';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type ColumnData, type OdpsType, parseType } from '@sampan/maxcompute';
import { syncPath } from './files.ts';
import { BadValue } from './parquet/values.ts';
import { ParquetWriter } from './parquet/writer.ts';
import { Refusal } from './refusal.ts';
import type { ColumnDefinition } from './storage.ts';

/** Name of the column beside a TIMESTAMP that holds its nanoseconds below the microsecond. */
export const nanosName = (column: string) => `${column}__nanos`;

interface SideColumn {
  name: string;
  /** Nanoseconds of each row of each batch that had any, by the row the batch began at. */
  batches: { from: number; rows: number; nanos: Uint16Array }[];
}

/** Takes the rows of one block, checks them, and makes a Parquet file of them. */
export class BlockFile {
  readonly #path: string;
  readonly #writer: ParquetWriter;
  readonly #columns: readonly ColumnDefinition[];
  readonly #types: OdpsType[];
  readonly #sides: SideColumn[];

  private constructor(path: string, writer: ParquetWriter, columns: readonly ColumnDefinition[]) {
    this.#path = path;
    this.#writer = writer;
    this.#columns = columns;
    this.#types = columns.map((column) => parseType(column.type));
    this.#sides = columns.map((column) => ({ name: nanosName(column.name), batches: [] }));
  }

  static async create(path: string, columns: readonly ColumnDefinition[]): Promise<BlockFile> {
    const writer = await ParquetWriter.create(
      path,
      columns.map((column) => ({ name: column.name, type: parseType(column.type) })),
    );
    return new BlockFile(path, writer, columns);
  }

  get rows(): number {
    return this.#writer.rows;
  }

  /** @throws Refusal where a value does not fit its column */
  async append(columns: readonly ColumnData[], rows: number): Promise<void> {
    columns.forEach((column, index) => {
      this.#check(column, index, rows);
      if (column.subMicros !== undefined) {
        this.#sides[index].batches.push({ from: this.rows, rows, nanos: column.subMicros.slice(0, rows) });
      }
    });
    try {
      await this.#writer.append(columns, rows);
    } catch (error) {
      throw error instanceof BadValue
        ? new Refusal(400, 'InvalidData', `Around record ${this.rows}: ${error.message}.`)
        : error;
    }
  }

  /** Has the file reach the disk; its bytes, and the columns that have nanoseconds. */
  async finish(): Promise<{ bytes: number; nanos: string[] }> {
    const sides = this.#sides.flatMap((side, index) => (side.batches.length === 0 ? [] : [{ side, index }]));
    const groups = this.#writer.groupRows;
    const late = sides.map(({ side }) => ({
      name: side.name,
      type: { kind: 'smallint' as const },
      groups: sideGroups(side, groups),
    }));
    const bytes = await this.#writer.finish(late);
    await syncPath(dirname(this.#path));
    return { bytes, nanos: sides.map(({ index }) => this.#columns[index].name) };
  }

  async discard(): Promise<void> {
    await this.#writer.discard();
    await rm(this.#path, { force: true });
  }

  #check(column: ColumnData, index: number, rows: number): void {
    const { name, nullable } = this.#columns[index];
    const type = this.#types[index];
    if (!nullable && column.validity !== undefined) refuseNulls(column.validity, rows, name);
    if (column.offsets === undefined || type.kind === 'binary' || type.kind === 'decimal') return;
    refuseBrokenText(column, rows, name);
    if (type.kind === 'varchar' || type.kind === 'char') refuseLong(column, rows, type.length, name);
  }
}

function sideGroups(side: SideColumn, groups: number[]): ColumnData[] {
  let from = 0;
  return groups.map((rows) => {
    const values = new Int16Array(rows);
    const validity = new Uint8Array((rows + 7) >> 3);
    for (const batch of side.batches) {
      if (batch.from < from || batch.from >= from + rows) continue;
      batch.nanos.forEach((nanos, row) => {
        if (nanos === 0) return;
        const at = batch.from - from + row;
        values[at] = nanos;
        validity[at >> 3] |= 1 << (at & 7);
      });
    }
    from += rows;
    return { length: rows, values, validity };
  });
}

function refuseNulls(validity: Uint8Array, rows: number, name: string): void {
  for (let row = 0; row < rows; row++) {
    if ((validity[row >> 3] & (1 << (row & 7))) === 0)
      throw new Refusal(400, 'InvalidData', `Column ${name} is NOT NULL, and a record has no value for it.`);
  }
}

/** All cells at once; then no cell may begin in the middle of a character. */
function refuseBrokenText(column: ColumnData, rows: number, name: string): void {
  const offsets = column.offsets as Int32Array;
  const data = column.data as Uint8Array;
  let broken = !isUtf8(data.subarray(offsets[0], offsets[rows]));
  for (let row = 0; row < rows && !broken; row++)
    broken = offsets[row + 1] > offsets[row] && (data[offsets[row]] & 0xc0) === 0x80;
  if (broken)
    throw new Refusal(
      400,
      'UnsupportedFeature',
      `Column ${name}: the emulator keeps only text that is UTF-8; use BINARY for other bytes.`,
    );
}

function refuseLong(column: ColumnData, rows: number, most: number, name: string): void {
  const offsets = column.offsets as Int32Array;
  const data = column.data as Uint8Array;
  for (let row = 0; row < rows; row++) {
    if (offsets[row + 1] - offsets[row] <= most) continue;
    let characters = 0;
    for (let byte = offsets[row]; byte < offsets[row + 1]; byte++) if ((data[byte] & 0xc0) !== 0x80) characters++;
    if (characters > most)
      throw new Refusal(
        400,
        'InvalidData',
        `Column ${name}: a value has ${characters} characters, ${most} are allowed.`,
      );
  }
}
