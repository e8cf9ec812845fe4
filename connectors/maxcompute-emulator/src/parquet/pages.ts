import { type ColumnData, columnOfItems } from '@sampan/maxcompute';
import type { Leaf, Shreds } from './shredder.ts';
import { ThriftWriter } from './thrift.ts';
import { isNull, plainValues } from './values.ts';

const PLAIN = 0;
const RLE = 3;

/** Header, definition levels and values of one page of a flat column. */
export function flatPage(column: ColumnData, rows: number, values: Buffer): Buffer[] {
  return page(rows, [definitionLevels(column, rows), values]);
}

/** One page of a column within a nested one. @throws BadValue */
export function nestedPage(leaf: Leaf, { defined, repeated, values }: Shreds): Buffer[] {
  const plain = plainValues(leaf.type, columnOfItems(leaf.type, values), values.length);
  return page(defined.length, [levels(repeated, leaf.mostRepeated), levels(defined, leaf.mostDefined), plain]);
}

function page(values: number, parts: Buffer[]): Buffer[] {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  const out = new ThriftWriter();
  out.i32(1, 0);
  out.i32(2, bytes);
  out.i32(3, bytes);
  out.struct(5, () => {
    out.i32(1, values);
    out.i32(2, PLAIN);
    out.i32(3, RLE);
    out.i32(4, RLE);
  });
  return [out.bytes(), ...parts];
}

/** A bitmap of which values are there is what Parquet calls bit-packed levels of width 1: it is taken as it is. */
function definitionLevels(column: ColumnData, rows: number): Buffer {
  const packed = column.validity !== undefined && hasNulls(column, rows);
  const body = packed ? (column.validity as Uint8Array).subarray(0, (rows + 7) >> 3) : Buffer.from([1]);
  return withLength([varint(packed ? (body.length << 1) | 1 : rows << 1), body]);
}

/** Levels up to `most`, packed into as few bits as that needs; nothing where there is only level 0. */
function levels(all: readonly number[], most: number): Buffer {
  if (most === 0) return Buffer.alloc(0);
  const width = 32 - Math.clz32(most);
  const groups = (all.length + 7) >> 3;
  const body = Buffer.alloc(groups * width);
  for (let at = 0, bit = 0; at < all.length; at++)
    for (let one = 0; one < width; one++, bit++) body[bit >> 3] |= ((all[at] >> one) & 1) << (bit & 7);
  return withLength([varint((groups << 1) | 1), body]);
}

function withLength(parts: Uint8Array[]): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(parts.reduce((sum, part) => sum + part.length, 0));
  return Buffer.concat([length, ...parts]);
}

function hasNulls(column: ColumnData, rows: number): boolean {
  for (let row = 0; row < rows; row++) if (isNull(column, row)) return true;
  return false;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  return Buffer.from([...bytes, rest]);
}
