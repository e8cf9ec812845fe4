import { type ColumnData, DecimalReader, type OdpsType } from '@sampan/maxcompute';
import { PHYSICAL, physicalType, WIDE_DECIMAL_BYTES } from './types.ts';

/** A value that does not fit its type; the row counts from the first of the batch. */
export class BadValue extends Error {}

/** The values of a column in Parquet's plain encoding, without its NULLs. @throws BadValue */
export function plainValues(type: OdpsType, column: ColumnData, rows: number): Buffer {
  switch (type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'date':
      return narrow(column, rows);
    case 'bigint':
      refuseReserved(column, rows);
      return fixed(column, rows, 8);
    case 'datetime':
    case 'timestamp':
    case 'timestamp_ntz':
      refuseBeyondYears(column, rows);
      return fixed(column, rows, 8);
    case 'float':
      return fixed(column, rows, 4);
    case 'double':
      return fixed(column, rows, 8);
    case 'boolean':
      return bits(column, rows);
    case 'decimal':
      return decimals(column, rows, type.precision, type.scale, physicalType(type) as number);
    default:
      return bytes(column, rows);
  }
}

export function isNull(column: ColumnData, row: number): boolean {
  const { validity } = column;
  return validity !== undefined && (validity[row >> 3] & (1 << (row & 7))) === 0;
}

function narrow(column: ColumnData, rows: number): Buffer {
  const values = column.values as Int32Array;
  const out = new Int32Array(rows);
  let count = 0;
  for (let row = 0; row < rows; row++) if (!isNull(column, row)) out[count++] = values[row];
  return Buffer.from(out.buffer, 0, count * 4);
}

/** Fixed-width values in words of 32 bits: as they lie where nothing is NULL. */
function fixed(column: ColumnData, rows: number, width: 4 | 8): Buffer {
  const values = column.values as Float64Array;
  if (column.validity === undefined) return Buffer.from(values.buffer, values.byteOffset, rows * width);
  const words = new Int32Array(values.buffer, values.byteOffset, (rows * width) / 4);
  const out = new Int32Array(words.length);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    if (isNull(column, row)) continue;
    if (width === 4) out[at++] = words[row];
    else {
      out[at++] = words[2 * row];
      out[at++] = words[2 * row + 1];
    }
  }
  return Buffer.from(out.buffer, 0, at * 4);
}

const halvesOf = (column: ColumnData, rows: number) => {
  const values = column.values as BigInt64Array;
  return new Int32Array(values.buffer, values.byteOffset, rows * 2);
};

function refuseReserved(column: ColumnData, rows: number): void {
  const halves = halvesOf(column, rows);
  for (let row = 0; row < rows; row++) {
    if (halves[2 * row + 1] === -2_147_483_648 && halves[2 * row] === 0 && !isNull(column, row))
      throw new BadValue('−2^63 is not a BIGINT');
  }
}

/** 0001-01-01 … 9999-12-31 in microseconds, as halves. */
const FIRST = halves(-62_135_596_800_000_000n);
const LAST = halves(253_402_300_799_999_999n);

function halves(value: bigint): { high: number; low: number } {
  return { high: Number(value >> 32n), low: Number(BigInt.asUintN(32, value)) };
}

function refuseBeyondYears(column: ColumnData, rows: number): void {
  const words = halvesOf(column, rows);
  for (let row = 0; row < rows; row++) {
    const high = words[2 * row + 1];
    if (high > FIRST.high && high < LAST.high) continue;
    const low = words[2 * row] >>> 0;
    const early = high < FIRST.high || (high === FIRST.high && low < FIRST.low);
    const late = high > LAST.high || (high === LAST.high && low > LAST.low);
    if ((early || late) && !isNull(column, row)) throw new BadValue('a time is outside the years 0001 to 9999');
  }
}

function bits(column: ColumnData, rows: number): Buffer {
  const values = column.values as Uint8Array;
  const out = Buffer.alloc((rows + 7) >> 3);
  let count = 0;
  for (let row = 0; row < rows; row++) {
    if (isNull(column, row)) continue;
    out[count >> 3] |= values[row] << (count & 7);
    count++;
  }
  return out.subarray(0, (count + 7) >> 3);
}

function bytes(column: ColumnData, rows: number): Buffer {
  const offsets = column.offsets as Int32Array;
  const data = column.data as Buffer;
  const out = Buffer.allocUnsafeSlow(offsets[rows] - offsets[0] + 4 * rows);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    if (isNull(column, row)) continue;
    const from = offsets[row];
    const to = offsets[row + 1];
    const length = to - from;
    out[at] = length;
    out[at + 1] = length >>> 8;
    out[at + 2] = length >>> 16;
    out[at + 3] = length >>> 24;
    at += 4;
    if (length < 32) for (let byte = from; byte < to; byte++) out[at++] = data[byte];
    else {
      data.copy(out, at, from, to);
      at += length;
    }
  }
  return out.subarray(0, at);
}

function decimals(column: ColumnData, rows: number, precision: number, scale: number, physical: number): Buffer {
  const offsets = column.offsets as Int32Array;
  const data = column.data as Uint8Array;
  const words = physical === PHYSICAL.int32 ? 1 : physical === PHYSICAL.int64 ? 2 : WIDE_DECIMAL_BYTES / 4;
  const out = new Uint32Array(rows * words);
  const reader = new DecimalReader(precision, scale);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    if (isNull(column, row)) continue;
    if (!reader.read(data, offsets[row], offsets[row + 1])) {
      const text = Buffer.from(data.subarray(offsets[row], Math.min(offsets[row + 1], offsets[row] + 50))).toString(
        'latin1',
      );
      throw new BadValue(`"${text}" is not a DECIMAL(${precision},${scale})`);
    }
    for (let word = 0; word < words; word++) out[at++] = reader.limbs[word];
  }
  const plain = Buffer.from(out.buffer, 0, at * 4);
  // The wide form has its big end first: each value turned round, words first, then their bytes.
  if (words === WIDE_DECIMAL_BYTES / 4) {
    for (let value = 0; value < at; value += words) out.subarray(value, value + words).reverse();
    plain.swap32();
  }
  return plain;
}
