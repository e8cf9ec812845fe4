import { type ColumnData, type Physical, physicalOf } from './columns.ts';
import { MaxComputeError } from './errors.ts';
import { bucketsOf } from './key-hash.ts';
import { RecordEncoder } from './record-encoder.ts';
import { pickRows } from './row-picker.ts';
import type { UpsertSession } from './tunnel-upsert.ts';
import type { OdpsType } from './types.ts';

/** Rows of one bucket: a record stream that is whole, so that it can be sent again. */
export interface UpsertPack {
  bucket: number;
  rows: number;
  body: Buffer;
}

export type UpsertOperation = 'upsert' | 'delete';

/** What every record carries behind the table's columns: version, application's version, operation, key and value columns. */
const META: readonly OdpsType[] = [
  { kind: 'bigint' },
  { kind: 'bigint' },
  { kind: 'tinyint' },
  { kind: 'array', element: { kind: 'bigint' } },
  { kind: 'array', element: { kind: 'bigint' } },
];
const OPERATIONS = { upsert: 85, delete: 68 };

export const PACK_BYTES = 1024 * 1024;
const MOST_BYTES = 32 * 1024 * 1024;

interface Filling {
  encoder: RecordEncoder;
  parts: Buffer[];
  bytes: number;
}

/**
 * Sorts rows into the buckets of their keys. A key's rows stay in the order in which they were given, so that the last
 * one wins; the packs of a bucket must be sent in the order in which they come out.
 */
export class UpsertPacker {
  /** Rows taken so far. */
  rows = 0;
  readonly #session: UpsertSession;
  readonly #types: OdpsType[];
  readonly #physical: Physical[];
  readonly #filling = new Map<number, Filling>();
  #bytes = 0;

  constructor(session: UpsertSession) {
    this.#session = session;
    this.#types = [...session.columns.map((column) => column.type), ...META];
    this.#physical = session.columns.map((column) => physicalOf(column.type));
  }

  /**
   * Columns in the order of the session's; a deletion needs those of the key only, the others may be NULL. Gives the
   * packs that have become full.
   * @throws MaxComputeError `NullKey`, `ColumnMismatch`
   */
  add(operation: UpsertOperation, columns: readonly ColumnData[], rows: number): UpsertPack[] {
    if (rows === 0) return [];
    this.#refuseNullKeys(columns, rows);
    const { keys, buckets, hasher, columns: wanted } = this.#session;
    const keyColumns = keys.map((place) => ({ type: wanted[place].type, column: columns[place] }));
    const full: UpsertPack[] = [];
    for (const [bucket, picked] of byBucket(bucketsOf(keyColumns, rows, buckets.length, hasher), buckets.length)) {
      const whole = columns.map((column, place) => pickRows(column, this.#physical[place], picked));
      const filling = this.#open(bucket);
      const part = filling.encoder.encode([...whole, ...metaOf(picked.length, operation)], picked.length);
      // What is kept should not hold the room that was reserved for the longest it could have been.
      filling.parts.push(Buffer.from(part));
      filling.bytes += part.length;
      this.#bytes += part.length;
      if (filling.bytes >= PACK_BYTES) full.push(this.#close(bucket));
    }
    this.rows += rows;
    return this.#bytes > MOST_BYTES ? [...full, ...this.flush()] : full;
  }

  /** All that is not full yet. */
  flush(): UpsertPack[] {
    return [...this.#filling.keys()].map((bucket) => this.#close(bucket));
  }

  #open(bucket: number): Filling {
    let filling = this.#filling.get(bucket);
    if (filling === undefined) {
      filling = { encoder: new RecordEncoder(this.#types), parts: [], bytes: 0 };
      this.#filling.set(bucket, filling);
    }
    return filling;
  }

  #close(bucket: number): UpsertPack {
    const { encoder, parts, bytes } = this.#filling.get(bucket)!;
    this.#filling.delete(bucket);
    this.#bytes -= bytes;
    return { bucket, rows: encoder.rows, body: Buffer.concat([...parts, encoder.end()]) };
  }

  #refuseNullKeys(columns: readonly ColumnData[], rows: number): void {
    for (const place of this.#session.keys) {
      const { validity } = columns[place] ?? {};
      for (let row = 0; validity !== undefined && row < rows; row++) {
        if ((validity[row >> 3] & (1 << (row & 7))) !== 0) continue;
        throw new MaxComputeError({
          code: 'NullKey',
          kind: 'data',
          message: `Row ${row} has no value for "${this.#session.columns[place].name}" of the primary key.`,
          hint: 'A primary key has no NULL.',
        });
      }
    }
  }
}

/** The places of each bucket's rows, in their order. */
function* byBucket(buckets: Int32Array, count: number): Generator<[number, Int32Array]> {
  const ends = new Int32Array(count + 1);
  for (const bucket of buckets) ends[bucket + 1]++;
  for (let bucket = 0; bucket < count; bucket++) ends[bucket + 1] += ends[bucket];
  const starts = ends.slice();
  const places = new Int32Array(buckets.length);
  for (let row = 0; row < buckets.length; row++) places[starts[buckets[row]]++] = row;
  for (let bucket = 0; bucket < count; bucket++)
    if (ends[bucket + 1] > ends[bucket]) yield [bucket, places.subarray(ends[bucket], ends[bucket + 1])];
}

function metaOf(length: number, operation: UpsertOperation): ColumnData[] {
  const none = new Uint8Array((length + 7) >> 3);
  const version = { length, validity: none, values: new BigInt64Array(length) };
  return [
    version,
    version,
    { length, values: new Int8Array(length).fill(OPERATIONS[operation]) },
    { length, validity: none, items: new Array(length).fill(null) },
    { length, items: new Array(length).fill([]) },
  ];
}
