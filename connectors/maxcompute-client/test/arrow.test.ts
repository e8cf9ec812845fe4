import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ArrowFramer } from '../src/arrow-framer.ts';
import {
  ArrowDecoder,
  ArrowEncoder,
  type ColumnData,
  crc32c,
  type DecodedBatch,
  type OdpsType,
  parseType,
} from '../src/index.ts';
import { cells, random, randomColumn, TYPES } from './random-columns.ts';
import { columnFrom, type VectorValue, valuesOf } from './vector-values.ts';

interface ArrowVector {
  id: string;
  columns: { name: string; type: string }[];
  batches?: VectorValue[][][];
  batchesEpochNanos?: (string | null)[][][];
  chunkSize: number;
  ipcPayloadHex: string;
  framedHex: string;
}

const { arrow } = JSON.parse(readFileSync(new URL('./tunnel.vectors.json', import.meta.url), 'utf8'));
const vectors = arrow.vectors as ArrowVector[];

function decode(types: readonly OdpsType[], stream: Buffer, step = stream.length || 1): DecodedBatch[] {
  const decoder = new ArrowDecoder(types);
  const batches: DecodedBatch[] = [];
  for (let at = 0; at < stream.length; at += step)
    batches.push(...decoder.push(Buffer.from(stream.subarray(at, at + step))));
  return [...batches, ...decoder.end()];
}

function encode(types: readonly OdpsType[], batches: DecodedBatch[], chunk?: number): Buffer {
  const encoder = new ArrowEncoder(types, chunk);
  // A copy: the encoder's bytes are good until it is given them back.
  const parts = batches.map(({ columns, rows }) => Buffer.from(encoder.encode(columns, rows)));
  return Buffer.concat([...parts, encoder.end()]);
}

const EPOCH = Date.UTC(1970, 0, 1);

/** The vectors' values in Arrow are told otherwise than those of records: times as text. */
function told(type: OdpsType, value: VectorValue): VectorValue {
  if (value === null) return null;
  if (type.kind === 'date') return { epochDay: (Date.parse(`${value}T00:00:00Z`) - EPOCH) / 86_400_000 };
  if (type.kind === 'datetime') return { epochMs: Date.parse(`${value.slice(0, 23)}Z`) };
  if (type.kind === 'timestamp' || type.kind === 'timestamp_ntz')
    return { sec: String(BigInt(value) / 1_000_000_000n), nano: Number(BigInt(value) % 1_000_000_000n) };
  return value;
}

describe('Arrow vectors', () => {
  it('are all there', () => expect(vectors.length).toBe(arrow.vectors.length));

  for (const vector of vectors) {
    const types = vector.columns.map((column) => parseType(column.type));
    const framed = Buffer.from(vector.framedHex, 'hex');

    it(`${vector.id}: framed to the same bytes`, () => {
      const payload = Buffer.from(vector.ipcPayloadHex, 'hex');
      const framer = new ArrowFramer(vector.chunkSize);
      if (payload.length > 0) framer.open(payload.length);
      // In pieces that do not keep to the chunks.
      for (let at = 0; at < payload.length; at += 37) framer.put(payload.subarray(at, at + 37));
      expect(Buffer.concat([framer.take(), framer.end()]).toString('hex')).toBe(vector.framedHex);
    });

    it(`${vector.id}: decoded value by value, in one piece and byte by byte`, () => {
      for (const step of [framed.length, 1, 7]) {
        const batches = decode(types, framed, step);
        const read = batches.map((batch) =>
          Array.from({ length: batch.rows }, (_, row) =>
            types.map((type, at) => valuesOf(type, batch.columns[at], row)),
          ),
        );
        const wanted = (vector.batches ?? (vector.batchesEpochNanos as VectorValue[][][])).map((rows) =>
          rows.map((row) => row.map((value, at) => columnFrom(types[at], [told(types[at], value)]).shown[0])),
        );
        expect(read).toEqual(wanted);
      }
    });

    it(`${vector.id}: encoded and decoded again, and cut anywhere it is not taken for whole`, () => {
      const batches = decode(types, framed);
      const again = encode(types, batches, vector.chunkSize);
      expect(decode(types, again, 11)).toEqual(decode(types, framed));
      for (let end = 0; end < again.length; end++)
        expect(() => decode(types, again.subarray(0, end)), `cut at ${end}`).toThrow(/Arrow stream/);
    });
  }
});

/** What Arrow's nanoseconds in 64 bits can hold. */
const inRange = (type: OdpsType, column: ColumnData): ColumnData =>
  type.kind === 'timestamp' || type.kind === 'timestamp_ntz'
    ? { ...column, values: (column.values as BigInt64Array).map((micros) => micros % (2n ** 63n / 1_000n)) }
    : column;

const plainType = (type: OdpsType) => type.kind !== 'decimal';

describe('the Arrow stream', () => {
  it('brings any columns back, however it is cut', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const next = random(seed);
      const types = TYPES.filter(plainType).filter(() => next() < 0.7);
      const sizes = Array.from({ length: 1 + (seed % 3) }, () => Math.floor(next() ** 2 * 300));
      const batches = sizes.map((rows) => ({
        rows,
        columns: types.map((type) => inRange(type, randomColumn(type, rows, next))),
      }));
      const stream = encode(types, batches, [64, 1_000, 65_536][seed % 3]);
      const read = decode(types, stream, 1 + Math.floor(next() * 3_000));
      expect(read.map(({ rows }) => rows)).toEqual(sizes.filter((rows) => rows > 0));
      for (const [index, batch] of read.entries()) {
        const given = batches.filter(({ rows }) => rows > 0)[index];
        types.forEach((type, at) => {
          expect(cells(batch.columns[at], batch.rows), `seed ${seed}, ${type.kind}`).toEqual(
            cells(given.columns[at], batch.rows),
          );
        });
      }
    }
  });

  it('takes decimals to the last digit', () => {
    const type = parseType('decimal(38,18)');
    const values = [
      '0.000000000000000000',
      '-0.000000000000000001',
      '99999999999999999999.999999999999999999',
      '-99999999999999999999.999999999999999999',
      '18446744073.709551616000000000',
      '-18446744073.709551615000000000',
      '1000000.000000000000000000',
      '-12.340000000000000000',
    ];
    const { column } = columnFrom(type, values);
    const [batch] = decode([type], encode([type], [{ columns: [column], rows: values.length }]));
    expect(values.map((_, row) => valuesOf(type, batch.columns[0], row))).toEqual(values);
    for (const [text, given, shown] of [
      ['decimal(1,0)', '7', '7'],
      ['decimal(38,0)', '-99999999999999999999999999999999999999', '-99999999999999999999999999999999999999'],
      ['decimal(38,38)', '-.00000000000000000000000000000000000001', '-0.00000000000000000000000000000000000001'],
      ['decimal(9,2)', '+1e3', '1000.00'],
    ]) {
      const one = parseType(text);
      const [only] = decode([one], encode([one], [{ columns: [columnFrom(one, [given]).column], rows: 1 }]));
      expect(valuesOf(one, only.columns[0], 0)).toBe(shown);
    }
    const wrong = columnFrom(type, ['1', 'x']).column;
    expect(() => new ArrowEncoder([type]).encode([wrong], 2)).toThrow(/Row 1, column 1/);
  });

  it('keeps NaN, its payload, infinities and −0.0 bit by bit', () => {
    const types = [parseType('double'), parseType('float')];
    const doubles = new Float64Array([Number.NaN, -0, Infinity, -Infinity, 5e-324]);
    new BigUint64Array(doubles.buffer)[0] = 0x7ff8_0000_dead_beefn;
    const floats = Float32Array.from(doubles);
    const columns = [doubles, floats].map((values) => ({ length: 5, values }));
    const [batch] = decode(types, encode(types, [{ columns, rows: 5 }]));
    expect(Buffer.from(batch.columns[0].values!.buffer, batch.columns[0].values!.byteOffset, 40)).toEqual(
      Buffer.from(doubles.buffer),
    );
    expect(Buffer.from(batch.columns[1].values!.buffer, batch.columns[1].values!.byteOffset, 20)).toEqual(
      Buffer.from(floats.buffer),
    );
  });

  it('refuses times that nanoseconds in 64 bits cannot hold, to the last one that they can', () => {
    const type = parseType('timestamp');
    const last = { length: 1, values: BigInt64Array.of(9_223_372_036_854_775n), subMicros: Uint16Array.of(807) };
    const first = { length: 1, values: BigInt64Array.of(-9_223_372_036_854_776n), subMicros: Uint16Array.of(192) };
    for (const column of [first, last]) {
      const [batch] = decode([type], encode([type], [{ columns: [column], rows: 1 }]));
      expect([batch.columns[0].values![0], batch.columns[0].subMicros![0]]).toEqual([
        column.values[0],
        column.subMicros[0],
      ]);
    }
    const after = { length: 1, values: BigInt64Array.of(9_223_372_036_854_776n) };
    expect(() => encode([type], [{ columns: [after], rows: 1 }])).toThrow(
      expect.objectContaining({ code: 'ValueOutOfRange', hint: expect.stringContaining('as records') }),
    );
    const nulled = { ...after, validity: Uint8Array.of(0) };
    expect(decode([type], encode([type], [{ columns: [nulled], rows: 1 }]))[0].columns[0].validity).toEqual(
      Buffer.from([0]),
    );
  });

  it('keeps intervals of days, and says which types do not travel', () => {
    const type = parseType('interval_day_time');
    const items = [{ sec: -5n, nano: 999_999_999 }, null, { sec: 2n ** 40n, nano: 0 }];
    const [batch] = decode(
      [type],
      encode([type], [{ columns: [{ length: 3, validity: Uint8Array.of(5), items }], rows: 3 }]),
    );
    expect(batch.columns[0].items).toEqual(items);
    for (const text of [
      'interval_year_month',
      'decimal(54,18)',
      'array<interval_year_month>',
      'map<string,decimal(54,18)>',
    ])
      expect(() => new ArrowEncoder([parseType(text)]), text).toThrow(/do not travel as Arrow/);
  });

  it('gives no batch before the CRC of its last chunk is right', () => {
    const types = [parseType('bigint')];
    const rows = 40;
    const column = { length: rows, values: new BigInt64Array(rows).fill(7n) };
    const stream = encode(types, [{ columns: [column], rows }], 4_096);
    const broken = Buffer.from(stream);
    broken[broken.length - 20] ^= 1;
    const decoder = new ArrowDecoder(types);
    expect([...decoder.push(broken)]).toEqual([]);
    expect(() => decoder.end()).toThrow(/CRC/);
  });

  it('finds every single flipped bit', () => {
    const types = [parseType('bigint'), parseType('string')];
    const columns = [
      { length: 3, values: BigInt64Array.of(1n, 2n, 3n) },
      columnFrom(types[1], ['a', null, 'ccc']).column,
    ];
    const stream = encode(types, [{ columns, rows: 3 }], 64);
    for (let bit = 0; bit < stream.length * 8; bit++) {
      const broken = Buffer.from(stream);
      broken[bit >> 3] ^= 1 << (bit & 7);
      expect(() => decode(types, broken, 16), `bit ${bit}`).toThrow(/Arrow stream/);
    }
  });

  it('refuses batches of another shape, and what follows the end', () => {
    const [bigint, string] = [parseType('bigint'), parseType('string')];
    const stream = encode([bigint], [{ columns: [{ length: 1, values: BigInt64Array.of(1n) }], rows: 1 }]);
    expect(() => decode([string], stream)).toThrow(/fewer buffers|too short|go back/);
    expect(() => decode([bigint, bigint], stream)).toThrow(/fewer columns/);
    expect(() => decode([], stream)).toThrow(/more columns/);
    const framer = new ArrowFramer(64);
    framer.open(24);
    framer.put(Buffer.from('ffffffff00000000ffffffff00000000', 'hex'));
    expect(() => decode([bigint], Buffer.concat([framer.take(), framer.end()]))).toThrow(/after its end/);
  });

  it('has two ways to hold nothing', () => {
    const types = [parseType('bigint')];
    expect(new ArrowEncoder(types).end().toString('hex')).toBe('00000000');
    expect(decode(types, Buffer.alloc(4))).toEqual([]);
    expect(decode(types, Buffer.from('0001000000000000', 'hex'), 1)).toEqual([]);
    expect(() => decode(types, Buffer.alloc(0))).toThrow(/too early/);
    expect(() => decode(types, Buffer.from('0001000000000001', 'hex'))).toThrow(/CRC/);
    expect(crc32c(Buffer.alloc(0))).toBe(0);
  });
});
