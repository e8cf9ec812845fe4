import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { COMPRESSIONS, type Compression, compressionOf, encodingOf, packer, unpacker } from '../src/index.ts';
import { xxHash32 } from '../src/xxhash32.ts';

const vectors = JSON.parse(readFileSync(new URL('./tunnel.vectors.json', import.meta.url), 'utf8'));
const plainVector = Buffer.from(
  vectors.recordVectors.find((one: { id: string }) => one.id === vectors.compression.ofVector).streamHex,
  'hex',
);

function* pieces(bytes: Buffer, step: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += step) yield Buffer.from(bytes.subarray(at, at + step));
}

const through = (stream: NodeJS.ReadWriteStream, bytes: Buffer, step: number) =>
  buffer(Readable.from(pieces(bytes, step)).pipe(stream as never));

async function unpack(compression: Compression, bytes: Buffer, step = bytes.length || 1): Promise<Buffer> {
  const stream = unpacker(compression)!;
  const source = Readable.from(pieces(bytes, step));
  source.pipe(stream);
  return buffer(stream);
}

/** Numbers that look random, the same ones every time. */
function noise(length: number): Buffer {
  const out = Buffer.alloc(length);
  let state = 7;
  for (let at = 0; at < length; at++) out[at] = (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 16;
  return out;
}

const text = Buffer.from(Array.from({ length: 20_000 }, (_, n) => `row ${n % 977} of ${n}, `).join(''));
const INPUTS: [string, Buffer][] = [
  ['nothing', Buffer.alloc(0)],
  ['one byte', Buffer.from('x')],
  ['twelve bytes', Buffer.from('abcdefghijkl')],
  ['thirteen bytes that repeat', Buffer.alloc(13, 'ab')],
  ['exactly a block', noise(65_536)],
  ['a byte more than a block', noise(65_537)],
  ['noise', noise(200_000)],
  ['text', text],
  ['zeros', Buffer.alloc(300_000)],
  ['zeros within noise', Buffer.concat([noise(1_000), Buffer.alloc(70_000), noise(300), Buffer.alloc(20), noise(14)])],
];

const PACKED = COMPRESSIONS.filter((one) => one !== 'identity');

describe('compression', () => {
  for (const { contentEncoding, hex } of vectors.compression.streams as { contentEncoding: string; hex: string }[]) {
    const usable = contentEncoding !== 'zstd' || COMPRESSIONS.includes('zstd');
    it(usable ? `reads the ${contentEncoding} of another client` : `says what ${contentEncoding} needs`, async () => {
      if (!usable) return expect(() => compressionOf(contentEncoding)).toThrow(/zstd.*cannot be read/);
      for (const step of [1, 7, 10_000])
        expect(await unpack(compressionOf(contentEncoding), Buffer.from(hex, 'hex'), step)).toEqual(plainVector);
    });
  }

  for (const compression of PACKED) {
    it.each(INPUTS)(`${compression}: %s comes back`, async (_, plain) => {
      for (const step of [1_000, 16_384, plain.length || 1]) {
        const packed = await through(packer(compression)!, plain, step);
        expect((await unpack(compression, packed, 4_099)).equals(plain)).toBe(true);
      }
    });

    it(`${compression}: makes text smaller`, async () => {
      expect((await through(packer(compression)!, text, text.length)).length).toBeLessThan(text.length / 2);
    });

    it(`${compression}: a stream that is cut anywhere is not taken for a whole one`, async () => {
      const packed = await through(packer(compression)!, text.subarray(0, 700), 700);
      for (let end = 0; end < packed.length; end++) {
        const read = await unpack(compression, packed.subarray(0, end)).catch((error: Error) => error);
        if (read instanceof Error) continue;
        // Snappy has no end mark, and Zstandard's checksum may be missing: then what came is told by the body's own trailer.
        if (compression === 'snappy') expect(end).toBe(10);
        else expect([compression, read.equals(text.subarray(0, 700))], `cut at ${end}`).toEqual(['zstd', true]);
      }
    });
  }

  it.each(['lz4', 'snappy'] as const)(
    '%s: wrong bytes are an error or other bytes, never a crash',
    async (compression) => {
      const plain = text.subarray(0, 3_000);
      const packed = await through(packer(compression)!, plain, 3_000);
      let refused = 0;
      for (let at = 0; at < packed.length; at++) {
        const broken = Buffer.from(packed);
        broken[at] ^= 0x55;
        const read = await unpack(compression, broken).then(
          (bytes) => bytes,
          (error: Error) => error,
        );
        if (read instanceof Error) {
          refused++;
          expect(read).toMatchObject({ name: 'MaxComputeError' });
        } else if (compression === 'snappy') expect(read.equals(plain), `byte ${at}`).toBe(true);
      }
      expect(refused).toBeGreaterThan(compression === 'snappy' ? packed.length - 10 : 20);
    },
  );

  it('names what goes over the wire', () => {
    expect(encodingOf('lz4', 'records')).toBe('x-lz4-frame');
    expect(encodingOf('lz4', 'arrow')).toBe('x-odps-lz4-frame');
    expect(encodingOf('snappy', 'arrow')).toBe('x-snappy-framed');
    expect(compressionOf(undefined)).toBe('identity');
    expect(() => compressionOf('gzip')).toThrow(/gzip/);
  });

  it('xxHash', () => {
    expect(xxHash32(Buffer.alloc(0))).toBe(0x02cc5d05);
    expect(xxHash32(Buffer.from('a'))).toBe(0x550d7456);
    expect(xxHash32(Buffer.from('Nobody inspects the spammish repetition'))).toBe(0xe2293b2f);
  });

  it('reads linked LZ4 blocks with every checksum there is', async () => {
    // `printf 'abcdefgh%.0s' $(seq 20000) | lz4 -B4 -BD -BX --content-size -c`, whose blocks refer to each other.
    const packed = readFileSync(new URL('./linked.lz4', import.meta.url));
    expect((await unpack('lz4', packed, 13)).toString()).toBe('abcdefgh'.repeat(20_000));
    packed[packed.length - 1] ^= 1;
    await expect(unpack('lz4', packed)).rejects.toThrow(/checksum of an LZ4 frame/);
  });
});
