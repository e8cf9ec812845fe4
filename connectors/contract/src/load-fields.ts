import type { Field, Schema } from './types.ts';

/** One link of a field mapping, as far as a load is concerned. */
export interface LoadLink {
  target: string;
  /** Source column, or null for a constant. */
  column: string | null;
}

/**
 * `Load.fields`, `Load.keys` and `Load.uniqueKeys` for a mapping: each link's target name with the type that will arrive,
 * and the target columns `chosen` as keys, or else the source's primary key under its target names where every column of
 * it is mapped. A constant arrives as utf8. `missing` names source columns that are not there.
 */
export function loadFields(
  links: readonly LoadLink[],
  source: Schema,
  chosen: readonly string[] = [],
): { fields: Field[]; keys: string[]; uniqueKeys: boolean; missing: string[] } {
  const byName = new Map(source.fields.map((field) => [field.name, field]));
  const missing = links.flatMap((link) => (link.column !== null && !byName.has(link.column) ? [link.column] : []));
  const fields = links.map((link): Field => {
    const field = link.column === null ? undefined : byName.get(link.column);
    if (field === undefined)
      return { name: link.target, type: { kind: 'utf8' }, native: '', nullable: true, generated: false };
    const { type, native, nullable, comment } = field;
    return {
      name: link.target,
      type,
      native,
      nullable,
      generated: false,
      ...(comment === undefined ? {} : { comment }),
    };
  });
  const targetsOf = (columns: readonly string[]) => {
    const targets = columns.map((column) => links.find((link) => link.column === column)?.target);
    return targets.every((name) => name !== undefined) ? (targets as string[]) : [];
  };
  const keys = chosen.length > 0 ? [...chosen] : targetsOf(source.keys.find((key) => key.primary)?.columns ?? []);
  // Every column of a unique index among the keys: rows that differ by it differ by them.
  const uniqueKeys = source.keys.some(({ unique, columns }) => {
    const targets = unique ? targetsOf(columns) : [];
    return targets.length > 0 && targets.every((target) => keys.includes(target));
  });
  return { fields, missing, keys, uniqueKeys };
}
