import type { Field, Schema } from './types.ts';

/** One link of a field mapping, as far as a load is concerned. */
export interface LoadLink {
  target: string;
  /** Source column, or null for a constant. */
  column: string | null;
}

/**
 * `Load.fields` and `Load.keys` for a mapping: each link's target name with the type that will arrive, and the source's
 * primary key under its target names where every column of it is mapped. A constant arrives as utf8.
 * `missing` names source columns that are not there.
 */
export function loadFields(
  links: readonly LoadLink[],
  source: Schema,
): { fields: Field[]; keys: string[]; missing: string[] } {
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
  const primary = source.keys.find((key) => key.primary)?.columns ?? [];
  const targets = primary.map((column) => links.find((link) => link.column === column)?.target);
  return { fields, missing, keys: targets.every((name) => name !== undefined) ? (targets as string[]) : [] };
}
