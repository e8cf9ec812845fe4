import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  authorization,
  bucketsOf,
  canonicalString,
  crc32c,
  type DecodedBatch,
  type Hasher,
  keyHashes,
  parseType,
  RecordDecoder,
  RecordEncoder,
  UpsertPacker,
} from '../src/index.ts';
import { columnFrom, type VectorValue, valuesOf } from './vector-values.ts';

interface RecordVector {
  id: string;
  columns?: { name: string; type: string }[];
  columnsCompact?: { namePrefix: string; count: number; type: string };
  rows?: VectorValue[][];
  rowsSparse?: [number, VectorValue][][] | { [column: string]: VectorValue }[];
  recordCount: number;
  streamHex: string;
}

const vectors = JSON.parse(readFileSync(new URL('./tunnel.vectors.json', import.meta.url), 'utf8'));
const records = vectors.recordVectors as RecordVector[];

function typesOf(vector: RecordVector) {
  if (vector.columns !== undefined) return vector.columns.map((column) => parseType(column.type));
  return Array.from({ length: vector.columnsCompact!.count }, () => parseType(vector.columnsCompact!.type));
}

function decode(types: ReturnType<typeof typesOf>, stream: Buffer, step: number): DecodedBatch[] {
  const decoder = new RecordDecoder(types);
  const batches: DecodedBatch[] = [];
  for (let at = 0; at < stream.length; at += step)
    batches.push(...decoder.push(Buffer.from(stream.subarray(at, at + step))));
  const last = decoder.end();
  if (last !== null) batches.push(last);
  return batches;
}

/** Streams that another encoder wrote in a way of its own: they are read, and written again plainly. */
const OTHERS_WAY = new Set(['decimal-exponent-quirk', 'metrics-trailer', 'service-capture-2015', 'bigint-min-quirk']);

describe('record stream vectors', () => {
  it('are all there', () => expect(records.length).toBe(35));

  for (const vector of records) {
    const stream = Buffer.from(vector.streamHex, 'hex');
    it(`${vector.id}: decoded value by value, in one piece and byte by byte`, () => {
      const types = typesOf(vector);
      for (const step of [stream.length, 1, 7]) {
        const batches = decode(types, stream, step);
        expect(batches.reduce((sum, batch) => sum + batch.rows, 0)).toBe(vector.recordCount);
        if (vector.rows === undefined || vector.rows.length === 0) continue;
        const read = vector.rows.map((_, row) => types.map((type, at) => valuesOf(type, batches[0].columns[at], row)));
        expect(read).toEqual(vector.rows.map((row) => row.map((value, at) => columnFrom(types[at], [value]).shown[0])));
      }
    });
    it(`${vector.id}: encoded again to the same bytes`, () => {
      const types = typesOf(vector);
      const encoder = new RecordEncoder(types);
      const parts = decode(types, stream, stream.length).map((batch) => encoder.encode(batch.columns, batch.rows));
      const again = Buffer.concat([...parts, encoder.end()]).toString('hex');
      if (vector.id === 'metrics-trailer')
        expect(vector.streamHex.startsWith(again.slice(0, again.indexOf('f0ffff7f')))).toBe(true);
      else expect(again).toBe(vector.streamHex);
    });
    if (vector.rows !== undefined && vector.rows.length > 0 && !OTHERS_WAY.has(vector.id)) {
      it(`${vector.id}: encoded from its values to the same bytes`, () => {
        const types = typesOf(vector);
        const columns = types.map(
          (type, at) =>
            columnFrom(
              type,
              vector.rows!.map((row) => row[at]),
            ).column,
        );
        const encoder = new RecordEncoder(types);
        expect(Buffer.concat([encoder.encode(columns, vector.rows!.length), encoder.end()]).toString('hex')).toBe(
          vector.streamHex,
        );
      });
    }
  }

  for (const broken of vectors.mustReject as { id: string; of: string; streamHex: string }[]) {
    it(`refuses ${broken.id}`, () => {
      const types = typesOf(records.find((vector) => vector.id === broken.of)!);
      expect(() => decode(types, Buffer.from(broken.streamHex, 'hex'), 5)).toThrow(/record stream/);
    });
  }
});

describe('CRC-32C vectors', () => {
  for (const one of vectors.crc32c as { name: string; inputHex: string; crc32c: number }[]) {
    it(one.name, () => expect(crc32c(Buffer.from(one.inputHex, 'hex'))).toBe(one.crc32c));
  }
});

interface SignatureVector {
  id: string;
  method: string;
  endpoint: string;
  requestUrl: string;
  headers: { [name: string]: string };
  accessKeyId: string;
  accessKeySecret: string;
  region: string | null;
  canonicalString: string;
  authorization: string;
}

describe('signature vectors', () => {
  for (const one of vectors.signature as SignatureVector[]) {
    it(one.id, () => {
      const url = new URL(one.requestUrl);
      const base = new URL(one.endpoint).pathname;
      const query = new Map(
        url.search === ''
          ? []
          : url.search
              .slice(1)
              .split('&')
              .map((pair): [string, string] => {
                const [name, ...value] = pair.split('=');
                return [decodeURIComponent(name), decodeURIComponent(value.join('='))];
              }),
      );
      const headers = Object.fromEntries(
        Object.entries(one.headers).map(([name, value]) => [name.toLowerCase(), value]),
      );
      const resource = decodeURIComponent(url.pathname.slice(base === '/' ? 0 : base.length));
      const canonical = canonicalString({ method: one.method, resource, query, headers });
      expect(canonical).toBe(one.canonicalString);
      const key = { accessId: one.accessKeyId, accessKey: one.accessKeySecret };
      const day = new Date(headers.date).toISOString().slice(0, 10).replaceAll('-', '');
      expect(authorization(key, canonical, one.region === null ? null : { name: one.region, day })).toBe(
        one.authorization,
      );
    });
  }
});

interface KeyVector {
  type: string;
  value: string;
  default: number;
  legacy: number;
}

/** A value of a key as the vectors write it, in the form of the other vectors. */
function keyColumn(type: ReturnType<typeof parseType>, text: string) {
  switch (type.kind) {
    case 'timestamp': {
      const [, millis, below] = /^(.*:\d\d(?:\.\d{3})?)(\d*)Z$/.exec(text)!;
      const micros =
        BigInt(Date.parse(`${millis}Z`)) * 1_000n + BigInt(Math.floor(Number(below.padEnd(6, '0')) / 1_000));
      return {
        length: 1,
        values: BigInt64Array.of(micros),
        subMicros: Uint16Array.of(Number(below.padEnd(6, '0')) % 1_000),
      };
    }
    case 'datetime':
      return columnFrom(type, [{ epochMs: String(Date.parse(text)) }]).column;
    case 'date':
      return columnFrom(type, [{ epochDay: Date.parse(text) / 86_400_000 }]).column;
    case 'boolean':
      return columnFrom(type, [text === 'true']).column;
    default:
      return columnFrom(type, [type.kind === 'float' || type.kind === 'double' ? Number(text) : text]).column;
  }
}

describe('key hash vectors', () => {
  for (const one of vectors.upsertHash.columnHash as KeyVector[]) {
    it(`${one.type} ${one.value}`, () => {
      const type = parseType(one.type);
      const keys = [{ type, column: keyColumn(type, one.value) }];
      for (const hasher of ['default', 'legacy'] satisfies Hasher[])
        expect([...keyHashes(keys, 1, hasher)], hasher).toEqual([one[hasher]]);
    });
  }
  type RowVector = { keys: KeyVector[] } & { [hasher in Hasher]: { bucketOf16: number; bucketOf7: number } };
  for (const row of vectors.upsertHash.rowHash as RowVector[]) {
    it(`the bucket of ${row.keys.map((one) => one.value).join(', ')}`, () => {
      const keys = row.keys.map((one) => ({
        type: parseType(one.type),
        column: keyColumn(parseType(one.type), one.value),
      }));
      for (const hasher of ['default', 'legacy'] satisfies Hasher[]) {
        expect([...bucketsOf(keys, 1, 16, hasher)]).toEqual([row[hasher].bucketOf16]);
        expect([...bucketsOf(keys, 1, 7, hasher)]).toEqual([row[hasher].bucketOf7]);
      }
    });
  }
});

it('an upsert and a deletion are packed as the official clients write them', () => {
  const { columns, rows, streamHex } = records.find((one) => one.id === 'upsert-row')!;
  const [id, name] = columns!.slice(0, 2).map(({ type }, at) => ({ name: columns![at].name, type: parseType(type) }));
  const packer = new UpsertPacker({
    id: 'u',
    status: 'NORMAL',
    columns: [id, name].map((one) => ({ ...one, nullable: true, comment: '' })),
    keys: [0],
    hasher: 'default',
    buckets: [{ slot: '0', server: '' }],
  });
  const given = [id, name].map(({ type }, at) => columnFrom(type, [rows![0][at]]).column);
  expect(packer.add('upsert', given, 1)).toEqual([]);
  packer.add('delete', given, 1);
  const packs = packer.flush();
  expect(packs.map(({ bucket, rows }) => ({ bucket, rows }))).toEqual([{ bucket: 0, rows: 2 }]);
  expect(packs[0].body.toString('hex')).toBe(streamHex);
});
