/** A field of a flatbuffer's table: absent, a number of so many bytes, or what lies elsewhere and is written by the function. */
export type FlatField = null | { bytes: 1 | 2 | 4 | 8; value: number } | ((out: FlatWriter) => number);

/** Writes flatbuffers, parents in front of their children. Source: "FlatBuffer Internals". */
export class FlatWriter {
  #out: Buffer = Buffer.alloc(1_024);
  #length = 4;

  /** The whole buffer with this table at its root. */
  finish(root: (out: FlatWriter) => number): Buffer {
    const at = root(this);
    this.#out.writeUInt32LE(at, 0);
    return Buffer.from(this.#out.subarray(0, (this.#length + 7) & ~7));
  }

  /** @returns where it is */
  table(fields: readonly FlatField[]): number {
    const offsets: number[] = [];
    let size = 4;
    for (const field of fields) {
      if (field === null) offsets.push(0);
      else {
        const bytes = typeof field === 'function' ? 4 : field.bytes;
        size = (size + bytes - 1) & -bytes;
        offsets.push(size);
        size += bytes;
      }
    }
    const list = this.#room(4 + 2 * fields.length, 2);
    const table = this.#room(size, 8);
    this.#out.writeUInt16LE(4 + 2 * fields.length, list);
    this.#out.writeUInt16LE(size, list + 2);
    for (const [index, offset] of offsets.entries()) this.#out.writeUInt16LE(offset, list + 4 + 2 * index);
    this.#out.writeInt32LE(table - list, table);
    for (const [index, field] of fields.entries()) {
      const at = table + offsets[index];
      if (typeof field === 'function') this.#refer(at, field);
      else if (field !== null) this.#out.writeIntLE(field.value, at, Math.min(6, field.bytes));
    }
    return table;
  }

  text(text: string): number {
    const bytes = Buffer.from(text);
    const at = this.#room(4 + bytes.length + 1, 4);
    this.#out.writeUInt32LE(bytes.length, at);
    bytes.copy(this.#out, at + 4);
    return at;
  }

  list(items: readonly ((out: FlatWriter) => number)[]): number {
    const at = this.#room(4 + 4 * items.length, 4);
    this.#out.writeUInt32LE(items.length, at);
    for (const [index, item] of items.entries()) this.#refer(at + 4 + 4 * index, item);
    return at;
  }

  #refer(at: number, what: (out: FlatWriter) => number): void {
    const to = what(this);
    this.#out.writeUInt32LE(to - at, at);
  }

  #room(bytes: number, align: number): number {
    const at = (this.#length + align - 1) & -align;
    this.#length = at + bytes;
    if (this.#length + 8 > this.#out.length)
      this.#out = Buffer.concat([this.#out, Buffer.alloc(this.#out.length + bytes)]);
    return at;
  }
}
