import { type Field, type Schema, type SuggestedLinks, suggestLinks, verdict } from '@sampan/connector';
import { requireRole } from './access.ts';
import type { Actor, Control } from './context.ts';
import { describeNow } from './data-objects.ts';
import { getDataSource } from './data-sources.ts';
import type { LinkDefinition } from './definitions.ts';
import { type Issue, issue } from './errors.ts';

export type MappingRule = 'SAME_NAME' | 'SAME_NAME_LOOSE' | 'SAME_POSITION';

export interface CheckedLink {
  target: string;
  column: string;
  /** Position of the target column, from 1. */
  targetPosition: number;
  verdict: ReturnType<typeof verdict>['verdict'];
  reason: string;
}

export interface MappingEnds {
  source: { dataSourceId: string; objects: string[] };
  target: { dataSourceId: string; object: string; create?: boolean | null | undefined };
}

/**
 * Links by rule, each with its verdict. Where the target is to be created, every source column is linked to one of the
 * same name. @throws NotFoundError, ForbiddenError, ConnectorError
 */
export async function suggestMapping(
  control: Control,
  actor: Actor,
  ends: MappingEnds,
  rule: MappingRule,
): Promise<SuggestedLinks> {
  const from = await getDataSource(control, actor, ends.source.dataSourceId);
  const to = await getDataSource(control, actor, ends.target.dataSourceId);
  await requireRole(control, actor, from.workspaceId, 'DEVELOPER');
  const source = await describeNow(control, from, ends.source.objects[0] ?? '');
  const target = await describeNow(control, to, ends.target.object).catch((error: unknown) => {
    if (ends.target.create && (error as { kind?: string }).kind === 'missing') return null;
    throw error;
  });
  return suggestLinks(source.fields, target === null ? source.fields : writableFields(target), rule);
}

/** Columns that a link may name: the ordinary ones that the system does not compute itself. */
export function writableFields(schema: Schema): Field[] {
  const partitions = new Set(schema.partitionFields.map((field) => field.name));
  return schema.fields.filter((field) => !field.generated && !partitions.has(field.name));
}

/** The verdict on every link whose two ends are known, and what must be mended first. `wanted` are the target's columns by link. */
export function checkLinks(
  mapping: LinkDefinition[],
  source: Schema,
  wanted: Field[],
): { links: CheckedLink[]; issues: Issue[] } {
  const byName = new Map(source.fields.map((field) => [field.name, field]));
  const links: CheckedLink[] = [];
  const issues: Issue[] = [];
  mapping.forEach((link, index) => {
    const to = wanted[index];
    const from: Field['type'] | undefined = link.column === null ? { kind: 'utf8' } : byName.get(link.column)?.type;
    if (to === undefined || from === undefined) return;
    const found = verdict(from, to.type);
    links.push({ target: link.target, column: link.column ?? '', targetPosition: index + 1, ...found });
    const path = ['mapping', String(index)];
    if (found.verdict === 'IMPOSSIBLE') {
      issues.push(
        issue(
          path,
          'IMPOSSIBLE',
          `"${link.column ?? link.constant}" cannot go into "${link.target}": ${found.reason}`,
          'Link another column, or leave this one out.',
        ),
      );
    } else if (found.verdict === 'LOSSY' && link.column !== null && link.onLossy === 'REFUSE') {
      issues.push(
        issue(
          [...path, 'onLossy'],
          'LOSSY',
          `"${link.column}" loses something in "${link.target}": ${found.reason}`,
          'Choose ALLOW, or DIRTY for the rows that would lose.',
        ),
      );
    }
  });
  return { links, issues };
}

/** Links to source columns that are not there. */
export function missingColumns(mapping: LinkDefinition[], source: Schema): Issue[] {
  const names = new Set(source.fields.map((field) => field.name));
  return mapping.flatMap((link, index) =>
    link.column === null || names.has(link.column)
      ? []
      : [
          issue(
            ['mapping', String(index), 'column'],
            'NO_SUCH_COLUMN',
            `${source.object} has no column "${link.column}".`,
            `Its columns are: ${[...names].slice(0, 50).join(', ')}.`,
          ),
        ],
  );
}
