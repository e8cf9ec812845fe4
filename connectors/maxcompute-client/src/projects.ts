import type { Http } from './http.ts';
import { resourceOf } from './resource.ts';
import { ask, dateOf, pages, strange } from './rest.ts';
import { elements, textOf } from './xml.ts';

export interface Project {
  name: string;
  owner: string;
  comment: string;
  /** `AVAILABLE`, `FROZEN` and others. */
  state: string;
  /** Id of the region, where the service tells it. */
  region: string | null;
  createdAt: Date | null;
  changedAt: Date | null;
  /** Such as `odps.schema.model.enabled`, `odps.sql.type.system.odps2`, `odps.sql.timezone`, `READ_TABLE_MAX_ROW`. */
  properties: { [name: string]: string };
}

/**
 * The project of the client; also the check that it can be reached with these credentials.
 * @throws MaxComputeError kind `missing` or `auth`; `UnreadableAnswer` where the endpoint is something else
 */
export async function getProject(http: Http, signal?: AbortSignal): Promise<Project> {
  const answer = await ask(http, resourceOf('projects', http.options.project), {}, signal);
  const { body, headers } = answer;
  if (textOf(body, 'Project') === undefined) throw strange(answer);
  return {
    ...projectOf(body, http.options.project),
    ...(headers['x-odps-owner'] === undefined ? {} : { owner: String(headers['x-odps-owner']) }),
    createdAt: dateOf(headers['x-odps-creation-time']),
    changedAt: dateOf(headers['last-modified']),
  };
}

export interface ProjectFilter {
  /** What names begin with. */
  prefix?: string | undefined;
  owner?: string | undefined;
}

/** The projects that the account may see, page by page, without their properties. */
export async function* listProjects(
  http: Http,
  { prefix, owner }: ProjectFilter = {},
  signal?: AbortSignal,
): AsyncGenerator<Project> {
  for await (const page of pages(http, '/projects', { name: prefix, owner }, signal))
    for (const { content } of elements(page, 'Project')) yield projectOf(content, '');
}

function projectOf(xml: string, name: string): Project {
  const properties = elements(xml, 'Property').map(({ content }) => [
    textOf(content, 'Name') ?? '',
    textOf(content, 'Value') ?? '',
  ]);
  return {
    name: textOf(xml, 'Name') ?? name,
    owner: textOf(xml, 'Owner') ?? '',
    comment: textOf(xml, 'Comment') ?? '',
    state: textOf(xml, 'State') ?? '',
    region: textOf(xml, 'Region') || null,
    createdAt: dateOf(textOf(xml, 'CreationTime')),
    changedAt: dateOf(textOf(xml, 'LastModifiedTime')),
    properties: Object.fromEntries(properties) as { [name: string]: string },
  };
}
