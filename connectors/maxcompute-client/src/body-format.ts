import { ArrowDecoder } from './arrow-decoder.ts';
import { ArrowEncoder } from './arrow-encoder.ts';
import type { ColumnData } from './columns.ts';
import { type DecodedBatch, type DecodeLimits, RecordDecoder } from './record-decoder.ts';
import { RecordEncoder } from './record-encoder.ts';
import type { OdpsType } from './types.ts';

/** The tunnel's two forms of a body: records, for every type and value, or Arrow. */
export type BodyFormat = 'records' | 'arrow';

export interface BodyEncoder {
  encode(columns: readonly ColumnData[], rows: number, into?: Buffer): Buffer;
  end(): Buffer;
}

export interface BodyDecoder {
  /** Rows seen so far. */
  readonly rows: number;
  push(chunk: Buffer): Iterable<DecodedBatch>;
  /** What was not given yet. */
  end(): DecodedBatch[];
}

/** @throws MaxComputeError `UnknownType` */
export function openEncoder(format: BodyFormat, types: readonly OdpsType[]): BodyEncoder {
  return format === 'arrow' ? new ArrowEncoder(types) : new RecordEncoder(types);
}

/** `limits` of rows and bytes are for records: Arrow comes in the batches of its sender. @throws MaxComputeError `UnknownType` */
export function openDecoder(format: BodyFormat, types: readonly OdpsType[], limits: DecodeLimits = {}): BodyDecoder {
  if (format === 'arrow') return new ArrowDecoder(types, limits);
  const decoder = new RecordDecoder(types, limits);
  return {
    get rows() {
      return decoder.rows;
    },
    push: (chunk) => decoder.push(chunk),
    end() {
      const last = decoder.end();
      return last === null ? [] : [last];
    },
  };
}
