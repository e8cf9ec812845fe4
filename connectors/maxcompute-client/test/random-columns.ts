import { type ColumnData, type OdpsType, parseType } from '../src/index.ts';

/** A small generator of numbers with a seed, so that a failure can be repeated (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;
const DAY_1 = -62_135_596_800_000_000n;
const DAY_LAST = 253_402_300_799_999_999n;

/** A 64-bit value whose number of bits is as likely to be 1 as 63. */
function anyInt64(next: () => number): bigint {
  const bits = BigInt(Math.floor(next() * 64));
  const value = (BigInt(Math.floor(next() * 2 ** 32)) << 32n) | BigInt(Math.floor(next() * 2 ** 32));
  const cut = value & ((1n << bits) - 1n);
  return next() < 0.5 ? cut : -cut;
}

function anyMicros(next: () => number, whole: bigint): bigint {
  const span = DAY_LAST - DAY_1;
  const at =
    DAY_1 + ((((BigInt(Math.floor(next() * 2 ** 40)) << 24n) | BigInt(Math.floor(next() * 2 ** 24))) * span) >> 64n);
  return at - (((at % whole) + whole) % whole);
}

export const TYPES = [
  'tinyint',
  'smallint',
  'int',
  'bigint',
  'float',
  'double',
  'boolean',
  'string',
  'binary',
  'decimal(38,18)',
  'json',
  'date',
  'datetime',
  'timestamp',
  'timestamp_ntz',
  'array<bigint>',
  'struct<a:string,b:map<int,double>>',
].map(parseType);

const int = (next: () => number, bits: number) => Math.floor((next() - 0.5) * 2 ** bits);

function values(type: OdpsType, rows: number, next: () => number): Partial<ColumnData> {
  const many = <T>(one: () => T) => Array.from({ length: rows }, one);
  switch (type.kind) {
    case 'tinyint':
      return { values: Int8Array.from(many(() => int(next, 8))) };
    case 'smallint':
      return { values: Int16Array.from(many(() => int(next, 16))) };
    case 'int':
    case 'date':
      return { values: Int32Array.from(many(() => int(next, Math.ceil(next() * 32)))) };
    case 'bigint':
      return { values: BigInt64Array.from([MIN + 1n, MAX, 0n, -1n, ...many(() => anyInt64(next))].slice(0, rows)) };
    case 'float':
      return { values: Float32Array.from(many(() => (next() - 0.5) * 10 ** int(next, 6))) };
    case 'double':
      return { values: Float64Array.from(many(() => (next() - 0.5) * 10 ** int(next, 9))) };
    case 'boolean':
      return { values: Uint8Array.from(many(() => (next() < 0.5 ? 0 : 1))) };
    case 'datetime':
      return {
        values: BigInt64Array.from([DAY_1, DAY_LAST - 999n, ...many(() => anyMicros(next, 1_000n))].slice(0, rows)),
      };
    case 'timestamp':
    case 'timestamp_ntz':
      return {
        values: BigInt64Array.from([DAY_1, DAY_LAST, -1n, ...many(() => anyMicros(next, 1n))].slice(0, rows)),
        ...(type.kind === 'timestamp' ? { subMicros: Uint16Array.from(many(() => Math.floor(next() * 1_000))) } : {}),
      };
    case 'array':
      return { items: many(() => many(() => (next() < 0.2 ? null : anyInt64(next))).slice(0, int(next, 3) + 4)) };
    case 'struct':
      return { items: many(() => ({ a: next() < 0.5 ? null : `é${next()}`, b: [[BigInt(int(next, 32)), next()]] })) };
    default: {
      const parts = many(() =>
        Buffer.from(many(() => Math.floor(next() * 256)).slice(0, Math.floor(next() ** 4 * 100))),
      );
      const offsets = new Int32Array(rows + 1);
      parts.forEach((part, row) => {
        offsets[row + 1] = offsets[row] + part.length;
      });
      return { offsets, data: Buffer.concat(parts) };
    }
  }
}

/** A column of any values, with NULLs or without. */
export function randomColumn(type: OdpsType, rows: number, next: () => number): ColumnData {
  const column: ColumnData = { length: rows, ...values(type, rows, next) };
  if (next() < 0.4) return column;
  const share = next();
  column.validity = new Uint8Array((rows + 7) >> 3);
  for (let row = 0; row < rows; row++) if (next() > share) column.validity[row >> 3] |= 1 << (row & 7);
  return column;
}

/** Each cell as something that can be compared; null where the bitmap says so. */
export function cells(column: ColumnData, rows: number): unknown[] {
  return Array.from({ length: rows }, (_, row) => {
    if (column.validity !== undefined && (column.validity[row >> 3] & (1 << (row & 7))) === 0) return null;
    if (column.items !== undefined) return column.items[row];
    if (column.offsets !== undefined)
      return Buffer.from(column.data!.subarray(column.offsets[row], column.offsets[row + 1])).toString('hex');
    const below = column.subMicros?.[row] ?? 0;
    return below === 0 ? column.values![row] : [column.values![row], below];
  });
}
