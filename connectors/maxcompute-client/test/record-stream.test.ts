import { describe, expect, it } from 'vitest';
import {
  type ColumnData,
  type DecodedBatch,
  type DecodeLimits,
  parseType,
  RecordDecoder,
  RecordEncoder,
} from '../src/index.ts';
import { cells, random, randomColumn, TYPES } from './random-columns.ts';

const int64 = (...values: bigint[]): ColumnData => ({ length: values.length, values: BigInt64Array.from(values) });
const texts = (...values: string[]): ColumnData => {
  const offsets = new Int32Array(values.length + 1);
  values.forEach((value, row) => {
    offsets[row + 1] = offsets[row] + Buffer.byteLength(value);
  });
  return { length: values.length, offsets, data: Buffer.from(values.join('')) };
};

function encode(types: string[], columns: ColumnData[], rows: number): Buffer {
  const encoder = new RecordEncoder(types.map(parseType));
  return Buffer.concat([encoder.encode(columns, rows), encoder.end()]);
}

function decode(types: string[], stream: Buffer, step = stream.length, limits: DecodeLimits = {}): DecodedBatch[] {
  const decoder = new RecordDecoder(types.map(parseType), limits);
  const batches: DecodedBatch[] = [];
  for (let at = 0; at < stream.length; at += step) batches.push(...decoder.push(stream.subarray(at, at + step)));
  const last = decoder.end();
  return last === null ? batches : [...batches, last];
}

/** Numbers around every length that a varint or a half of 64 bits can have. */
const EDGES = [
  ...new Set(Array.from({ length: 63 }, (_, bit) => 2n ** BigInt(bit)).flatMap((n) => [n - 1n, n, n + 1n])),
]
  .flatMap((n) => [n, -n])
  .concat(2n ** 63n - 1n, -(2n ** 63n) + 1n);

describe('64-bit values without BigInt', () => {
  it('come back as they went, at every edge', () => {
    const stream = encode(['bigint'], [int64(...EDGES)], EDGES.length);
    const [batch] = decode(['bigint'], stream);
    expect(cells(batch.columns[0], batch.rows)).toEqual(EDGES);
  });

  it('are written as the definition of zigzag and varint says', () => {
    for (const value of EDGES) {
      let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
      const bytes = [8];
      for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
      bytes.push(Number(rest));
      expect(encode(['bigint'], [int64(value)], 1).subarray(0, bytes.length)).toEqual(Buffer.from(bytes));
    }
  });

  it('of time are cut exactly, and rounded down before 1970', () => {
    const second = 1_000_000n;
    const micros = [
      0n,
      1n,
      -1n,
      999n,
      1_000n,
      -1_000n,
      -1_001n,
      999_999n,
      -999_999n,
      -second,
      63n,
      64n,
      -64n,
      -65n,
    ].concat(-62_135_596_800_000_000n, 253_402_300_799_999_999n, 2n ** 53n + 1n, -(2n ** 53n) - 1n);
    const [datetime] = decode(['datetime'], encode(['datetime'], [int64(...micros)], micros.length));
    const floor = (value: bigint, by: bigint) => value - (((value % by) + by) % by);
    expect(cells(datetime.columns[0], datetime.rows)).toEqual(micros.map((value) => floor(value, 1_000n)));
    const [stamp] = decode(['timestamp'], encode(['timestamp'], [int64(...micros)], micros.length));
    expect(cells(stamp.columns[0], stamp.rows)).toEqual(micros);
    // Seconds and nanoseconds as another definition gives them.
    const items = decode(['array<timestamp>'], nested(micros.map((value) => [floor(value, second) / second, value])));
    expect(items[0].columns[0].items).toEqual(
      micros.map((value) => [
        { sec: floor(value, second) / second, nano: Number(value - floor(value, second)) * 1_000 },
      ]),
    );
  });

  it('of time beyond exactness are refused, not bent', () => {
    for (const type of ['datetime', 'timestamp'])
      for (const value of [2n ** 60n, -(2n ** 60n), 2n ** 63n - 1n])
        expect(() => encode([type], [int64(value)], 1)).toThrow(expect.objectContaining({ code: 'ValueOutOfRange' }));
  });
});

function nested(pairs: bigint[][]): Buffer {
  const items = pairs.map(([sec, micros]) => [{ sec, nano: Number(micros - sec * 1_000_000n) * 1_000 }]);
  return encode(['array<timestamp>'], [{ length: items.length, items }], items.length);
}

describe('any columns', () => {
  it.each(Array.from({ length: 24 }, (_, at) => at + 1))('come back as they went, cut anywhere (seed %i)', (seed) => {
    const next = random(seed);
    const types = Array.from({ length: 1 + Math.floor(next() * 20) }, () => TYPES[Math.floor(next() * TYPES.length)]);
    const encoder = new RecordEncoder(types);
    const sent: unknown[][] = types.map(() => []);
    const parts: Buffer[] = [];
    let spare: Buffer | undefined;
    for (let batch = 0; batch < 3; batch++) {
      const rows = Math.floor(next() * 200);
      const columns = types.map((type) => randomColumn(type, rows, next));
      columns.forEach((column, at) => {
        sent[at].push(...cells(column, rows));
      });
      const bytes = encoder.encode(columns, rows, spare);
      parts.push(Buffer.from(bytes));
      spare = Buffer.from(bytes.buffer);
    }
    const stream = Buffer.concat([...parts, encoder.end()]);
    const decoder = new RecordDecoder(types, { rows: 1 + Math.floor(next() * 300) });
    const read: unknown[][] = types.map(() => []);
    const take = (batch: DecodedBatch) => {
      batch.columns.forEach((column, at) => {
        read[at].push(...cells(column, batch.rows));
      });
    };
    for (let at = 0; at < stream.length; ) {
      const step = 1 + Math.floor(next() ** 3 * 500);
      // A chunk that is spoiled after it was pushed: nothing may still look at it.
      const chunk = Buffer.from(stream.subarray(at, at + step));
      for (const batch of decoder.push(chunk)) take(batch);
      chunk.fill(0xff);
      at += step;
    }
    const last = decoder.end();
    if (last !== null) take(last);
    expect(read).toEqual(sent);
  });

  it('of any length come back from pieces as large as those of a socket', () => {
    const next = random(7);
    const rows = 400;
    const lengths = Array.from({ length: rows }, () => Math.floor(next() ** 4 * 12_000));
    const columns = [int64(...lengths.map(BigInt)), texts(...lengths.map((length) => 'ü'.repeat(length)))];
    const stream = encode(['bigint', 'string'], columns, rows);
    for (let round = 0; round < 40; round++) {
      const decoder = new RecordDecoder(['bigint', 'string'].map(parseType), { rows: 1 + Math.floor(next() * 60) });
      const batches: DecodedBatch[] = [];
      for (let at = 0; at < stream.length; ) {
        const piece = Buffer.from(stream.subarray(at, at + 1 + Math.floor(next() * 40_000)));
        batches.push(...decoder.push(piece));
        at += piece.length;
        piece.fill(0xff);
      }
      batches.push(...[decoder.end()].filter((last) => last !== null));
      expect(batches.flatMap((batch) => cells(batch.columns[0], batch.rows))).toEqual(lengths.map(BigInt));
      for (const {
        columns: [count, text],
        rows: some,
      } of batches)
        expect(cells(text, some)).toEqual(cells(count, some).map((length) => 'c3bc'.repeat(Number(length))));
    }
  });

  it('are never read from a stream with any one bit flipped', () => {
    const types = ['bigint', 'string', 'timestamp', 'array<int>'];
    const items = [[1n, null], [], null];
    const columns = [
      int64(1n, -2n, 3n),
      texts('a', '', 'ü'),
      int64(0n, -1n, 10n ** 15n),
      { length: 3, validity: Uint8Array.of(3), items },
    ];
    const stream = encode(types, columns, 3);
    const whole = decode(types, stream);
    for (let bit = 0; bit < stream.length * 8; bit++) {
      const broken = Buffer.from(stream);
      broken[bit >> 3] ^= 1 << (bit & 7);
      let read: unknown;
      try {
        read = decode(types, broken).map((batch) => batch.columns.map((column) => cells(column, batch.rows)));
      } catch (error) {
        expect(error).toMatchObject({ name: 'MaxComputeError', code: expect.stringMatching(/DataStream$/) });
        continue;
      }
      // Counts and flags of nested values, and the highest bits of a CRC of five bytes, are under no checksum.
      expect(read, `bit ${bit}`).toEqual(
        whole.map((batch) => batch.columns.map((column) => cells(column, batch.rows))),
      );
    }
  });

  it('are refused wherever the stream is cut', () => {
    const types = ['bigint', 'string', 'double'];
    const doubles = { length: 2, values: Float64Array.of(1.5, Number.NaN) };
    const stream = encode(types, [int64(1n, 2n), texts('one', 'two'), doubles], 2);
    for (let length = 0; length < stream.length; length++) {
      expect(() => decode(types, stream.subarray(0, length)), `${length} bytes`).toThrow(
        expect.objectContaining({ code: 'TruncatedDataStream', kind: 'busy' }),
      );
    }
    expect(() => decode(types, Buffer.concat([stream, Buffer.of(0)]))).toThrow(/bytes after the trailer/);
  });
});

it('takes no more memory for a batch of a very wide table than for any other', () => {
  const types = Array.from({ length: 1_200 }, () => 'bigint');
  const stream = encode(
    types,
    types.map(() => int64(...Array.from({ length: 1_000 }, () => 1n))),
    1_000,
  );
  const batches = decode(types, stream);
  expect(batches.reduce((sum, batch) => sum + batch.rows, 0)).toBe(1_000);
  const bytes = batches[0].columns.reduce((sum, column) => sum + column.values!.byteLength, 0);
  expect(bytes).toBeLessThanOrEqual(8 * 1024 * 1024);
});

describe('a cell of megabytes', () => {
  it('that comes in small pieces is read in time that grows with its length, not with the square', () => {
    const long = texts('x'.repeat(24_000_000));
    const stream = encode(['string'], [long], 1);
    const [batch] = decode(['string'], stream, 4_096);
    expect(batch.columns[0].offsets![1]).toBe(24_000_000);
    expect(batch.columns[0].data![23_999_999]).toBe(120);
  }, 10_000);

  it('above the limit is refused as soon as its length is known', () => {
    const stream = encode(['string'], [texts('x'.repeat(2_000))], 1);
    const decoder = new RecordDecoder([parseType('string')], { fieldBytes: 1_000 });
    expect(() => [...decoder.push(stream.subarray(0, 3))]).toThrow(/2000 bytes, at most 1000/);
  });
});

describe('what no writer writes', () => {
  const refused = (types: string[], hex: string, why: RegExp) =>
    expect(() => decode(types, Buffer.from(hex, 'hex')), hex).toThrow(why);

  it('is refused with the place and the reason', () => {
    refused(['bigint'], `0802${'0802'}80c0ff7f00`, /record 0: column 1 comes twice/);
    refused(['bigint'], '0a02', /wire type 2 instead of 0/);
    refused(['bigint'], '1002', /no column for field 2/);
    refused(['bigint'], '0002', /no column for field 0/);
    refused(['bigint'], '0802f0ffff7f00', /trailer begins inside a record/);
    refused(['bigint'], `08${'ff'.repeat(10)}01`, /longer than 64 bits/);
    refused(['bigint'], `08${'ff'.repeat(9)}02`, /longer than 64 bits/);
    refused(['tinyint'], '088002', /out of the range/);
    refused(['smallint'], '08808004', /out of the range/);
    refused(['int'], '088080808020', /out of the range/);
    refused(['boolean'], '0802', /neither 0 nor 1/);
    refused(['string'], '0affffffffff01', /longer than 32 bits/);
    refused(['timestamp'], '0a000180c0ff7f00', /nanoseconds/);
    refused(['array<tinyint>'], '0a01008002', /out of the range/);
    refused(['array<boolean>'], '0a010002', /neither 0 nor 1/);
    refused(['array<int>'], '0a0102', /flag of NULL/);
    refused(['map<int,int>'], '0a01000200', /one value for each key/);
    refused(['array<string>'], `0a0100${'ff'.repeat(8)}7f`, /longer than the service allows/);
    refused([], 'f0ffff7f000a0178f8ffff7f00', /field 33554431 in the trailer/);
    refused([], 'f0ffff7f000a017880f0ff7f00', /CRC of the metrics/);
  });
});

describe('columns that do not fit', () => {
  it.each([
    ['too few', ['bigint', 'int'], [int64(1n)], /1 columns were given, the stream has 2/],
    ['of another kind of array', ['int'], [int64(1n)], /Column 1 \(INT\).*Int32Array/],
    ['with too few values', ['bigint'], [int64()], /0 values for 1 rows/],
    ['without offsets', ['string'], [int64(1n)], /offsets/],
    ['with too short a bitmap', ['bigint'], [{ ...int64(1n), validity: new Uint8Array(0) }], /bitmap/],
    ['without items', ['array<int>'], [int64(1n)], /items/],
  ] as [string, string[], ColumnData[], RegExp][])('%s are refused by name', (_, types, columns, why) => {
    expect(() => encode(types, columns, 1)).toThrow(why);
  });

  it('of a type that is not known are refused before anything is written', () => {
    expect(() => new RecordEncoder([parseType('vector<3>')])).toThrow(expect.objectContaining({ code: 'UnknownType' }));
    expect(() => new RecordDecoder([parseType('geography')])).toThrow(expect.objectContaining({ code: 'UnknownType' }));
  });
});

it('keeps the bits of every double and float, NaN with a payload among them', () => {
  const values = new Float64Array(
    BigUint64Array.of(0x7ff8000000000001n, 0x8000000000000000n, 0xfff0000000000000n).buffer,
  );
  const [batch] = decode(['double'], encode(['double'], [{ length: 3, values }], 3));
  expect(new BigUint64Array(batch.columns[0].values!.buffer).slice(0, 3)).toEqual(new BigUint64Array(values.buffer));
});

it('reads columns that lie inside larger arrays', () => {
  const values = BigInt64Array.of(9n, 1n, 2n, 9n).subarray(1, 3);
  const data = Buffer.from('..ab..').subarray(2, 4);
  const columns = [
    { length: 2, values },
    { length: 2, offsets: Int32Array.of(9, 0, 1, 2).subarray(1), data },
  ];
  const [batch] = decode(['bigint', 'string'], encode(['bigint', 'string'], columns, 2));
  expect(batch.columns.map((column) => cells(column, 2))).toEqual([
    [1n, 2n],
    ['61', '62'],
  ]);
});

it('gives nested text that is not UTF-8 as bytes, and takes it back', () => {
  const items = [[Uint8Array.of(0xff, 0xfe), 'ok']];
  const stream = encode(['array<string>'], [{ length: 1, items }], 1);
  const [batch] = decode(['array<string>'], stream);
  expect(batch.columns[0].items).toEqual(items);
});
