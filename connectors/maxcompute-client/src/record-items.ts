import { addByte, addBytes, addInt32, addInt64 } from './crc32c.ts';
import type { OdpsType } from './types.ts';

/**
 * Values inside ARRAY, MAP and STRUCT, and INTERVAL_DAY_TIME, one JavaScript value each: the slow way for rare types.
 * Scalars: integers, DATE (days), DATETIME (ms) as bigint; BOOLEAN, FLOAT, DOUBLE; BINARY as bytes; the rest as text,
 * or as bytes where they are not UTF-8; TIMESTAMP and INTERVAL_DAY_TIME as `{sec: bigint, nano: number}`. Counts and
 * null flags are not in the CRC.
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
    if (value instanceof Uint8Array) return 12 + value.length;
    if (typeof value !== 'object') return 24 + String(value).length * 3;
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
        for (const { name, type: inner } of type.fields)
          this.#flagged(
            inner,
            Object.hasOwn(value as object, name) ? (value as { [field: string]: Item })[name] : null,
          );
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
    const absent = value === null || value === undefined;
    this.#out[this.#at++] = absent ? 1 : 0;
    if (!absent) this.#value(type, value);
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
