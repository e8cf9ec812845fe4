/**
 * The head of an Arrow record batch message, a small flatbuffer whose layout never varies here. Source: Arrow's
 * `Message.fbs` and "Columnar Format", encapsulated messages.
 */
const VERSION_5 = 4;
const SCHEMA = 1;
const RECORD_BATCH = 3;
/** Where the two tables, and the list of nodes, lie in what `headOf` writes. */
const MESSAGE = 16;
const BATCH = 48;
const NODES = 72;

export interface BatchHead {
  rows: number;
  /** Pairs: length and number of NULLs of each column, nested ones behind their parents. */
  nodes: number[];
  /** Pairs: offset in the body and length of each buffer. */
  buffers: number[];
  /** How each buffer is packed by itself. */
  packing?: 'lz4' | 'zstd' | null;
}

/** A column of a schema message. */
export interface ArrowField {
  name: string;
  /** A number of Arrow's `Type`, such as `ARROW.struct`. */
  type: number;
  /**
   * The first parameter of the type. Of an instant: seconds, milli-, micro-, nanoseconds as 0 to 3; of a date: days as 0,
   * milliseconds as 1; bits of an integer; of a float half, single, double as 0 to 2; digits of a decimal.
   */
  unit: number;
  /** The second one: whether an integer has a sign, as 1; scale of a decimal. */
  more: number;
  children: ArrowField[];
}

/** Of Arrow's `Type` in `Schema.fbs`. */
export const ARROW = {
  int: 2,
  float: 3,
  binary: 4,
  utf8: 5,
  bool: 6,
  decimal: 7,
  date: 8,
  timestamp: 10,
  list: 12,
  struct: 13,
  map: 17,
};

/** The message up to its body: marker, length, flatbuffer. */
export function headOf(head: BatchHead, bodyBytes: number): Buffer {
  const buffersAt = NODES + 8 * head.nodes.length + 8;
  const size = buffersAt + 8 * head.buffers.length;
  const out = Buffer.alloc(8 + size);
  out.writeUInt32LE(0xffffffff, 0);
  out.writeInt32LE(size, 4);
  const body = out.subarray(8);
  body.writeUInt32LE(MESSAGE, 0);
  // Which field lies where: version, kind of header, header, length of the body.
  for (const [index, word] of [12, 20, 4, 6, 16, 8].entries()) body.writeUInt16LE(word, 4 + 2 * index);
  body.writeInt32LE(MESSAGE - 4, MESSAGE);
  body.writeInt16LE(VERSION_5, MESSAGE + 4);
  body[MESSAGE + 6] = RECORD_BATCH;
  putLong(body, MESSAGE + 8, bodyBytes);
  body.writeUInt32LE(BATCH - (MESSAGE + 16), MESSAGE + 16);
  // The same for the batch: rows, nodes, buffers.
  for (const [index, word] of [10, 20, 8, 4, 16].entries()) body.writeUInt16LE(word, 36 + 2 * index);
  body.writeInt32LE(BATCH - 36, BATCH);
  body.writeUInt32LE(NODES - 4 - (BATCH + 4), BATCH + 4);
  putLong(body, BATCH + 8, head.rows);
  body.writeUInt32LE(buffersAt - 4 - (BATCH + 16), BATCH + 16);
  putPairs(body, NODES, head.nodes);
  putPairs(body, buffersAt, head.buffers);
  return out;
}

function putPairs(out: Buffer, at: number, values: readonly number[]): void {
  out.writeUInt32LE(values.length / 2, at - 4);
  for (const [index, value] of values.entries()) putLong(out, at + 8 * index, value);
}

function putLong(out: Buffer, at: number, value: number): void {
  out.writeUInt32LE(value >>> 0, at);
  out.writeUInt32LE(Math.floor(value / 4_294_967_296), at + 4);
}

/** Reads the flatbuffer of a message; `head` is null for a schema, whose columns are `fields` then. @throws RangeError */
export function readHead(bytes: Buffer): { head: BatchHead | null; fields: ArrowField[]; bodyBytes: number } {
  const message = new Table(bytes, bytes.readUInt32LE(0));
  const bodyBytes = message.long(3);
  const kind = message.byte(1);
  const header = message.table(2);
  if (kind === SCHEMA) return { head: null, fields: header?.tables(1).map((one) => fieldOf(one, 0)) ?? [], bodyBytes };
  if (kind !== RECORD_BATCH || header === null) throw new RangeError(`an Arrow message of the unexpected kind ${kind}`);
  const packing = packingOf(header.table(3));
  const head = { rows: header.long(0), nodes: header.pairs(1), buffers: header.pairs(2), packing };
  return { head, fields: [], bodyBytes };
}

/** `BodyCompression`: codec, and the method, of which there is one. */
function packingOf(compression: Table | null): 'lz4' | 'zstd' | null {
  if (compression === null) return null;
  const [codec, method] = [compression.byte(0), compression.byte(1)];
  if (codec > 1 || method !== 0) throw new RangeError(`buffers packed by the unknown way ${codec}, ${method}`);
  return codec === 0 ? 'lz4' : 'zstd';
}

const MOST_DEPTH = 100;

function fieldOf(field: Table, depth: number): ArrowField {
  if (depth > MOST_DEPTH) throw new RangeError('a schema is nested too deeply');
  if (field.table(4) !== null) throw new RangeError('a column by a dictionary');
  const type = field.byte(2);
  const how = field.table(3);
  // What is not written has its default, which for dates is milliseconds.
  const unit = how?.short(0) ?? (type === ARROW.date ? 1 : 0);
  const children = field.tables(5).map((one) => fieldOf(one, depth + 1));
  const more = type === ARROW.decimal ? (how?.short(1) ?? 0) : (how?.byte(1) ?? 0);
  return { name: field.text(0), type, unit, more, children };
}

/** A table of a flatbuffer. Every read is checked by the buffer itself. */
class Table {
  readonly #bytes: Buffer;
  readonly #at: number;
  readonly #fields: number;
  readonly #count: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#fields = at - bytes.readInt32LE(at);
    this.#count = (bytes.readUInt16LE(this.#fields) - 4) / 2;
  }

  #field(index: number): number {
    const offset = index < this.#count ? this.#bytes.readUInt16LE(this.#fields + 4 + 2 * index) : 0;
    return offset === 0 ? 0 : this.#at + offset;
  }

  byte(index: number): number {
    const at = this.#field(index);
    return at === 0 ? 0 : this.#bytes.readUInt8(at);
  }

  /** Null where it is not written. */
  short(index: number): number | null {
    const at = this.#field(index);
    return at === 0 ? null : this.#bytes.readInt16LE(at);
  }

  text(index: number): string {
    const at = this.#field(index);
    if (at === 0) return '';
    const from = at + this.#bytes.readUInt32LE(at);
    const length = this.#bytes.readUInt32LE(from);
    if (from + 4 + length > this.#bytes.length) throw new RangeError('a text is longer than its message');
    return this.#bytes.toString('utf8', from + 4, from + 4 + length);
  }

  tables(index: number): Table[] {
    const at = this.#field(index);
    if (at === 0) return [];
    const list = at + this.#bytes.readUInt32LE(at);
    const count = this.#bytes.readUInt32LE(list);
    if (list + 4 + 4 * count > this.#bytes.length) throw new RangeError('a list is longer than its message');
    return Array.from({ length: count }, (_, one) => {
      const place = list + 4 + 4 * one;
      return new Table(this.#bytes, place + this.#bytes.readUInt32LE(place));
    });
  }

  long(index: number): number {
    const at = this.#field(index);
    return at === 0 ? 0 : longAt(this.#bytes, at);
  }

  table(index: number): Table | null {
    const at = this.#field(index);
    return at === 0 ? null : new Table(this.#bytes, at + this.#bytes.readUInt32LE(at));
  }

  /** A list of structs of two 64-bit numbers each. */
  pairs(index: number): number[] {
    const at = this.#field(index);
    if (at === 0) return [];
    const list = at + this.#bytes.readUInt32LE(at);
    const count = this.#bytes.readUInt32LE(list) * 2;
    if (list + 4 + 8 * count > this.#bytes.length) throw new RangeError('a list is longer than the head of its batch');
    return Array.from({ length: count }, (_, one) => longAt(this.#bytes, list + 4 + 8 * one));
  }
}

function longAt(bytes: Buffer, at: number): number {
  const value = bytes.readInt32LE(at + 4) * 4_294_967_296 + bytes.readUInt32LE(at);
  if (value < 0 || value > Number.MAX_SAFE_INTEGER) throw new RangeError('a length is out of range');
  return value;
}
