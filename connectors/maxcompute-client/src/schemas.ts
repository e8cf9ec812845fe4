import { MaxComputeError } from './errors.ts';
import type { Http } from './http.ts';
import { resourceOf } from './resource.ts';
import { ask, dateOf, isAbsent, pages } from './rest.ts';
import { runSql } from './sql.ts';
import { elements, textOf } from './xml.ts';

/** A schema of a project with three-tier names. */
export interface SchemaInfo {
  name: string;
  owner: string;
  comment: string;
  createdAt: Date | null;
  changedAt: Date | null;
}

const schemaOf = (xml: string): SchemaInfo => ({
  name: textOf(xml, 'Name') ?? '',
  owner: textOf(xml, 'Owner') ?? '',
  comment: textOf(xml, 'Comment') ?? textOf(xml, 'Description') ?? '',
  createdAt: dateOf(textOf(xml, 'CreateTime')),
  changedAt: dateOf(textOf(xml, 'ModifiedTime') ?? textOf(xml, 'ModifyTime')),
});

/** Where a service has no requests about schemas, SQL knows their names. As pyodps does it, `with_schema_api_fallback`. */
const hasNoSchemas = (error: unknown) =>
  error instanceof MaxComputeError && ['MethodNotAllowed', 'InvalidParameter', 'NotImplemented'].includes(error.code);

/** The schemas of the project, page by page; by SQL, with their names alone, where the service has no request for it. */
export async function* listSchemas(http: Http, signal?: AbortSignal): AsyncGenerator<SchemaInfo> {
  const resource = resourceOf('projects', http.options.project, 'schemas');
  let seen = false;
  try {
    for await (const page of pages(http, resource, { curr_schema: undefined }, signal)) {
      for (const { content } of elements(page, 'Schema')) yield schemaOf(content);
      seen = true;
    }
  } catch (error) {
    if (seen || !hasNoSchemas(error)) throw error;
    const { text } = await runSql(http, 'SHOW SCHEMAS', signal === undefined ? {} : { signal });
    for (const line of text.split('\n')) if (line.trim() !== '') yield schemaOf(`<Name>${line.trim()}</Name>`);
  }
}

/** Undefined where there is no such schema. */
export async function getSchema(http: Http, name: string, signal?: AbortSignal): Promise<SchemaInfo | undefined> {
  try {
    const resource = resourceOf('projects', http.options.project, 'schemas', name.toLowerCase());
    const { body } = await ask(http, resource, { curr_schema: undefined }, signal);
    return { ...schemaOf(body), name: textOf(body, 'Name') ?? name.toLowerCase() };
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
