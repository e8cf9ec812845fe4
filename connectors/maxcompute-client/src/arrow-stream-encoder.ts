import { ArrowEncoder } from './arrow-encoder.ts';
import { columnOfItems, itemsOf } from './arrow-items.ts';
import { ARROW } from './arrow-message.ts';
import { DAY_TIME } from './arrow-types.ts';
import type { ColumnData } from './columns.ts';
import { type FlatField, FlatWriter } from './flatbuffer.ts';
import type { OdpsType } from './types.ts';

const END = Buffer.from('ffffffff00000000', 'hex');
/** `MetadataVersion.V5` and `MessageHeader.Schema`. */
const VERSION_5 = 4;
const SCHEMA = 1;

export interface ArrowStreamOptions {
  /** TIMESTAMPs as `struct<sec: int64, nano: int32>`, for all of their values, in place of nanoseconds. */
  stampsAsStructs?: boolean;
}

/**
 * Turns columns into Arrow's own stream, which other programs read without knowing MaxCompute: `start` once, `encode` for
 * each batch, then `end` once. The tunnel's preview is such a stream.
 */
export class ArrowStreamEncoder {
  readonly #columns: readonly { name: string; type: OdpsType }[];
  readonly #forms: OdpsType[];
  readonly #encoder: ArrowEncoder;

  /** @throws MaxComputeError `UnknownType` for a type that does not travel as Arrow */
  constructor(columns: readonly { name: string; type: OdpsType }[], { stampsAsStructs }: ArrowStreamOptions = {}) {
    this.#columns = columns;
    this.#forms = columns.map(({ type }) => (stampsAsStructs ? withoutStamps(type) : type));
    this.#encoder = new ArrowEncoder(this.#forms, null);
  }

  /** The schema. */
  start(): Buffer {
    const fields = this.#columns.map(({ name }, at) => fieldOf(name, this.#forms[at], true));
    const schema = (out: FlatWriter) => out.table([null, (inner) => inner.list(fields)]);
    const body = new FlatWriter().finish((out) =>
      out.table([number(2, VERSION_5), number(1, SCHEMA), schema, number(8, 0)]),
    );
    const head = Buffer.alloc(8);
    head.writeUInt32LE(0xffffffff, 0);
    head.writeInt32LE(body.length, 4);
    return Buffer.concat([head, body]);
  }

  /** @throws MaxComputeError as `ArrowEncoder` does */
  encode(columns: readonly ColumnData[], rows: number): Buffer {
    const given = columns.map((column, at) => {
      const { type } = this.#columns[at];
      const form = this.#forms[at];
      return form === type ? column : columnOfItems(form, itemsOf(type, { ...column, length: rows }));
    });
    return this.#encoder.encode(given, rows);
  }

  end(): Buffer {
    return END;
  }
}

/** The same type with pairs of seconds and nanoseconds in place of instants; the very same where there are none. */
function withoutStamps(type: OdpsType): OdpsType {
  switch (type.kind) {
    case 'timestamp':
    case 'timestamp_ntz':
      return { kind: 'interval_day_time' };
    case 'array': {
      const element = withoutStamps(type.element);
      return element === type.element ? type : { kind: 'array', element };
    }
    case 'map': {
      const [key, value] = [withoutStamps(type.key), withoutStamps(type.value)];
      return key === type.key && value === type.value ? type : { kind: 'map', key, value };
    }
    case 'struct': {
      const fields = type.fields.map((field) => ({ name: field.name, type: withoutStamps(field.type) }));
      return fields.every((field, at) => field.type === type.fields[at].type) ? type : { kind: 'struct', fields };
    }
    default:
      return type;
  }
}

const number = (bytes: 1 | 2 | 4 | 8, value: number): FlatField => ({ bytes, value });

type Writer = (out: FlatWriter) => number;

function fieldOf(name: string, type: OdpsType, nullable: boolean): Writer {
  const [arrow, parameters, children] = arrowOf(type);
  return (out) =>
    out.table([
      (inner) => inner.text(name),
      number(1, nullable ? 1 : 0),
      number(1, arrow),
      (inner) => inner.table(parameters),
      null,
      (inner) => inner.list(children),
    ]);
}

const INTEGER_BITS: { [kind in OdpsType['kind']]?: number } = { tinyint: 8, smallint: 16, int: 32, bigint: 64 };

/** Number of the type, its parameters, its children. */
function arrowOf(type: OdpsType): [number, FlatField[], Writer[]] {
  switch (type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'bigint':
      return [ARROW.int, [number(4, INTEGER_BITS[type.kind] as number), number(1, 1)], []];
    case 'float':
      return [ARROW.float, [number(2, 1)], []];
    case 'double':
      return [ARROW.float, [number(2, 2)], []];
    case 'boolean':
      return [ARROW.bool, [], []];
    case 'decimal':
      return [ARROW.decimal, [number(4, type.precision), number(4, type.scale), number(4, 128)], []];
    case 'date':
      return [ARROW.date, [number(2, 0)], []];
    case 'datetime':
      return [ARROW.timestamp, [number(2, 1)], []];
    case 'timestamp':
    case 'timestamp_ntz':
      return [ARROW.timestamp, [number(2, 3)], []];
    case 'binary':
      return [ARROW.binary, [], []];
    case 'array':
      return [ARROW.list, [], [fieldOf('element', type.element, true)]];
    case 'map': {
      const pair = [fieldOf('key', type.key, false), fieldOf('value', type.value, true)];
      const entries: Writer = (out) =>
        out.table([
          (inner) => inner.text('entries'),
          number(1, 0),
          number(1, ARROW.struct),
          (inner) => inner.table([]),
          null,
          (inner) => inner.list(pair),
        ]);
      return [ARROW.map, [number(1, 0)], [entries]];
    }
    case 'struct':
      return [ARROW.struct, [], type.fields.map((field) => fieldOf(field.name, field.type, true))];
    case 'interval_day_time':
      return [ARROW.struct, [], DAY_TIME.map((field) => fieldOf(field.name, field.type, true))];
    default:
      return [ARROW.utf8, [], []];
  }
}
