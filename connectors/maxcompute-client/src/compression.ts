import { Readable, type Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import type { BodyFormat } from './body-format.ts';
import { MaxComputeError } from './errors.ts';
import { Lz4Packer, Lz4Unpacker } from './lz4-frame.ts';
import { SnappyPacker, SnappyUnpacker } from './snappy-frame.ts';

/**
 * How bodies are packed on the way: not at all; by zlib at its fastest; by Zstandard, which needs Node.js 22.15 or later;
 * by LZ4; by Snappy.
 */
export type Compression = 'identity' | 'deflate' | 'zstd' | 'lz4' | 'snappy';

/** `ZSTD_c_compressionLevel`. */
const ZSTD_LEVEL = 100;

type Codec = { pack(): Transform; unpack(): Transform };

// Not in the types of Node.js 20.
const { createZstdCompress, createZstdDecompress } = zlib as unknown as {
  createZstdCompress?: (options: object) => Transform;
  createZstdDecompress?: () => Transform;
};

const CODECS: { [of in Exclude<Compression, 'identity'>]: Codec | null } = {
  deflate: { pack: () => zlib.createDeflate({ level: 1 }), unpack: () => zlib.createInflate() },
  zstd:
    createZstdCompress === undefined || createZstdDecompress === undefined
      ? null
      : {
          pack: () => createZstdCompress({ params: { [ZSTD_LEVEL]: 1 } }),
          unpack: () => createZstdDecompress(),
        },
  lz4: { pack: () => new Lz4Packer(), unpack: () => new Lz4Unpacker() },
  snappy: { pack: () => new SnappyPacker(), unpack: () => new SnappyUnpacker() },
};

/** The compressions that this version of Node.js can do. */
export const COMPRESSIONS: readonly Compression[] = [
  'identity',
  ...(Object.keys(CODECS) as (keyof typeof CODECS)[]).filter((name) => CODECS[name] !== null),
];

/** The name of a compression in `Content-Encoding` and `Accept-Encoding`. */
export function encodingOf(compression: Compression, format: BodyFormat): string {
  if (compression === 'lz4') return format === 'arrow' ? 'x-odps-lz4-frame' : 'x-lz4-frame';
  return compression === 'snappy' ? 'x-snappy-framed' : compression;
}

const NAMES: { [encoding: string]: Compression } = {
  identity: 'identity',
  deflate: 'deflate',
  zstd: 'zstd',
  'x-lz4-frame': 'lz4',
  'x-odps-lz4-frame': 'lz4',
  'x-snappy-framed': 'snappy',
};

/** The compression that a `Content-Encoding` names. @throws MaxComputeError `UnknownEncoding` */
export function compressionOf(encoding: string | undefined): Compression {
  const found = NAMES[encoding ?? 'identity'];
  if (found !== undefined && COMPRESSIONS.includes(found)) return found;
  throw unknownEncoding(String(encoding));
}

/** A stream that packs; null where nothing is to be done. @throws MaxComputeError `UnknownEncoding` */
export function packer(compression: Compression): Transform | null {
  return compression === 'identity' ? null : codecOf(compression).pack();
}

/** A stream that unpacks; null where nothing is to be done. @throws MaxComputeError `UnknownEncoding` */
export function unpacker(compression: Compression): Transform | null {
  return compression === 'identity' ? null : codecOf(compression).unpack();
}

/** Bytes that are whole already, packed. */
export async function packedWhole(bytes: Buffer, compression: Compression): Promise<Buffer> {
  const packing = packer(compression);
  if (packing === null) return bytes;
  const parts: Buffer[] = [];
  for await (const part of Readable.from([bytes]).pipe(packing)) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

function codecOf(compression: Exclude<Compression, 'identity'>): Codec {
  const codec = CODECS[compression];
  if (codec) return codec;
  throw unknownEncoding(compression);
}

function unknownEncoding(encoding: string): MaxComputeError {
  return new MaxComputeError({
    code: 'UnknownEncoding',
    kind: 'config',
    message: `Rows packed as ${encoding} cannot be read or written here.`,
    hint: `This Node.js can do ${COMPRESSIONS.join(', ')}; zstd needs Node.js 22.15 or later.`,
  });
}

/** What went wrong with zlib's or Zstandard's streams, told as the other codecs tell it; null for any other error. */
export function packingError(error: Error): MaxComputeError | null {
  const code = String((error as { code?: string }).code);
  if (error instanceof MaxComputeError || !/^(Z_|ZSTD_)/.test(code)) return null;
  const cut = code === 'Z_BUF_ERROR';
  return new MaxComputeError({
    code: cut ? 'TruncatedDataStream' : 'MalformedDataStream',
    kind: cut ? 'busy' : 'data',
    message: cut ? 'The packed rows end in their middle.' : `The rows are not packed as they say: ${error.message}.`,
    hint: 'Send or read them again.',
    cause: error,
  });
}
