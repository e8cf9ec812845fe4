import type { OdpsType } from '@sampan/maxcompute';
import type { ThriftWriter } from './thrift.ts';
import { describeType, PHYSICAL, physicalType, WIDE_DECIMAL_BYTES } from './types.ts';

const REQUIRED = 0;
const OPTIONAL = 1;
const REPEATED = 2;
const CONVERTED = { map: 1, list: 3 };
const LOGICAL = { map: 2, list: 3 };

/** One element of a file's schema: a column of scalars, or a group of those that follow it. */
interface Element {
  name: string;
  repetition: number;
  /** Undefined: a group. */
  type?: OdpsType;
  children?: number;
  means?: 'list' | 'map';
}

/** The elements of a column, parents before their children. */
function elementsOf(name: string, type: OdpsType, repetition = OPTIONAL): Element[] {
  switch (type.kind) {
    case 'struct':
      return [
        { name, repetition, children: type.fields.length },
        ...type.fields.flatMap((field) => elementsOf(field.name, field.type)),
      ];
    case 'array':
      return [
        { name, repetition, children: 1, means: 'list' },
        { name: 'list', repetition: REPEATED, children: 1 },
        ...elementsOf('element', type.element),
      ];
    case 'map':
      return [
        { name, repetition, children: 1, means: 'map' },
        { name: 'key_value', repetition: REPEATED, children: 2 },
        ...elementsOf('key', type.key, REQUIRED),
        ...elementsOf('value', type.value),
      ];
    default:
      return [{ name, repetition, type }];
  }
}

/** Field 2 of a file's metadata. */
export function writeSchema(out: ThriftWriter, columns: readonly { name: string; type: OdpsType }[]): void {
  const elements = columns.flatMap(({ name, type }) => elementsOf(name, type));
  out.structs(2, [null, ...elements], (element) => {
    if (element === null) {
      out.text(4, 'schema');
      out.i32(5, columns.length);
    } else writeElement(out, element);
  });
}

function writeElement(out: ThriftWriter, { name, repetition, type, children, means }: Element): void {
  if (type !== undefined) {
    const physical = physicalType(type) as number;
    out.i32(1, physical);
    if (physical === PHYSICAL.fixed) out.i32(2, WIDE_DECIMAL_BYTES);
  }
  out.i32(3, repetition);
  out.text(4, name);
  if (type !== undefined) return describeType(out, type);
  out.i32(5, children as number);
  if (means === undefined) return;
  out.i32(6, CONVERTED[means]);
  out.struct(10, () => out.struct(LOGICAL[means], () => {}));
}
