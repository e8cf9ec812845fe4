import { type FileHandle, open } from 'node:fs/promises';
import type { ColumnData, Item, OdpsType } from '@sampan/maxcompute';
import { flatPage, nestedPage } from './pages.ts';
import { writeSchema } from './schema.ts';
import { Shredder } from './shredder.ts';
import { ThriftWriter } from './thrift.ts';
import { physicalType } from './types.ts';
import { isNull, plainValues } from './values.ts';

/** A row group is closed at this size: what a writer holds in memory. */
const GROUP_BYTES = 16 * 1024 * 1024;
const GROUP_ROWS = 122_880;
const MAGIC = Buffer.from('PAR1');
const PLAIN = 0;
const RLE = 3;

/** A column of the file: one of scalars, or one whose values are cut into several. */
interface ParquetColumn {
  name: string;
  type: OdpsType;
  /** Absent: scalars. */
  shredder?: Shredder;
  /** Its columns of scalars: where they lie in the schema, and Parquet's number of their type. */
  leaves: { path: string[]; physical: number }[];
}

/** A page on its way to the disk. */
interface Page {
  parts: Buffer[];
  values: number;
}

interface Chunk {
  offset: number;
  bytes: number;
  values: number;
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
  /** Of each leaf of each column. */
  #pages: Page[][];
  #held = 0;
  #groupRows = 0;

  private constructor(file: FileHandle, columns: ParquetColumn[]) {
    this.#file = file;
    this.#columns = columns;
    this.#pages = noPages(columns);
  }

  /** Starts a file. The types must be ones that `physicalType` knows, or made of such. */
  static async create(path: string, columns: readonly { name: string; type: OdpsType }[]): Promise<ParquetWriter> {
    const file = await open(path, 'w');
    await file.write(MAGIC);
    return new ParquetWriter(file, columns.map(parquetColumn));
  }

  /** Awaiting it is the back-pressure of the disk. The columns' memory is the writer's from now on. @throws BadValue */
  async append(columns: readonly ColumnData[], rows: number): Promise<void> {
    if (rows === 0) return;
    let leaf = 0;
    this.#columns.forEach((column, index) => {
      for (const page of pagesOf(column, columns[index], rows)) {
        for (const part of page.parts) this.#held += part.length;
        this.#pages[leaf++].push(page);
      }
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
      const column = parquetColumn({ name, type });
      this.#columns.push(column);
      for (const [index, group] of this.#groups.entries()) {
        for (const page of pagesOf(column, groups[index], group.rows))
          group.chunks.push(await this.#writePages([page]));
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
    for (const pages of this.#pages) chunks.push(await this.#writePages(pages));
    this.#groups.push({ rows: this.#groupRows, chunks });
    this.#pages = noPages(this.#columns);
    this.#held = 0;
    this.#groupRows = 0;
  }

  async #writePages(pages: Page[]): Promise<Chunk> {
    const written = await this.#write(pages.flatMap((page) => page.parts));
    return { ...written, values: pages.reduce((sum, page) => sum + page.values, 0) };
  }

  async #write(parts: Buffer[]): Promise<{ offset: number; bytes: number }> {
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
    writeSchema(out, this.#columns);
    out.i64(3, this.rows);
    const leaves = this.#columns.flatMap((column) => column.leaves);
    out.structs(4, this.#groups, (group) => {
      out.structs(1, group.chunks, (chunk, index) => writeChunk(out, leaves[index], chunk));
      out.i64(
        2,
        group.chunks.reduce((sum, chunk) => sum + chunk.bytes, 0),
      );
      out.i64(3, group.rows);
    });
    out.text(6, 'maxcompute-emulator');
    return out.bytes();
  }
}

function writeChunk(out: ThriftWriter, { path, physical }: ParquetColumn['leaves'][number], chunk: Chunk): void {
  out.i64(2, chunk.offset);
  out.struct(3, () => {
    out.i32(1, physical);
    out.i32s(2, [PLAIN, RLE]);
    out.texts(3, path);
    out.i32(4, 0);
    out.i64(5, chunk.values);
    out.i64(6, chunk.bytes);
    out.i64(7, chunk.bytes);
    out.i64(9, chunk.offset);
  });
}

const noPages = (columns: readonly ParquetColumn[]): Page[][] => columns.flatMap(({ leaves }) => leaves.map(() => []));

function parquetColumn({ name, type }: { name: string; type: OdpsType }): ParquetColumn {
  const physical = physicalType(type);
  if (physical !== undefined) return { name, type, leaves: [{ path: [name], physical }] };
  const shredder = new Shredder(name, type);
  return { name, type, shredder, leaves: shredder.leaves };
}

/** One page for each leaf. @throws BadValue */
function pagesOf({ type, shredder }: ParquetColumn, column: ColumnData, rows: number): Page[] {
  if (shredder === undefined) return [{ parts: flatPage(column, rows, plainValues(type, column, rows)), values: rows }];
  const items = Array.from({ length: rows }, (_, row) => (isNull(column, row) ? null : (column.items?.[row] as Item)));
  return shredder
    .shred(items)
    .map((shreds, at) => ({ parts: nestedPage(shredder.leaves[at], shreds), values: shreds.defined.length }));
}
