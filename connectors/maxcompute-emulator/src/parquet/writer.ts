import { type FileHandle, open } from 'node:fs/promises';
import type { ColumnData, OdpsType } from '@sampan/maxcompute';
import { ThriftWriter } from './thrift.ts';
import { describeType, type ParquetColumn, PHYSICAL, physicalType, WIDE_DECIMAL_BYTES } from './types.ts';
import { isNull, plainValues } from './values.ts';

/** A row group is closed at this size: what a writer holds in memory. */
const GROUP_BYTES = 16 * 1024 * 1024;
const GROUP_ROWS = 122_880;
const MAGIC = Buffer.from('PAR1');
const OPTIONAL = 1;
const PLAIN = 0;
const RLE = 3;

interface Chunk {
  offset: number;
  bytes: number;
}

interface Group {
  rows: number;
  chunks: Chunk[];
}

/**
 * Writes columns to an uncompressed Parquet file, row group by row group, straight from their bytes. Public format, no
 * library: the ones there are take rows or values one by one, and hold the whole file until its end.
 */
export class ParquetWriter {
  rows = 0;
  readonly #file: FileHandle;
  readonly #columns: ParquetColumn[];
  #groups: Group[] = [];
  #offset = MAGIC.length;
  #pages: Buffer[][];
  #held = 0;
  #groupRows = 0;

  private constructor(file: FileHandle, columns: ParquetColumn[]) {
    this.#file = file;
    this.#columns = columns;
    this.#pages = columns.map(() => []);
  }

  /** Starts a file. The types must be ones that `physicalType` knows. */
  static async create(path: string, columns: readonly { name: string; type: OdpsType }[]): Promise<ParquetWriter> {
    const file = await open(path, 'w');
    await file.write(MAGIC);
    return new ParquetWriter(
      file,
      columns.map((column) => ({ ...column, physical: physicalType(column.type) as number })),
    );
  }

  /** Awaiting it is the back-pressure of the disk. The columns' memory is the writer's from now on. @throws BadValue */
  async append(columns: readonly ColumnData[], rows: number): Promise<void> {
    if (rows === 0) return;
    this.#columns.forEach(({ type }, index) => {
      const page = dataPage(columns[index], rows, plainValues(type, columns[index], rows));
      for (const part of page) this.#held += part.length;
      this.#pages[index].push(...page);
    });
    this.rows += rows;
    this.#groupRows += rows;
    if (this.#held >= GROUP_BYTES || this.#groupRows >= GROUP_ROWS) await this.#flush();
  }

  /** Rows of each row group, the one not yet written last. */
  get groupRows(): number[] {
    return [...this.#groups.map((group) => group.rows), ...(this.#groupRows > 0 ? [this.#groupRows] : [])];
  }

  /**
   * Writes the rest and has it reach the disk; the file's bytes.
   * `late` are more columns, given whole: they lie behind all others.
   */
  async finish(late: readonly { name: string; type: OdpsType; groups: readonly ColumnData[] }[] = []): Promise<number> {
    await this.#flush();
    for (const { name, type, groups } of late) {
      this.#columns.push({ name, type, physical: physicalType(type) as number });
      for (const [index, group] of this.#groups.entries()) {
        group.chunks.push(
          await this.#write(dataPage(groups[index], group.rows, plainValues(type, groups[index], group.rows))),
        );
      }
    }
    const footer = this.#footer();
    const size = Buffer.alloc(4);
    size.writeUInt32LE(footer.length);
    await this.#write([footer, size, MAGIC]);
    await this.#file.sync();
    await this.#file.close();
    return this.#offset;
  }

  async discard(): Promise<void> {
    await this.#file.close().catch(() => {});
  }

  async #flush(): Promise<void> {
    if (this.#groupRows === 0) return;
    const chunks: Chunk[] = [];
    for (const pages of this.#pages) chunks.push(await this.#write(pages));
    this.#groups.push({ rows: this.#groupRows, chunks });
    this.#pages = this.#columns.map(() => []);
    this.#held = 0;
    this.#groupRows = 0;
  }

  async #write(parts: Buffer[]): Promise<Chunk> {
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    const { bytesWritten } = await this.#file.writev(parts.filter((part) => part.length > 0));
    if (bytesWritten !== bytes) throw new Error(`The disk took ${bytesWritten} of ${bytes} bytes.`);
    const chunk = { offset: this.#offset, bytes };
    this.#offset += bytes;
    return chunk;
  }

  #footer(): Buffer {
    const out = new ThriftWriter();
    out.i32(1, 2);
    out.structs(2, [null, ...this.#columns], (column) => {
      if (column === null) {
        out.text(4, 'schema');
        out.i32(5, this.#columns.length);
        return;
      }
      out.i32(1, column.physical);
      if (column.physical === PHYSICAL.fixed) out.i32(2, WIDE_DECIMAL_BYTES);
      out.i32(3, OPTIONAL);
      out.text(4, column.name);
      describeType(out, column.type);
    });
    out.i64(3, this.rows);
    out.structs(4, this.#groups, (group) => {
      out.structs(1, group.chunks, (chunk, index) => this.#chunk(out, group, chunk, index));
      out.i64(
        2,
        group.chunks.reduce((sum, chunk) => sum + chunk.bytes, 0),
      );
      out.i64(3, group.rows);
    });
    out.text(6, 'maxcompute-emulator');
    return out.bytes();
  }

  #chunk(out: ThriftWriter, group: Group, chunk: Chunk, index: number): void {
    const column = this.#columns[index];
    out.i64(2, chunk.offset);
    out.struct(3, () => {
      out.i32(1, column.physical);
      out.i32s(2, [PLAIN, RLE]);
      out.texts(3, [column.name]);
      out.i32(4, 0);
      out.i64(5, group.rows);
      out.i64(6, chunk.bytes);
      out.i64(7, chunk.bytes);
      out.i64(9, chunk.offset);
    });
  }
}

/** Header, definition levels and values of one page. */
function dataPage(column: ColumnData, rows: number, values: Buffer): Buffer[] {
  const levels = definitionLevels(column, rows);
  const out = new ThriftWriter();
  out.i32(1, 0);
  out.i32(2, levels.length + values.length);
  out.i32(3, levels.length + values.length);
  out.struct(5, () => {
    out.i32(1, rows);
    out.i32(2, PLAIN);
    out.i32(3, RLE);
    out.i32(4, RLE);
  });
  return [out.bytes(), levels, values];
}

/** A bitmap of which values are there is what Parquet calls bit-packed levels of width 1: it is taken as it is. */
function definitionLevels(column: ColumnData, rows: number): Buffer {
  const packed = column.validity !== undefined && hasNulls(column, rows);
  const body = packed ? (column.validity as Uint8Array).subarray(0, (rows + 7) >> 3) : Buffer.from([1]);
  const head = varint(packed ? (body.length << 1) | 1 : rows << 1);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length + body.length);
  return Buffer.concat([length, head, body]);
}

function hasNulls(column: ColumnData, rows: number): boolean {
  for (let row = 0; row < rows; row++) if (isNull(column, row)) return true;
  return false;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  return Buffer.from([...bytes, rest]);
}
