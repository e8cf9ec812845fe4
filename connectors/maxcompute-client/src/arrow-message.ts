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
}

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

/** Reads the flatbuffer of a message; null for a schema, which says nothing new. @throws RangeError */
export function readHead(bytes: Buffer): { head: BatchHead | null; bodyBytes: number } {
  const message = new Table(bytes, bytes.readUInt32LE(0));
  const bodyBytes = message.long(3);
  const kind = message.byte(1);
  if (kind === SCHEMA) return { head: null, bodyBytes };
  const batch = message.table(2);
  if (kind !== RECORD_BATCH || batch === null) throw new RangeError(`an Arrow message of the unexpected kind ${kind}`);
  if (batch.table(3) !== null) throw new RangeError('an Arrow batch whose buffers are packed');
  return { head: { rows: batch.long(0), nodes: batch.pairs(1), buffers: batch.pairs(2) }, bodyBytes };
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
