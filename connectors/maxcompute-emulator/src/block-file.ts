import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type ColumnData, columnOfItems, type Item, type OdpsType, parseType } from '@sampan/maxcompute';
import { refuseLong, replaceBrokenText } from './block-text.ts';
import { syncPath } from './files.ts';
import { isNested, storedType } from './nested-types.ts';
import { hasBytes, hasNanos, nothingBeyond, storedItem } from './nested-values.ts';
import { BadValue, isNull } from './parquet/values.ts';
import { ParquetWriter } from './parquet/writer.ts';
import { Refusal } from './refusal.ts';
import { bytesName, nanosName, SideColumn } from './side-columns.ts';
import type { ColumnDefinition } from './storage.ts';

interface Column {
  name: string;
  nullable: boolean;
  type: OdpsType;
  nanos: SideColumn;
  bytes: SideColumn;
}

/** Takes the rows of one block, checks them, and makes a Parquet file of them. */
export class BlockFile {
  readonly #path: string;
  readonly #writer: ParquetWriter;
  readonly #columns: Column[];

  private constructor(path: string, writer: ParquetWriter, columns: Column[]) {
    this.#path = path;
    this.#writer = writer;
    this.#columns = columns;
  }

  static async create(path: string, columns: readonly ColumnDefinition[]): Promise<BlockFile> {
    const all = columns.map(({ name, nullable, type: text }): Column => {
      const type = parseType(text);
      const nested = isNested(type);
      return {
        name,
        nullable,
        type,
        nanos: new SideColumn(nanosName(name), 'nanos', nested),
        bytes: new SideColumn(bytesName(name), 'bytes', nested),
      };
    });
    const stored = all.map(({ name, type }) => ({ name, type: storedType(type) }));
    return new BlockFile(path, await ParquetWriter.create(path, stored), all);
  }

  get rows(): number {
    return this.#writer.rows;
  }

  /** @throws Refusal where a value does not fit its column */
  async append(columns: readonly ColumnData[], rows: number): Promise<void> {
    try {
      const stored = columns.map((column, index) => this.#stored(column, this.#columns[index], rows));
      await this.#writer.append(stored, rows);
    } catch (error) {
      throw error instanceof BadValue
        ? new Refusal(400, 'InvalidData', `Around record ${this.rows}: ${error.message}.`)
        : error;
    }
  }

  /** Has the file reach the disk; its bytes, and the columns that have more in a column beside them. */
  async finish(): Promise<{ bytes: number; nanos: string[]; raw: string[] }> {
    const withNanos = this.#columns.filter((column) => !column.nanos.empty);
    const withBytes = this.#columns.filter((column) => !column.bytes.empty);
    const sides = [...withNanos.map((column) => column.nanos), ...withBytes.map((column) => column.bytes)];
    const groups = this.#writer.groupRows;
    const bytes = await this.#writer.finish(sides.map((side) => side.finish(groups)));
    await syncPath(dirname(this.#path));
    return { bytes, nanos: withNanos.map((column) => column.name), raw: withBytes.map((column) => column.name) };
  }

  async discard(): Promise<void> {
    await this.#writer.discard();
    await rm(this.#path, { force: true });
  }

  /** The column as it is stored, checked. @throws BadValue, Refusal */
  #stored(column: ColumnData, { name, nullable, type, nanos, bytes }: Column, rows: number): ColumnData {
    if (!nullable && column.validity !== undefined) refuseNulls(column, rows, name);
    if (isNested(type)) return this.#nested(column, { name, nullable, type, nanos, bytes }, rows);
    if (column.subMicros !== undefined) nanos.putNanos(this.rows, column.subMicros.slice(0, rows));
    if (column.offsets === undefined || type.kind === 'binary' || type.kind === 'decimal') return column;
    if (type.kind === 'varchar' || type.kind === 'char') refuseLong(column, rows, type.length, name);
    return replaceBrokenText(column, rows, (row, text) => {
      if (type.kind !== 'string') throw new BadValue(`column ${name}: a ${type.kind.toUpperCase()} is not UTF-8`);
      bytes.put(this.rows + row, text);
    });
  }

  #nested(column: ColumnData, { type, nanos, bytes }: Column, rows: number): ColumnData {
    const items = Array.from({ length: rows }, (_, row): Item => {
      if (isNull(column, row)) return null;
      const beyond = nothingBeyond();
      const item = (column.items?.[row] ?? column.values?.[row]) as Item;
      const stored = storedItem(type, item, beyond);
      if (hasNanos(beyond)) nanos.put(this.rows + row, beyond.nanos.map(BigInt));
      if (hasBytes(beyond)) bytes.put(this.rows + row, beyond.bytes);
      return stored;
    });
    return columnOfItems(storedType(type), items);
  }
}

function refuseNulls(column: ColumnData, rows: number, name: string): void {
  for (let row = 0; row < rows; row++) {
    if (isNull(column, row))
      throw new Refusal(400, 'InvalidData', `Column ${name} is NOT NULL, and a record has no value for it.`);
  }
}
