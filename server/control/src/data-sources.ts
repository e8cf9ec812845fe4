import { type Failure, isConnectorError, type Json } from '@sampan/connector';
import type { End } from '@sampan/hosts/messages';
import { and, asc, desc, eq, gt, ilike, inArray, lt, type SQL } from 'drizzle-orm';
import { requireRole, visibleWorkspaces } from './access.ts';
import { recordChange } from './audit.ts';
import type { Actor, ConnectorEntry, Control } from './context.ts';
import { uniqueViolation } from './database-errors.ts';
import { conflict, type Issue, invalid, issue, notFound } from './errors.ts';
import { countRows, cutPage, decodeCursor, encodeCursor, type Page, type PageArgs, pageSize } from './paging.ts';
import { once } from './requests.ts';
import { type Options, seal, unseal, valueAt, without, withSecrets } from './secrets.ts';
import { dataSources } from './tables/index.ts';

export type DataSource = typeof dataSources.$inferSelect;

export interface CreateDataSource {
  workspaceId: string;
  connector: string;
  name: string;
  description?: string | null | undefined;
  options: Options;
  secrets?: Options | null | undefined;
  allowCustomSql?: boolean | null | undefined;
  use?: ('READ' | 'WRITE')[] | null | undefined;
  requestId?: string | null | undefined;
}

/** @throws ValidationError, ConflictError (name taken), NotFoundError, ForbiddenError */
export async function createDataSource(control: Control, actor: Actor, input: CreateDataSource): Promise<DataSource> {
  await requireRole(control, actor, input.workspaceId, 'DEVELOPER');
  const connector = usableConnector(control, input.connector);
  const secrets = input.secrets ?? {};
  const name = input.name.trim();
  const issues = [...nameIssues(name), ...secretIssues(connector, input.options, secrets)];
  if (issues.length > 0) throw invalid(issues);
  const options = await parseOptions(control, connector, input.workspaceId, withSecrets(input.options, secrets));
  const id = await once(
    control,
    actor,
    { mutation: 'createDataSource', requestId: input.requestId, content: input },
    async (tx) => {
      try {
        const [row] = await tx
          .insert(dataSources)
          .values({
            workspaceId: input.workspaceId,
            name,
            description: input.description ?? '',
            connector: connector.name,
            options,
            secretNames: Object.keys(secrets),
            allowCustomSql: input.allowCustomSql ?? true,
            use: input.use ?? ['READ', 'WRITE'],
          })
          .returning({ id: dataSources.id });
        if (Object.keys(secrets).length > 0) {
          await tx
            .update(dataSources)
            .set({ sealed: seal(control.keys, row.id, secrets) })
            .where(eq(dataSources.id, row.id));
        }
        const changes = [{ path: [], before: null, after: { name, connector: connector.name, options } }];
        await recordChange(tx, actor, {
          workspaceId: input.workspaceId,
          action: 'createDataSource',
          objectId: row.id,
          changes,
        });
        return row.id;
      } catch (error) {
        if (uniqueViolation(error) !== 'data_sources_name') throw error;
        throw conflict('NAME_TAKEN', `There is a data source called "${name}" already.`, 'Choose another name.');
      }
    },
  );
  return getDataSource(control, actor, id);
}

/** @throws NotFoundError */
export async function getDataSource(control: Control, actor: Actor, id: string): Promise<DataSource> {
  const [row] = await dataSourcesByIds(control, actor, [id]);
  if (row === undefined) throw notFound('data source', id);
  return row;
}

/** Those of the ids that exist and the actor may see, in no particular order. */
export async function dataSourcesByIds(control: Control, actor: Actor, ids: readonly string[]): Promise<DataSource[]> {
  const workspaceIds = await visibleWorkspaces(control, actor);
  if (workspaceIds.length === 0 || ids.length === 0) return [];
  return control.db
    .select()
    .from(dataSources)
    .where(and(inArray(dataSources.id, [...ids]), inArray(dataSources.workspaceId, workspaceIds)));
}

export interface DataSourceFilter {
  search?: string | null | undefined;
  connector?: string | null | undefined;
}

/** Ordered by name. */
export async function listDataSources(
  control: Control,
  actor: Actor,
  workspaceId: string,
  filter: DataSourceFilter,
  args: PageArgs,
): Promise<Page<DataSource>> {
  await requireRole(control, actor, workspaceId, 'VIEWER');
  const { limit, backward } = pageSize(args);
  const wanted: SQL[] = [eq(dataSources.workspaceId, workspaceId)];
  if (filter.connector) wanted.push(eq(dataSources.connector, filter.connector));
  if (filter.search) wanted.push(ilike(dataSources.name, likeAnywhere(filter.search)));
  const where = and(...wanted);
  const cursor = backward ? args.before : args.after;
  const beyond = cursor ? (backward ? lt : gt)(dataSources.name, decodeCursor(cursor, 1)[0]) : undefined;
  const rows = await control.db
    .select()
    .from(dataSources)
    .where(and(where, beyond))
    .orderBy(backward ? desc(dataSources.name) : asc(dataSources.name))
    .limit(limit + 1);
  return {
    ...cutPage(rows, args),
    cursorOf: (row) => encodeCursor([row.name]),
    ...(await countRows(control.db, dataSources, where)),
  };
}

export const likeAnywhere = (text: string) => `%${text.replace(/[\\%_]/g, '\\$&')}%`;

/** The data source with its secrets, ready to be opened in a host. @throws NotFoundError, ConflictError (use not granted) */
export async function endOf(control: Control, dataSourceId: string, use: 'READ' | 'WRITE' | null): Promise<End> {
  const [row] = await control.db.select().from(dataSources).where(eq(dataSources.id, dataSourceId));
  if (row === undefined) throw notFound('data source', dataSourceId);
  if (use !== null && !row.use.includes(use)) {
    throw conflict(
      'USE_NOT_GRANTED',
      `Data source "${row.name}" may not be used to ${use === 'READ' ? 'read' : 'write'}.`,
      'Grant that use on the data source.',
    );
  }
  return openedEnd(control, row);
}

export function openedEnd(control: Control, row: DataSource): End {
  const connector = usableConnector(control, row.connector);
  const secrets = row.sealed === null ? {} : unseal(control.keys, row.id, row.sealed);
  return {
    workspace: row.workspaceId,
    connector: row.connector,
    module: connector.module,
    options: withSecrets(row.options, secrets),
  };
}

/** @throws ValidationError naming `connector` */
export function usableConnector(control: Control, name: string): ConnectorEntry {
  const connector = control.connectors.get(name);
  if (connector !== undefined && connector.broken === null) return connector;
  const known = [...control.connectors.values()].filter((one) => one.broken === null).map((one) => one.name);
  const message = connector?.broken
    ? `Connector "${name}" cannot be used: ${connector.broken}`
    : `There is no connector called "${name}".`;
  throw invalid([issue(['connector'], 'UNKNOWN_CONNECTOR', message, `Use one of: ${known.join(', ')}.`)]);
}

/** Options with defaults, without secrets. @throws ValidationError naming the option */
async function parseOptions(
  control: Control,
  connector: ConnectorEntry,
  workspace: string,
  options: Options,
): Promise<Options> {
  const end: End = { workspace, connector: connector.name, module: connector.module, options };
  try {
    return without(await control.hosts.ask('parse', { end }), connector.secrets);
  } catch (error) {
    if (!isConnectorError(error)) throw error;
    throw invalid([optionIssue(error as Pick<Failure, 'code' | 'message' | 'hint'>)]);
  }
}

function optionIssue(failure: Pick<Failure, 'code' | 'message' | 'hint'>): Issue {
  return issue(['options'], failure.code, failure.message, failure.hint);
}

function nameIssues(name: string): Issue[] {
  if (name === '') return [issue(['name'], 'REQUIRED', 'A name is needed.')];
  return name.length > 200 ? [issue(['name'], 'TOO_LONG', 'A name has at most 200 characters.')] : [];
}

/** Secrets belong into `secrets`, and nothing else does. */
export function secretIssues(connector: ConnectorEntry, options: Options, secrets: Options): Issue[] {
  const astray = connector.secrets.filter((path) => valueAt(options, path) !== undefined);
  const unknown = Object.keys(secrets).filter((path) => !connector.secrets.includes(path));
  return [
    ...astray.map((path) =>
      issue(
        ['options', ...path.split('.')],
        'SECRET_IN_OPTIONS',
        `"${path}" is a secret.`,
        'Give it in `secrets`, where it is never shown again.',
      ),
    ),
    ...unknown.map((path) =>
      issue(
        ['secrets', path],
        'UNKNOWN_SECRET',
        `"${path}" is not a secret of this connector.`,
        `Its secrets are: ${connector.secrets.join(', ') || 'none'}.`,
      ),
    ),
  ];
}

export type { Json };
