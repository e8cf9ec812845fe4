import type { PayloadSink } from './arrow-deframer.ts';
import { ARROW, type ArrowField } from './arrow-message.ts';
import { MaxComputeError } from './errors.ts';
import { type OdpsType, typeText } from './types.ts';

/** Takes Arrow's own stream, which has no chunks and no checksums around it. */
export class PlainFeed {
  readonly #sink: PayloadSink;

  constructor(sink: PayloadSink) {
    this.#sink = sink;
  }

  /** @throws RangeError */
  push(piece: Buffer): void {
    for (let at = 0; at < piece.length; ) {
      const { view, used } = this.#sink.room();
      const bytes = Math.min(view.byteLength - used, piece.length - at);
      piece.copy(Buffer.from(view.buffer, view.byteOffset, view.byteLength), used, at, at + bytes);
      at += bytes;
      this.#sink.filled(bytes);
    }
    this.#sink.verified();
  }

  end(): boolean {
    return true;
  }
}

/** How a column of this type was sent: a TIMESTAMP may be seconds and nanoseconds side by side. @throws MaxComputeError `UnknownType` */
export function formOf(type: OdpsType, field: ArrowField): OdpsType {
  const { type: arrow, unit, children } = field;
  switch (type.kind) {
    case 'array':
      if (arrow === ARROW.list && children.length === 1)
        return { kind: 'array', element: formOf(type.element, children[0]) };
      break;
    case 'map':
      if (arrow === ARROW.map && children[0]?.children.length === 2) {
        const [key, value] = children[0].children;
        return { kind: 'map', key: formOf(type.key, key), value: formOf(type.value, value) };
      }
      break;
    case 'struct':
      if (arrow === ARROW.struct && children.length === type.fields.length)
        return {
          kind: 'struct',
          fields: type.fields.map(({ name, type: inner }, at) => ({ name, type: formOf(inner, children[at]) })),
        };
      break;
    case 'timestamp':
    case 'timestamp_ntz':
      if (arrow === ARROW.struct && children.length === 2) return { kind: 'interval_day_time' };
      if (arrow === ARROW.timestamp && unit === 3) return type;
      break;
    default:
      if (fits(type, field)) return type;
  }
  throw new MaxComputeError({
    code: 'UnknownType',
    kind: 'config',
    message: `Column "${field.name}" of type ${typeText(type)} came as Arrow's type ${arrow} (unit ${unit}).`,
    hint: 'Leave the column out, or read the table by a download.',
  });
}

const INTEGER_BITS: { [kind in OdpsType['kind']]?: number } = { tinyint: 8, smallint: 16, int: 32, bigint: 64 };

function fits(type: OdpsType, { type: arrow, unit, more }: ArrowField): boolean {
  switch (type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'bigint':
      return arrow === ARROW.int && unit === INTEGER_BITS[type.kind] && more === 1;
    case 'float':
      return arrow === ARROW.float && unit === 1;
    case 'double':
      return arrow === ARROW.float && unit === 2;
    case 'boolean':
      return arrow === ARROW.bool;
    case 'decimal':
      return arrow === ARROW.decimal && more === type.scale;
    case 'date':
      return arrow === ARROW.date && unit === 0;
    case 'datetime':
      // Milliseconds in either of two ways.
      return (arrow === ARROW.timestamp || arrow === ARROW.date) && unit === 1;
    case 'interval_day_time':
      return arrow === ARROW.struct;
    default:
      return arrow === ARROW.utf8 || arrow === ARROW.binary;
  }
}
