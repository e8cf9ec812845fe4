import type { Field } from './types.ts';
import { type TypeVerdict, verdict } from './verdict.ts';

export type MappingRuleName = 'SAME_NAME' | 'SAME_NAME_LOOSE' | 'SAME_POSITION';

export interface SuggestedLink extends TypeVerdict {
  target: string;
  column: string;
  /** Position of the target column, from 1. */
  targetPosition: number;
}

export interface SuggestedLinks {
  /** In the order of the target's columns. */
  links: SuggestedLink[];
  unmappedSource: string[];
  unmappedTarget: string[];
}

/** From the closest likeness to the loosest: a column of exactly that name is never given to another. */
const LIKENESS: ((name: string) => string)[] = [
  (name) => name,
  (name) => name.toLowerCase(),
  (name) => name.toLowerCase().replaceAll('_', ''),
];

/**
 * Links by rule, each column used once. Names are compared without regard to letter case; loosely, `_` is ignored as well.
 * An impossible link is suggested too, with its verdict: whoever looks at the mapping sees why it will not do.
 */
export function suggestLinks(
  source: readonly Field[],
  target: readonly Field[],
  rule: MappingRuleName,
): SuggestedLinks {
  const from = rule === 'SAME_POSITION' ? target.map((_, index) => source[index]) : byName(source, target, rule);
  const links = target.flatMap((field, index): SuggestedLink[] => {
    const column = from[index];
    if (column === undefined) return [];
    return [
      { target: field.name, column: column.name, targetPosition: index + 1, ...verdict(column.type, field.type) },
    ];
  });
  const used = new Set(from);
  return {
    links,
    unmappedSource: source.filter((field) => !used.has(field)).map((field) => field.name),
    unmappedTarget: target.filter((_, index) => from[index] === undefined).map((field) => field.name),
  };
}

/** The source column for each target column, by its place. */
function byName(source: readonly Field[], target: readonly Field[], rule: MappingRuleName): (Field | undefined)[] {
  const found: (Field | undefined)[] = target.map(() => undefined);
  const free = new Set(source);
  for (const like of LIKENESS.slice(0, rule === 'SAME_NAME_LOOSE' ? 3 : 2)) {
    const byLikeness = new Map<string, Field>();
    for (const field of free) if (!byLikeness.has(like(field.name))) byLikeness.set(like(field.name), field);
    target.forEach((field, index) => {
      const one = byLikeness.get(like(field.name));
      if (found[index] !== undefined || one === undefined || !free.delete(one)) return;
      found[index] = one;
    });
  }
  return found;
}
