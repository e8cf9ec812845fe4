import { type ColumnData, physicalOf } from './columns.ts';
import { DecimalReader } from './decimal-reader.ts';
import { MaxComputeError } from './errors.ts';
import { type OdpsType, typeText } from './types.ts';

/** The two ways in which the service spreads keys over buckets; an upsert session says which. */
export type Hasher = 'default' | 'legacy';

/** A column of a primary key. */
export interface KeyColumn {
  type: OdpsType;
  column: ColumnData;
}

/**
 * The bucket of each row: that of another client would put the row where its key is not looked up.
 * @throws MaxComputeError `UnsupportedKey` for a type that no client hashes; `BadKey` for a decimal that is none
 */
export function bucketsOf(keys: readonly KeyColumn[], rows: number, buckets: number, hasher: Hasher): Int32Array {
  const sums = keyHashes(keys, rows, hasher);
  for (let row = 0; row < rows; row++) sums[row] = (sums[row] ^ (sums[row] >> 8)) % buckets;
  return sums;
}

/** The hash of each row's key, all columns summed, before it is mixed. A NULL adds nothing. */
export function keyHashes(keys: readonly KeyColumn[], rows: number, hasher: Hasher): Int32Array {
  const sums = new Int32Array(rows);
  for (const { type, column } of keys) {
    const hash = hashOf(type, column, hasher);
    const { validity } = column;
    for (let row = 0; row < rows; row++)
      if (validity === undefined || (validity[row >> 3] & (1 << (row & 7))) !== 0) sums[row] += hash(row);
  }
  return sums;
}

type Hash = (row: number) => number;

function hashOf(type: OdpsType, { values, offsets, data, subMicros }: ColumnData, hasher: Hasher): Hash {
  const long = hasher === 'legacy' ? legacyLong : defaultLong;
  const physical = physicalOf(type);
  switch (physical) {
    case 'int8':
    case 'int16':
    case 'int32':
      return (row) => small(long, values![row] as number);
    case 'int64':
      return (row) => big(long, values![row] as bigint);
    case 'date':
      return (row) => small(long, (values![row] as number) * 86_400);
    case 'millis':
      return (row) => big(long, floorDivide(values![row] as bigint, 1_000n));
    case 'stamp':
      return (row) => {
        const micros = values![row] as bigint;
        const seconds = floorDivide(micros, 1_000_000n);
        const nanos = (micros - seconds * 1_000_000n) * 1_000n + BigInt(subMicros?.[row] ?? 0);
        return big(long, (seconds << 30n) | nanos);
      };
    case 'float': {
      const bits = new Int32Array(Float32Array.from(values as Float32Array).buffer);
      return (row) => small(long, bits[row]);
    }
    case 'double': {
      const bits = new BigInt64Array(Float64Array.from(values as Float64Array).buffer);
      return (row) => big(long, bits[row]);
    }
    case 'bool':
      return (row) => (values![row] === 0 ? -0x3a59cb12 : 0x172ba9c7);
    case 'bytes':
      if (type.kind === 'decimal') return decimalHash(type, offsets!, data!, long);
      if (type.kind !== 'json') {
        const text = hasher === 'legacy' ? legacyText : defaultText;
        return (row) => text(data!, offsets![row], offsets![row + 1]);
      }
  }
  throw new MaxComputeError({
    code: 'UnsupportedKey',
    kind: 'config',
    message: `A column of type ${typeText(type)} cannot be part of a primary key.`,
    hint: 'Look at the primary key of the table.',
  });
}

type Long = (low: number, high: number) => number;

const small = (long: Long, value: number) => long(value | 0, Math.floor(value / 4_294_967_296));
const big = (long: Long, value: bigint) =>
  long(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value < 0n && quotient * by !== value ? quotient - 1n : quotient;
}

/** 64-bit arithmetic in two halves that wrap; every shift to the right keeps the sign. */
function defaultLong(low: number, high: number): number {
  // l = ~l + (l << 18)
  let sum = (~low >>> 0) + ((low << 18) >>> 0);
  let hi = (~high + ((high << 18) | (low >>> 14)) + (sum > 4_294_967_295 ? 1 : 0)) | 0;
  let lo = sum | 0;
  // l ^= l >> 31
  lo ^= (lo >>> 31) | (hi << 1);
  hi ^= hi >> 31;
  // l *= 21
  sum = (lo >>> 0) * 21;
  hi = (Math.imul(hi, 21) + Math.floor(sum / 4_294_967_296)) | 0;
  lo = sum | 0;
  // l ^= l >> 11
  lo ^= (lo >>> 11) | (hi << 21);
  hi ^= hi >> 11;
  // l += l << 6
  sum = (lo >>> 0) + ((lo << 6) >>> 0);
  hi = (hi + ((hi << 6) | (lo >>> 26)) + (sum > 4_294_967_295 ? 1 : 0)) | 0;
  lo = sum | 0;
  // l ^= l >> 22, of which the lower half counts
  return lo ^ ((lo >>> 22) | (hi << 10));
}

const legacyLong: Long = (low, high) => low ^ high;

/** Bytes count as signed. */
function defaultText(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0;
  for (let at = from; at < to; at++) {
    hash = (hash + ((bytes[at] << 24) >> 24)) | 0;
    hash = (hash + (hash << 10)) | 0;
    hash ^= hash >> 6;
  }
  hash = (hash + (hash << 3)) | 0;
  hash ^= hash >> 11;
  return (hash + (hash << 15)) | 0;
}

function legacyText(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0;
  for (let at = from; at < to; at++) hash = (Math.imul(hash, 31) + ((bytes[at] << 24) >> 24)) | 0;
  return hash;
}

/** The unscaled value; that of more than 18 digits as two numbers of 64 bits. */
function decimalHash(
  type: Extract<OdpsType, { kind: 'decimal' }>,
  offsets: Int32Array,
  data: Uint8Array,
  long: Long,
): Hash {
  const reader = new DecimalReader(type.precision, type.scale);
  const { limbs } = reader;
  return (row) => {
    if (!reader.read(data, offsets[row], offsets[row + 1]))
      throw new MaxComputeError({
        code: 'BadKey',
        kind: 'data',
        message: `Row ${row}: the value of a key column is no ${typeText(type)}.`,
        hint: 'Correct the value.',
      });
    const lower = long(limbs[0] | 0, limbs[1] | 0);
    return type.precision <= 18 ? lower : lower + long(limbs[2] | 0, limbs[3] | 0);
  };
}
