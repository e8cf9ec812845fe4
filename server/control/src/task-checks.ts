import { isConnectorError, type Load, loadFields, type Prepared, type Schema } from '@sampan/connector';
import type { Actor, Control } from './context.ts';
import { describeNow } from './data-objects.ts';
import { type DataSource, dataSourcesByIds, openedEnd } from './data-sources.ts';
import type { LinkDefinition, SourceDefinition, TargetDefinition } from './definitions.ts';
import { type Issue, issue } from './errors.ts';
import { type CheckedLink, checkLinks, missingColumns } from './mappings.ts';

export interface EndsCheck {
  issues: Issue[];
  links: CheckedLink[];
  prepared: Prepared | null;
}

/**
 * Looks at both ends as they are now, and at the mapping between them, the way a run will. Parts that are null are not
 * checked. What a system refuses becomes an issue at the field that caused it.
 */
export async function checkEnds(
  control: Control,
  actor: Actor,
  workspaceId: string | null,
  parts: { source: SourceDefinition | null; target: TargetDefinition | null; mapping: LinkDefinition[] | null },
): Promise<EndsCheck> {
  const { source, target, mapping } = parts;
  const issues: Issue[] = [];
  const ids = [source?.dataSourceId, target?.dataSourceId].filter((id) => id !== undefined);
  const found = new Map((await dataSourcesByIds(control, actor, ids)).map((row) => [row.id, row]));
  const from = source && usable(control, found.get(source.dataSourceId), 'source', workspaceId, issues);
  const to = target && usable(control, found.get(target.dataSourceId), 'target', workspaceId, issues);
  if (from && source && source.where !== null && !from.allowCustomSql)
    issues.push(customSql(['source', 'where'], from));
  if (to && target) issues.push(...customTargetSql(target, to));

  const schema =
    from && source && source.objects.length === 1 ? await described(control, from, source.objects[0], issues) : null;
  if (schema !== null && source !== null) issues.push(...missingSplitKey(source, schema));
  if (schema === null || mapping === null) return { issues, links: [], prepared: null };
  issues.push(...missingColumns(mapping, schema));
  if (!to || !target || issues.some((one) => one.severity === 'ERROR')) return { issues, links: [], prepared: null };
  // Told at the link already; the target would say it again.
  if (new Set(mapping.map((link) => link.target.toLowerCase())).size < mapping.length)
    return { issues, links: [], prepared: null };
  const load = loadOf(target, mapping, schema);
  issues.push(...missingKeys(load));
  if (issues.some((one) => one.severity === 'ERROR')) return { issues, links: [], prepared: null };
  const prepared = await prepare(control, to, load, issues);
  if (prepared === null) return { issues, links: [], prepared: null };
  const checked = checkLinks(mapping, schema, prepared.fields);
  return { issues: [...issues, ...checked.issues], links: checked.links, prepared };
}

function missingSplitKey({ splitKey }: SourceDefinition, schema: Schema): Issue[] {
  if (splitKey === null || schema.fields.some((field) => field.name === splitKey)) return [];
  const message = `${schema.object} has no column "${splitKey}".`;
  return [issue(['source', 'splitKey'], 'NO_SUCH_COLUMN', message, 'Name one of its columns, or leave it out.')];
}

function usable(
  control: Control,
  row: DataSource | undefined,
  side: 'source' | 'target',
  workspaceId: string | null,
  issues: Issue[],
): DataSource | null {
  const path = [side, 'dataSourceId'];
  if (row === undefined || (workspaceId !== null && row.workspaceId !== workspaceId)) {
    issues.push(
      issue(
        path,
        'NO_SUCH_DATA_SOURCE',
        'There is no such data source in this workspace.',
        'Choose one from dataSources.',
      ),
    );
    return null;
  }
  const connector = control.connectors.get(row.connector);
  const [use, role] = side === 'source' ? (['READ', 'SOURCE'] as const) : (['WRITE', 'TARGET'] as const);
  if (connector === undefined || connector.broken !== null) {
    issues.push(
      issue(
        path,
        'CONNECTOR_BROKEN',
        `Connector "${row.connector}" cannot be used: ${connector?.broken ?? 'it is not installed'}.`,
      ),
    );
    return null;
  }
  if (!connector.roles.includes(role)) {
    issues.push(
      issue(path, 'WRONG_ROLE', `Connector "${row.connector}" cannot be a ${side}.`, 'Choose another data source.'),
    );
    return null;
  }
  if (!row.use.includes(use)) {
    issues.push(
      issue(
        path,
        'USE_NOT_GRANTED',
        `Data source "${row.name}" may not be used as a ${side}.`,
        `Grant it the use ${use}.`,
      ),
    );
    return null;
  }
  return row;
}

function customSql(path: string[], row: DataSource): Issue {
  return issue(
    path,
    'CUSTOM_SQL_REFUSED',
    `Data source "${row.name}" allows no SQL of a task's own.`,
    'Leave it out, or allow custom SQL on the data source.',
  );
}

function customTargetSql(target: TargetDefinition, row: DataSource): Issue[] {
  if (row.allowCustomSql) return [];
  const given = { ddl: target.ddl !== null, preSql: target.preSql.length > 0, postSql: target.postSql.length > 0 };
  return Object.entries(given).flatMap(([name, is]) => (is ? [customSql(['target', name], row)] : []));
}

/** Without keys nothing says which row is to be replaced. */
function missingKeys({ mode, keys, fields }: Load): Issue[] {
  const mapped = fields.map((field) => field.name);
  const strange = keys.find((key) => !mapped.includes(key));
  if (strange !== undefined)
    return [
      issue(
        ['target', 'keys'],
        'KEY_NOT_MAPPED',
        `No link leads to the key "${strange}".`,
        'Map it, or choose others.',
      ),
    ];
  if (mode !== 'UPSERT' || keys.length > 0) return [];
  return [
    issue(
      ['target', 'keys'],
      'KEYS_MISSING',
      'UPSERT needs keys, and the source has no primary key that is mapped whole.',
      'Choose the target columns that tell rows apart.',
    ),
  ];
}

async function described(control: Control, row: DataSource, object: string, issues: Issue[]): Promise<Schema | null> {
  try {
    return await describeNow(control, row, object);
  } catch (error) {
    issues.push(failureIssue(error, 'source', 'objects'));
    return null;
  }
}

async function prepare(control: Control, row: DataSource, load: Load, issues: Issue[]): Promise<Prepared | null> {
  try {
    return await control.hosts.ask('prepare', { end: openedEnd(control, row), load });
  } catch (error) {
    issues.push(failureIssue(error, 'target', 'object'));
    return null;
  }
}

/** A failure of a system, told at the field that a person changes to mend it. */
function failureIssue(error: unknown, side: 'source' | 'target', object: string): Issue {
  if (!isConnectorError(error)) throw error;
  const field = error.code.startsWith('KEY') && side === 'target' ? 'keys' : object;
  const path = error.kind === 'auth' || error.kind === 'busy' ? [side, 'dataSourceId'] : [side, field];
  return issue(path, error.code, error.message, error.hint);
}

function loadOf(target: TargetDefinition, mapping: LinkDefinition[], source: Schema): Load {
  const { fields, keys, uniqueKeys } = loadFields(mapping, source, target.keys);
  return {
    object: target.object,
    create: target.create,
    ddl: target.ddl,
    fields,
    keys,
    uniqueKeys,
    mode: target.writeMode,
    partition: target.partition,
    preSql: target.preSql,
    postSql: target.postSql,
    publish: target.publish.toLowerCase() as Load['publish'],
    options: target.options,
  };
}
