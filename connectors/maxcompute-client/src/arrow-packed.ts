import * as zlib from 'node:zlib';
import type { BatchHead } from './arrow-message.ts';
import { MaxComputeError } from './errors.ts';
import { lz4UnpackFrame } from './lz4-frame.ts';

// Not in the types of Node.js 20.
const { zstdDecompressSync } = zlib as unknown as {
  zstdDecompressSync?: (bytes: Buffer, options: { maxOutputLength: number }) => Buffer;
};

/** A batch whose buffers are packed, each by itself with its length in front, made plain. @throws RangeError */
export function unpackBatch(head: BatchHead, body: Buffer, most: number): { head: BatchHead; body: Buffer } {
  if (!head.packing) return { head, body };
  const parts: Buffer[] = [];
  const buffers: number[] = [];
  let bytes = 0;
  for (let at = 0; at < head.buffers.length; at += 2) {
    const [offset, length] = head.buffers.slice(at, at + 2);
    if (offset + length > body.length) throw new RangeError('a buffer reaches beyond its batch');
    const plain = unpackBuffer(body.subarray(offset, offset + length), head.packing, most - bytes);
    buffers.push(bytes, plain.length);
    const padded = (plain.length + 7) & ~7;
    parts.push(plain, Buffer.alloc(padded - plain.length));
    bytes += padded;
  }
  const all = Buffer.allocUnsafeSlow(bytes);
  let to = 0;
  for (const part of parts) to += part.copy(all, to);
  return { head: { ...head, buffers, packing: null }, body: all };
}

/** −1 in front says that a buffer was left as it is. */
function unpackBuffer(bytes: Buffer, packing: 'lz4' | 'zstd', most: number): Buffer {
  if (bytes.length === 0) return bytes;
  const length = Number(bytes.readBigInt64LE(0));
  if (length === -1) return bytes.subarray(8);
  if (length < 0 || length > most) throw new RangeError(`a buffer of ${length} bytes`);
  const plain = packing === 'lz4' ? lz4UnpackFrame(bytes.subarray(8)) : zstdUnpacked(bytes.subarray(8), length);
  if (plain.length !== length) throw new RangeError(`a buffer of ${plain.length} bytes in place of ${length}`);
  return plain;
}

function zstdUnpacked(bytes: Buffer, most: number): Buffer {
  if (zstdDecompressSync === undefined)
    throw new MaxComputeError({
      code: 'UnknownEncoding',
      kind: 'config',
      message: 'Buffers packed as zstd cannot be read here.',
      hint: 'Ask for lz4: zstd needs Node.js 22.15 or later.',
    });
  try {
    return zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, most) });
  } catch (error) {
    throw new RangeError(`a buffer is not packed as it says: ${(error as Error).message}`);
  }
}
