import { isUtf8 } from 'node:buffer';
import { addBytes, addInt32, addInt64 } from './crc32c.ts';
import { NeedMore } from './record-input.ts';
import type { Item } from './record-items.ts';
import type { OdpsType } from './types.ts';

/** Reads what `ItemWriter` writes, one value a call. @throws RangeError for what no writer writes */
export class ItemReader {
  crc = 0;
  at = 0;
  #bytes: Buffer = Buffer.alloc(0);

  /** @throws NeedMore */
  read(bytes: Buffer, at: number, type: OdpsType, crc: number): Item {
    this.#bytes = bytes;
    this.at = at;
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
        if (keys.length !== values.length) throw new RangeError('a map has other than one value for each key');
        return keys.map((key, index) => [key, values[index]]);
      }
      case 'struct':
        return Object.fromEntries(type.fields.map((field) => [field.name, this.#flagged(field.type)]));
      case 'timestamp':
      case 'timestamp_ntz':
      case 'interval_day_time': {
        const sec = this.#int(64);
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
      case 'boolean': {
        const byte = this.#bytes[this.#take(1)];
        if (byte > 1) throw new RangeError('a boolean is neither 0 nor 1');
        return byte === 1;
      }
      case 'tinyint':
        return this.#int(8);
      case 'smallint':
        return this.#int(16);
      case 'int':
        return this.#int(32);
      case 'bigint':
      case 'date':
      case 'datetime':
      case 'interval_year_month':
        return this.#int(64);
      default: {
        const length = Number(this.#varint());
        const from = this.#take(length);
        const bytes = this.#bytes.subarray(from, from + length);
        return type.kind === 'binary' || !isUtf8(bytes) ? Uint8Array.from(bytes) : bytes.toString('utf8');
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
    const flag = this.#varint();
    if (flag > 1n) throw new RangeError('a flag of NULL is neither 0 nor 1');
    return flag === 1n ? null : this.#value(type);
  }

  #take(length: number): number {
    const from = this.at;
    if (from + length > this.#bytes.length) throw new NeedMore(from + length);
    this.at = from + length;
    this.crc = addBytes(this.crc, this.#bytes, from, this.at);
    return from;
  }

  #int(bits: number): bigint {
    const raw = this.#varint();
    const value = (raw >> 1n) ^ -(raw & 1n);
    if (BigInt.asIntN(bits, value) !== value) throw new RangeError('a number is out of the range of its type');
    this.crc = addInt64(this.crc, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
    return value;
  }

  #varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.at >= this.#bytes.length) throw new NeedMore(this.at + 1);
      const byte = this.#bytes[this.at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new RangeError('a varint of more than 10 bytes');
  }
}
