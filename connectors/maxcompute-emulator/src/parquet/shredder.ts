import type { Item, OdpsType } from '@sampan/maxcompute';
import { physicalType } from './types.ts';

/** A column of scalars within a nested one. */
export interface Leaf {
  path: string[];
  type: OdpsType;
  physical: number;
  /** A key of a MAP is never absent. */
  required: boolean;
  mostDefined: number;
  mostRepeated: number;
}

/** What a leaf has of some rows: at each place how much of its path is there, and whether it goes on in a list. */
export interface Shreds {
  defined: number[];
  repeated: number[];
  values: Item[];
}

interface Walker {
  /** Takes one value; `again` is the level of the list that it goes on in. */
  put(item: Item, again: number): void;
  /** Notes that there is nothing, down from this level. */
  absent(level: number, again: number): void;
}

/**
 * Cuts nested values into columns of scalars, as Dremel does and Parquet after it: LIST with `list.element`, MAP with
 * `key_value.key` and `.value`, the three-level forms of Parquet's own specification.
 */
export class Shredder {
  readonly leaves: Leaf[] = [];
  #shreds: Shreds[] = [];
  readonly #root: Walker;

  constructor(name: string, type: OdpsType) {
    this.#root = this.#walker(type, [name], 0, 0, false);
  }

  shred(items: readonly Item[]): Shreds[] {
    this.#shreds = this.leaves.map(() => ({ defined: [], repeated: [], values: [] }));
    for (const item of items) this.#root.put(item ?? null, 0);
    return this.#shreds;
  }

  #walker(type: OdpsType, path: string[], level: number, depth: number, required: boolean): Walker {
    switch (type.kind) {
      case 'struct':
        return groupOf(
          type.fields.map((field) => this.#walker(field.type, [...path, field.name], level + 1, depth, false)),
          type.fields.map(
            ({ name }) =>
              (item: Item) =>
                (item as { [name: string]: Item })[name],
          ),
          level,
        );
      case 'array':
        return listOf(
          this.#walker(type.element, [...path, 'list', 'element'], level + 2, depth + 1, false),
          level,
          depth,
        );
      case 'map': {
        const inside = [...path, 'key_value'];
        const pair = pairOf(
          this.#walker(type.key, [...inside, 'key'], level + 2, depth + 1, true),
          this.#walker(type.value, [...inside, 'value'], level + 2, depth + 1, false),
        );
        return listOf(pair, level, depth);
      }
      default:
        return this.#leaf(type, path, level, depth, required);
    }
  }

  #leaf(type: OdpsType, path: string[], level: number, depth: number, required: boolean): Walker {
    const place = this.leaves.length;
    const mostDefined = required ? level : level + 1;
    const physical = physicalType(type) as number;
    this.leaves.push({ path, type, physical, required, mostDefined, mostRepeated: depth });
    const note = (level: number, again: number) => {
      this.#shreds[place].defined.push(level);
      this.#shreds[place].repeated.push(again);
    };
    return {
      put: (item, again) => {
        const there = item !== null && item !== undefined;
        note(there ? mostDefined : level, again);
        if (there) this.#shreds[place].values.push(item);
      },
      absent: note,
    };
  }
}

function groupOf(fields: Walker[], parts: ((item: Item) => Item)[], level: number): Walker {
  const absent = (missing: number, again: number) => {
    for (const field of fields) field.absent(missing, again);
  };
  return {
    put(item, again) {
      if (item === null || item === undefined) absent(level, again);
      else for (const [at, field] of fields.entries()) field.put(parts[at](item), again);
    },
    absent,
  };
}

/** Key and value of an entry: they are there or absent together. */
function pairOf(key: Walker, value: Walker): Walker {
  return {
    put(item, again) {
      key.put((item as [Item, Item])[0], again);
      value.put((item as [Item, Item])[1], again);
    },
    absent(level, again) {
      key.absent(level, again);
      value.absent(level, again);
    },
  };
}

function listOf(element: Walker, level: number, depth: number): Walker {
  return {
    put(item, again) {
      if (item === null || item === undefined) element.absent(level, again);
      else if ((item as Item[]).length === 0) element.absent(level + 1, again);
      else for (const [at, one] of (item as Item[]).entries()) element.put(one, at === 0 ? again : depth + 1);
    },
    absent: (missing, again) => element.absent(missing, again),
  };
}
