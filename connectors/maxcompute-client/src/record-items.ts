import { addByte, addBytes, addInt32, addInt64 } from './crc32c.ts';
import type { OdpsType } from './types.ts';

/**
 * Values inside ARRAY, MAP and STRUCT, and INTERVAL_DAY_TIME, one JavaScript value each: the slow way for rare types.
 * Scalars: integers, DATE (days), DATETIME (ms) as bigint; BOOLEAN, FLOAT, DOUBLE; BINARY as bytes; the rest as text;
 * TIMESTAMP and INTERVAL_DAY_TIME as `{sec: bigint, nano: number}`. Counts and null flags are not in the CRC.
 */
export interface Stamp {
  sec: bigint;
  nano: number;
}

export type Item = null | boolean | number | bigint | string | Uint8Array | Stamp | Item[] | { [field: string]: Item };

const utf8 = new TextEncoder();

export class ItemWriter {
  crc = 0;
  #out: Buffer = Buffer.alloc(0);
  #at = 0;

  /** At most this many bytes. */
  sizeOf(type: OdpsType, value: unknown): number {
    if (value === null || value === undefined) return 1;
    if (typeof value === 'string') return 12 + value.length * 3;
    if (value instanceof Uint8Array) return 12 + value.length;
    if (Array.isArray(value)) {
      const inner = type.kind === 'array' ? [type.element] : type.kind === 'map' ? [type.key, type.value] : [];
      return value.reduce(
        (sum: number, one) =>
          sum +
          inner.reduce(
            (all, kind, at) => all + 2 + this.sizeOf(kind, inner.length === 2 ? (one as unknown[])[at] : one),
            0,
          ),
        24,
      );
    }
    if (type.kind === 'struct')
      return type.fields.reduce(
        (sum, field) => sum + 1 + this.sizeOf(field.type, (value as { [name: string]: unknown })[field.name]),
        8,
      );
    return 24;
  }

  /** Writes the value at `at`; returns where it ends. `crc` then holds the state after it. */
  write(out: Buffer, at: number, type: OdpsType, value: unknown, crc: number): number {
    this.#out = out;
    this.#at = at;
    this.crc = crc;
    this.#value(type, value as Item);
    return this.#at;
  }

  #value(type: OdpsType, value: Item): void {
    switch (type.kind) {
      case 'array':
        return this.#list(type.element, value as Item[]);
      case 'map': {
        const pairs = value as [Item, Item][];
        this.#list(
          type.key,
          pairs.map((pair) => pair[0]),
        );
        return this.#list(
          type.value,
          pairs.map((pair) => pair[1]),
        );
      }
      case 'struct':
        for (const field of type.fields)
          this.#flagged(field.type, (value as { [field: string]: Item })[field.name] ?? null);
        return;
      case 'timestamp':
      case 'timestamp_ntz':
      case 'interval_day_time': {
        const { sec, nano } = value as Stamp;
        this.#int(BigInt(sec));
        this.#varint(BigInt.asUintN(64, (BigInt(nano) << 1n) ^ (BigInt(nano) >> 31n)));
        this.crc = addInt32(this.crc, nano);
        return;
      }
      case 'float':
      case 'double': {
        const width = type.kind === 'float' ? 4 : 8;
        if (width === 4) this.#out.writeFloatLE(value as number, this.#at);
        else this.#out.writeDoubleLE(value as number, this.#at);
        this.crc = addBytes(this.crc, this.#out, this.#at, this.#at + width);
        this.#at += width;
        return;
      }
      case 'boolean':
        this.#out[this.#at++] = value ? 1 : 0;
        this.crc = addByte(this.crc, value ? 1 : 0);
        return;
      case 'tinyint':
      case 'smallint':
      case 'int':
      case 'bigint':
      case 'date':
      case 'datetime':
      case 'interval_year_month':
        return this.#int(BigInt(value as bigint));
      default: {
        const bytes = value instanceof Uint8Array ? value : utf8.encode(String(value));
        this.#varint(BigInt(bytes.length));
        this.#out.set(bytes, this.#at);
        this.#at += bytes.length;
        this.crc = addBytes(this.crc, bytes, 0, bytes.length);
      }
    }
  }

  #list(element: OdpsType, values: Item[]): void {
    this.#varint(BigInt(values.length));
    for (const value of values) this.#flagged(element, value);
  }

  #flagged(type: OdpsType, value: Item): void {
    this.#out[this.#at++] = value === null ? 1 : 0;
    if (value !== null) this.#value(type, value);
  }

  #int(value: bigint): void {
    this.#varint(BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)));
    this.crc = addInt64(this.crc, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
  }

  #varint(value: bigint): void {
    let rest = value;
    while (rest > 127n) {
      this.#out[this.#at++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.#out[this.#at++] = Number(rest);
  }
}

/** Told by the readers where the bytes so far end inside a value. */
export class NeedMore extends Error {}

export class ItemReader {
  crc = 0;
  at = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #end = 0;

  /** @throws NeedMore */
  read(bytes: Buffer, at: number, end: number, type: OdpsType, crc: number): Item {
    this.#bytes = bytes;
    this.at = at;
    this.#end = end;
    this.crc = crc;
    return this.#value(type);
  }

  #value(type: OdpsType): Item {
    switch (type.kind) {
      case 'array':
        return this.#list(type.element);
      case 'map': {
        const keys = this.#list(type.key);
        const values = this.#list(type.value);
        return keys.map((key, index) => [key, values[index] ?? null]);
      }
      case 'struct': {
        const record: { [field: string]: Item } = {};
        for (const field of type.fields) record[field.name] = this.#flagged(field.type);
        return record;
      }
      case 'timestamp':
      case 'timestamp_ntz':
      case 'interval_day_time': {
        const sec = this.#int();
        const raw = this.#varint();
        const nano = Number(BigInt.asIntN(32, (raw >> 1n) ^ -(raw & 1n)));
        this.crc = addInt32(this.crc, nano);
        return { sec, nano };
      }
      case 'float':
      case 'double': {
        const from = this.#take(type.kind === 'float' ? 4 : 8);
        return type.kind === 'float' ? this.#bytes.readFloatLE(from) : this.#bytes.readDoubleLE(from);
      }
      case 'boolean':
        return this.#bytes[this.#take(1)] !== 0;
      case 'tinyint':
      case 'smallint':
      case 'int':
      case 'bigint':
      case 'date':
      case 'datetime':
      case 'interval_year_month':
        return this.#int();
      default: {
        const length = Number(this.#varint());
        const from = this.#take(length);
        const bytes = this.#bytes.subarray(from, from + length);
        return type.kind === 'binary' ? Uint8Array.from(bytes) : bytes.toString('utf8');
      }
    }
  }

  #list(element: OdpsType): Item[] {
    const count = Number(this.#varint());
    const values: Item[] = [];
    for (let n = 0; n < count; n++) values.push(this.#flagged(element));
    return values;
  }

  #flagged(type: OdpsType): Item {
    return this.#varint() === 1n ? null : this.#value(type);
  }

  #take(length: number): number {
    const from = this.at;
    if (from + length > this.#end) throw new NeedMore();
    this.at = from + length;
    this.crc = addBytes(this.crc, this.#bytes, from, this.at);
    return from;
  }

  #int(): bigint {
    const raw = this.#varint();
    const value = (raw >> 1n) ^ -(raw & 1n);
    this.crc = addInt64(this.crc, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
    return value;
  }

  #varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.at >= this.#end) throw new NeedMore();
      const byte = this.#bytes[this.at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new RangeError('a varint of more than 10 bytes');
  }
}
