import { type ColumnData, type Physical, physicalOf, wireTypeOf } from './columns.ts';
import { MaxComputeError } from './errors.ts';
import { type OdpsType, typeText } from './types.ts';

const NO_INTS = new Int32Array(0);
const NO_BYTES = new DataView(new ArrayBuffer(0));

/**
 * One column on its way out. The values lie in one field a width, so that every place of the hot loop sees one kind of
 * array only: a place that sees four takes a slow generic way.
 */
export interface Lane {
  readonly type: OdpsType;
  readonly physical: Physical;
  readonly number: number;
  readonly tag: number;
  validity: Uint8Array | null;
  int8: Int8Array;
  int16: Int16Array;
  /** Values of 32 bits, or the halves of values of 64. */
  int32: Int32Array;
  bool: Uint8Array;
  offsets: Int32Array;
  data: DataView;
  subMicros: Uint16Array | null;
  items: readonly unknown[];
}

export function openLane(type: OdpsType, index: number): Lane {
  const physical = physicalOf(type);
  return {
    type,
    physical,
    number: index + 1,
    tag: ((index + 1) << 3) | wireTypeOf(physical),
    validity: null,
    int8: new Int8Array(0),
    int16: new Int16Array(0),
    int32: NO_INTS,
    bool: new Uint8Array(0),
    offsets: NO_INTS,
    data: NO_BYTES,
    subMicros: null,
    items: [],
  };
}

/** Puts the column of a batch on its lane. @throws MaxComputeError `ColumnMismatch` where it does not fit the type */
export function load(lane: Lane, column: ColumnData | undefined, rows: number): void {
  if (column === undefined) throw mismatch(lane, 'there is no column for it');
  lane.validity = column.validity ?? null;
  if (lane.validity !== null && lane.validity.length < (rows + 7) >> 3) throw mismatch(lane, 'its bitmap is too short');
  lane.subMicros = column.subMicros ?? null;
  const { values } = column;
  switch (lane.physical) {
    case 'bytes': {
      const { offsets, data } = column;
      if (offsets === undefined || data === undefined || offsets.length <= rows)
        throw mismatch(lane, 'it needs offsets, one more than rows, and data');
      lane.offsets = offsets;
      lane.data = new DataView(data.buffer, data.byteOffset, data.byteLength);
      return;
    }
    case 'items':
      if (column.items === undefined || column.items.length < rows) throw mismatch(lane, 'it needs items');
      lane.items = column.items;
      return;
    case 'int8':
      if (!(values instanceof Int8Array)) throw mismatch(lane, 'it needs an Int8Array');
      lane.int8 = values;
      break;
    case 'int16':
      if (!(values instanceof Int16Array)) throw mismatch(lane, 'it needs an Int16Array');
      lane.int16 = values;
      break;
    case 'bool':
      if (!(values instanceof Uint8Array)) throw mismatch(lane, 'it needs a Uint8Array');
      lane.bool = values;
      break;
    default:
      lane.int32 = words(lane, values);
  }
  if (values !== undefined && values.length < rows)
    throw mismatch(lane, `it has ${values.length} values for ${rows} rows`);
}

const WANTED = {
  int32: Int32Array,
  date: Int32Array,
  float: Float32Array,
  double: Float64Array,
  int64: BigInt64Array,
  millis: BigInt64Array,
  stamp: BigInt64Array,
};

/** The 32-bit words under the values: numbers go out by their bits. */
function words(lane: Lane, values: ColumnData['values']): Int32Array {
  const wanted = WANTED[lane.physical as keyof typeof WANTED];
  if (!(values instanceof wanted)) throw mismatch(lane, `it needs a ${wanted.name}`);
  return new Int32Array(values.buffer, values.byteOffset, values.byteLength / 4);
}

function mismatch(lane: Lane, what: string): MaxComputeError {
  return new MaxComputeError({
    code: 'ColumnMismatch',
    kind: 'bug',
    message: `Column ${lane.number} (${typeText(lane.type)}) cannot be encoded: ${what}.`,
    hint: 'Give the columns in the order of the session, each in the form of its type.',
  });
}

/** Bytes that a value needs at most beside the bytes of its data: three of the tag and the longest varints. */
export function roomOf(physical: Physical): number {
  switch (physical) {
    case 'int8':
    case 'bool':
      return 5;
    case 'int16':
      return 6;
    case 'int32':
    case 'date':
    case 'float':
    case 'bytes':
      return 8;
    case 'double':
      return 11;
    case 'int64':
    case 'millis':
      return 13;
    default:
      return 18;
  }
}
