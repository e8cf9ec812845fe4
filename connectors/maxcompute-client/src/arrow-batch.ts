import { itemsOf } from './arrow-items.ts';
import type { BatchHead } from './arrow-message.ts';
import { DAY_TIME } from './arrow-types.ts';
import { type ColumnData, type Physical, physicalOf } from './columns.ts';
import { DecimalText } from './decimal-text.ts';
import type { Item } from './record-items.ts';
import { byThousand, timesThousand } from './thousands.ts';
import type { OdpsType } from './types.ts';

const WIDTHS: { [of in Physical]?: number } = { int8: 1, int16: 2, int32: 4, date: 4, float: 4 };

/** Reads the columns of one record batch, views of its body wherever the forms are the same. */
export class BatchReader {
  readonly #head: BatchHead;
  readonly #body: Buffer;
  readonly #fieldBytes: number;
  #node = 0;
  #buffer = 0;

  /** The body begins where its memory does. */
  constructor(head: BatchHead, body: Buffer, fieldBytes: number) {
    this.#head = head;
    this.#body = body;
    this.#fieldBytes = fieldBytes;
  }

  /** @throws RangeError where the batch is not of these types, or broken */
  columns(types: readonly OdpsType[]): ColumnData[] {
    const { rows, nodes, buffers } = this.#head;
    const columns = types.map((type) => {
      const column = this.#column(type);
      if (column.length !== rows)
        throw new RangeError(`a column of ${column.length} values in a batch of ${rows} rows`);
      return column;
    });
    if (2 * this.#node !== nodes.length || 2 * this.#buffer !== buffers.length)
      throw new RangeError('a batch holds more columns than the session, or of other types');
    return columns;
  }

  #column(type: OdpsType): ColumnData {
    const { length, validity } = this.#next();
    const physical = physicalOf(type);
    const column: ColumnData = { length, validity };
    if (type.kind === 'decimal') return { ...column, ...this.#decimals(type.scale, column) };
    switch (physical) {
      case 'items':
        return { ...column, items: this.#items(type, column) };
      case 'bytes':
        return { ...column, ...this.#text(length) };
      case 'bool':
        return { ...column, values: unpacked(this.#take((length + 7) >> 3), length) };
      case 'millis': {
        const micros = new BigInt64Array(length);
        const halves = new Int32Array(micros.buffer);
        if (timesThousand(this.#words(2 * length), halves, length, null, (row) => isNull(column, row)) >= 0)
          throw new RangeError('a DATETIME is out of range');
        return { ...column, values: micros };
      }
      case 'stamp': {
        const micros = new BigInt64Array(length);
        const below = new Uint16Array(length);
        const any = byThousand(this.#words(2 * length), new Int32Array(micros.buffer), length, below);
        return { ...column, values: micros, ...(any ? { subMicros: below } : {}) };
      }
      default:
        return { ...column, values: viewOf(physical, this.#take(length * (WIDTHS[physical] ?? 8)), length) };
    }
  }

  #next(): { length: number; validity: Uint8Array | undefined } {
    const at = 2 * this.#node++;
    if (at >= this.#head.nodes.length) throw new RangeError('a batch holds fewer columns than the session');
    const [length, nulls] = this.#head.nodes.slice(at, at + 2);
    const bitmap = this.#take(0);
    if (nulls === 0) return { length, validity: undefined };
    if (bitmap.length < (length + 7) >> 3) throw new RangeError('a bitmap of NULLs is too short');
    return { length, validity: bitmap };
  }

  /** The next buffer, of this many bytes at least; aligned to eight, as typed arrays need it. @throws RangeError */
  #take(least: number): Buffer {
    const at = 2 * this.#buffer++;
    if (at >= this.#head.buffers.length) throw new RangeError('a batch holds fewer buffers than its columns need');
    const [offset, length] = this.#head.buffers.slice(at, at + 2);
    if (offset + length > this.#body.length || length < least) throw new RangeError('a buffer is too short');
    const bytes = this.#body.subarray(offset, offset + length);
    if (offset % 8 === 0) return bytes;
    const aligned = Buffer.allocUnsafeSlow(length);
    bytes.copy(aligned);
    return aligned;
  }

  #words(count: number): Int32Array {
    const bytes = this.#take(4 * count);
    return new Int32Array(bytes.buffer, bytes.byteOffset, count);
  }

  #offsets(length: number): Int32Array {
    // Of no rows there may be no offset either.
    const bytes = this.#take(length === 0 ? 0 : 4 * (length + 1));
    if (bytes.length < 4) return new Int32Array(1);
    const offsets = new Int32Array(bytes.buffer, bytes.byteOffset, length + 1);
    if (offsets[0] < 0) throw new RangeError('offsets begin below zero');
    for (let row = 0; row < length; row++) if (offsets[row + 1] < offsets[row]) throw new RangeError('offsets go back');
    return offsets;
  }

  #text(length: number): { offsets: Int32Array; data: Buffer } {
    const offsets = this.#offsets(length);
    for (let row = 0; row < length; row++)
      if (offsets[row + 1] - offsets[row] > this.#fieldBytes)
        throw new RangeError(
          `a field of ${offsets[row + 1] - offsets[row]} bytes, at most ${this.#fieldBytes} are allowed`,
        );
    return { offsets, data: this.#take(offsets[length]) };
  }

  #decimals(scale: number, column: ColumnData): { offsets: Int32Array; data: Buffer } {
    const bytes = this.#take(16 * column.length);
    // The old DECIMAL without precision has 32 bytes a value: better none than wrong ones.
    if (bytes.length > 0 && (bytes.length === 32 * column.length || bytes.length > ((16 * column.length + 63) & ~63)))
      throw new RangeError('decimals of more than 128 bits, which only records bring');
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, 4 * column.length);
    const offsets = new Int32Array(column.length + 1);
    const text = new DecimalText(scale, column.length);
    for (let row = 0; row < column.length; row++)
      offsets[row + 1] = isNull(column, row) ? offsets[row] : text.add(words, 4 * row);
    return { offsets, data: text.data };
  }

  #items(type: OdpsType, { length, validity }: ColumnData): Item[] {
    if (type.kind === 'array' || type.kind === 'map') {
      const offsets = this.#offsets(length);
      const all = type.kind === 'array' ? this.#child(type.element) : this.#pairs(type.key, type.value);
      if (offsets[length] > all.length) throw new RangeError('a list reaches beyond its values');
      return Array.from({ length }, (_, row) =>
        isNull({ length, validity }, row) ? null : all.slice(offsets[row], offsets[row + 1]),
      );
    }
    const fields = type.kind === 'struct' ? type.fields : DAY_TIME;
    const parts = fields.map((field) => this.#child(field.type));
    if (parts.some((part) => part.length < length)) throw new RangeError('a field has fewer values than its struct');
    const nano = type.kind === 'interval_day_time';
    return Array.from({ length }, (_, row) => {
      if (isNull({ length, validity }, row)) return null;
      const one = Object.fromEntries(fields.map(({ name }, index) => [name, parts[index][row]]));
      return nano ? { sec: one.sec as bigint, nano: Number(one.nano) } : one;
    });
  }

  #pairs(key: OdpsType, value: OdpsType): Item[] {
    const { length } = this.#next();
    const keys = this.#child(key);
    const values = this.#child(value);
    if (keys.length < length || values.length < length) throw new RangeError('a map has fewer values than keys');
    return Array.from({ length }, (_, row) => [keys[row], values[row]]);
  }

  #child(type: OdpsType): Item[] {
    return itemsOf(type, this.#column(type));
  }
}

function isNull({ validity }: ColumnData, row: number): boolean {
  return validity !== undefined && (validity[row >> 3] & (1 << (row & 7))) === 0;
}

function unpacked(bits: Buffer, length: number): Uint8Array {
  const out = new Uint8Array(length);
  for (let row = 0; row < length; row++) out[row] = (bits[row >> 3] >> (row & 7)) & 1;
  return out;
}

function viewOf(physical: Physical, bytes: Buffer, length: number): ColumnData['values'] {
  const { buffer, byteOffset } = bytes;
  switch (physical) {
    case 'int8':
      return new Int8Array(buffer, byteOffset, length);
    case 'int16':
      return new Int16Array(buffer, byteOffset, length);
    case 'int32':
    case 'date':
      return new Int32Array(buffer, byteOffset, length);
    case 'float':
      return new Float32Array(buffer, byteOffset, length);
    case 'double':
      return new Float64Array(buffer, byteOffset, length);
    default:
      return new BigInt64Array(buffer, byteOffset, length);
  }
}
