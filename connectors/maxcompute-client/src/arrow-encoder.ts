import { ArrowFramer, PlainFramer } from './arrow-framer.ts';
import { columnOfItems } from './arrow-items.ts';
import { headOf } from './arrow-message.ts';
import { checkArrowType, DAY_TIME } from './arrow-types.ts';
import type { ColumnData } from './columns.ts';
import { DecimalReader } from './decimal-reader.ts';
import { MaxComputeError } from './errors.ts';
import type { Item } from './record-items.ts';
import { type Lane, load, openLane } from './record-lane.ts';
import { byThousand, timesThousand } from './thousands.ts';
import { type OdpsType, typeText } from './types.ts';

const NOTHING = new Uint8Array(0);
const PADDING = new Uint8Array(8);

/**
 * Turns columns into the tunnel's Arrow body: `encode` for each batch, then `end` once. The counterpart of
 * `RecordEncoder`, with the same columns; one call is one Arrow record batch.
 */
export class ArrowEncoder {
  rows = 0;
  readonly #types: readonly OdpsType[];
  readonly #framer: Pick<ArrowFramer, 'open' | 'put' | 'take' | 'end'>;
  #nodes: number[] = [];
  #buffers: Uint8Array[] = [];

  /**
   * @param chunkBytes of the chunks; null: batches alone, without the chunks and checksums of the tunnel
   * @throws MaxComputeError `UnknownType` for a type that does not travel as Arrow
   */
  constructor(types: readonly OdpsType[], chunkBytes?: number | null) {
    types.forEach(checkArrowType);
    this.#types = types;
    this.#framer = chunkBytes === null ? new PlainFramer() : new ArrowFramer(chunkBytes);
  }

  /**
   * One batch. The bytes lie in `into` where that is large enough, else in a new buffer.
   * @throws MaxComputeError `ColumnMismatch`; `ValueOutOfRange` for a TIMESTAMP outside of 1677-09-21 … 2262-04-11,
   * which only records can carry, and for a DECIMAL that is none
   */
  encode(columns: readonly ColumnData[], rows: number, into?: Buffer): Buffer {
    if (columns.length !== this.#types.length)
      throw new MaxComputeError({
        code: 'ColumnMismatch',
        kind: 'bug',
        message: `${columns.length} columns were given, the stream has ${this.#types.length}.`,
        hint: 'Give one column for each of the session, in its order.',
      });
    this.#nodes = [];
    this.#buffers = [];
    for (const [index, type] of this.#types.entries()) this.#column(type, index, columns[index], rows);
    let bytes = 0;
    const places = this.#buffers.flatMap((buffer) => {
      const place = [bytes, buffer.length];
      bytes += (buffer.length + 7) & ~7;
      return place;
    });
    const head = headOf({ rows, nodes: this.#nodes, buffers: places }, bytes);
    this.#framer.open(head.length + bytes, into);
    this.#framer.put(head);
    for (const buffer of this.#buffers) {
      this.#framer.put(buffer);
      this.#framer.put(PADDING.subarray(0, -buffer.length & 7));
    }
    this.rows += rows;
    return this.#framer.take();
  }

  /** The last bytes, which make the body whole. */
  end(): Buffer {
    return this.#framer.end();
  }

  #column(type: OdpsType, index: number, column: ColumnData, rows: number): void {
    const lane = openLane(type, index);
    load(lane, column, rows);
    const nulls = lane.validity === null ? 0 : countNulls(lane.validity, rows);
    this.#nodes.push(rows, nulls);
    this.#buffers.push(nulls === 0 ? NOTHING : (lane.validity as Uint8Array).subarray(0, (rows + 7) >> 3));
    if (lane.physical === 'items') this.#nested(lane, index, rows);
    else if (type.kind === 'decimal') this.#buffers.push(decimals(lane, type.precision, type.scale, rows));
    else if (lane.physical === 'bytes') this.#text(lane, rows);
    else this.#buffers.push(valuesOf(lane, rows));
  }

  #text(lane: Lane, rows: number): void {
    const first = lane.offsets[0];
    const offsets = lane.offsets.subarray(0, rows + 1);
    this.#buffers.push(bytesOf(first === 0 ? offsets : offsets.map((one) => one - first)));
    this.#buffers.push(new Uint8Array(lane.data.buffer, lane.data.byteOffset + first, lane.offsets[rows] - first));
  }

  #nested({ type, items }: Lane, index: number, rows: number): void {
    const rowItems = Array.from({ length: rows }, (_, row) => (items[row] ?? null) as Item);
    const child = (inner: OdpsType, values: Item[]) =>
      this.#column(inner, index, columnOfItems(inner, values), values.length);
    if (type.kind === 'array' || type.kind === 'map') {
      const lists = rowItems as (Item[] | null)[];
      const offsets = new Int32Array(rows + 1);
      lists.forEach((list, row) => {
        offsets[row + 1] = offsets[row] + (list?.length ?? 0);
      });
      this.#buffers.push(bytesOf(offsets));
      const all = lists.flatMap((list) => list ?? []);
      if (type.kind === 'array') return child(type.element, all);
      this.#nodes.push(all.length, 0);
      this.#buffers.push(NOTHING);
      child(
        type.key,
        all.map((pair) => (pair as Item[])[0]),
      );
      return child(
        type.value,
        all.map((pair) => (pair as Item[])[1]),
      );
    }
    const fields = type.kind === 'struct' ? type.fields : DAY_TIME;
    for (const { name, type: inner } of fields)
      child(
        inner,
        rowItems.map((item) =>
          item !== null && Object.hasOwn(item as object, name) ? (item as { [field: string]: Item })[name] : null,
        ),
      );
  }
}

function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function countNulls(validity: Uint8Array, rows: number): number {
  let nulls = 0;
  for (let row = 0; row < rows; row++) nulls += ((validity[row >> 3] >> (row & 7)) & 1) ^ 1;
  return nulls;
}

const isNull = (lane: Lane, row: number) =>
  lane.validity !== null && (lane.validity[row >> 3] & (1 << (row & 7))) === 0;

function valuesOf(lane: Lane, rows: number): Uint8Array {
  switch (lane.physical) {
    case 'int8':
      return bytesOf(lane.int8.subarray(0, rows));
    case 'int16':
      return bytesOf(lane.int16.subarray(0, rows));
    case 'int32':
    case 'date':
    case 'float':
      return bytesOf(lane.int32.subarray(0, rows));
    case 'bool':
      return bits(lane.bool, rows);
    case 'millis': {
      const millis = new Int32Array(2 * rows);
      byThousand(lane.int32, millis, rows, null);
      return bytesOf(millis);
    }
    case 'stamp': {
      const nanos = new Int32Array(2 * rows);
      const bad = timesThousand(lane.int32, nanos, rows, lane.subMicros, (row) => isNull(lane, row));
      if (bad >= 0) throw outOfRange(lane, bad, 'Arrow holds 1677-09-21 to 2262-04-11: send it as records.');
      return bytesOf(nanos);
    }
    default:
      return bytesOf(lane.int32.subarray(0, 2 * rows));
  }
}

function bits(values: Uint8Array, rows: number): Uint8Array {
  const out = new Uint8Array((rows + 7) >> 3);
  for (let row = 0; row < rows; row++) if (values[row] !== 0) out[row >> 3] |= 1 << (row & 7);
  return out;
}

function decimals(lane: Lane, precision: number, scale: number, rows: number): Uint8Array {
  const { data, offsets } = lane;
  const text = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const reader = new DecimalReader(precision, scale);
  const out = new Uint32Array(4 * rows);
  for (let row = 0; row < rows; row++) {
    if (isNull(lane, row)) continue;
    if (!reader.read(text, offsets[row], offsets[row + 1]))
      throw outOfRange(lane, row, 'Write plain digits, no more of them than the type has.');
    for (let limb = 0; limb < 4; limb++) out[4 * row + limb] = reader.limbs[limb];
  }
  return bytesOf(out);
}

function outOfRange(lane: Lane, row: number, hint: string): MaxComputeError {
  return new MaxComputeError({
    code: 'ValueOutOfRange',
    kind: 'data',
    message: `Row ${row}, column ${lane.number}: the value cannot be sent as ${typeText(lane.type)}.`,
    hint,
  });
}
