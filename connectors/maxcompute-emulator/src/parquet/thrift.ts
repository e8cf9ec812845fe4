/** Writer for the compact Thrift encoding, as much of it as Parquet's metadata needs. */
export class ThriftWriter {
  #bytes: number[] = [];
  /** Field number written last, for each open struct. */
  #last: number[] = [0];

  bytes(): Buffer {
    this.#bytes.push(0);
    return Buffer.from(this.#bytes);
  }

  i32(field: number, value: number): void {
    this.#head(field, 5);
    this.#zigzag(value);
  }

  i64(field: number, value: number): void {
    this.#head(field, 6);
    this.#zigzag(value);
  }

  i8(field: number, value: number): void {
    this.#head(field, 3);
    this.#bytes.push(value & 255);
  }

  boolean(field: number, value: boolean): void {
    this.#head(field, value ? 1 : 2);
  }

  text(field: number, value: string): void {
    this.#head(field, 8);
    this.#text(value);
  }

  struct(field: number, fill: () => void): void {
    this.#head(field, 12);
    this.#nested(fill);
  }

  structs<T>(field: number, items: readonly T[], fill: (item: T, index: number) => void): void {
    this.#list(field, 12, items.length);
    items.forEach((item, index) => {
      this.#nested(() => fill(item, index));
    });
  }

  i32s(field: number, items: readonly number[]): void {
    this.#list(field, 5, items.length);
    for (const item of items) this.#zigzag(item);
  }

  texts(field: number, items: readonly string[]): void {
    this.#list(field, 8, items.length);
    for (const item of items) this.#text(item);
  }

  #nested(fill: () => void): void {
    this.#last.push(0);
    fill();
    this.#last.pop();
    this.#bytes.push(0);
  }

  #head(field: number, type: number): void {
    const top = this.#last.length - 1;
    const step = field - this.#last[top];
    this.#last[top] = field;
    this.#bytes.push((step << 4) | type);
  }

  #list(field: number, type: number, length: number): void {
    this.#head(field, 9);
    if (length < 15) this.#bytes.push((length << 4) | type);
    else {
      this.#bytes.push(0xf0 | type);
      this.#varint(length);
    }
  }

  #text(value: string): void {
    const bytes = Buffer.from(value);
    this.#varint(bytes.length);
    for (const byte of bytes) this.#bytes.push(byte);
  }

  #zigzag(value: number): void {
    this.#varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  #varint(value: number): void {
    let rest = value;
    while (rest > 127) {
      this.#bytes.push((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    this.#bytes.push(rest);
  }
}
