import { Refusal } from '../refusal.ts';
import { DEFAULT_SCHEMA, keyOf } from '../schemas.ts';
import type { Storage } from '../storage.ts';
import type { TableName } from './ast.ts';
import type { Settings } from './settings.ts';

/** A table: its project's storage, and its key in there. */
export interface Place {
  storage: Storage;
  table: string;
}

/** Whether `a.b` is schema and table rather than project and table. */
const hasSchemas = (settings: Settings) =>
  settings.get('odps.namespace.schema') === 'true' || settings.get('odps.sql.allow.namespace.schema') === 'true';

/** Where schemas are left out. */
export const defaultSchema = (settings: Settings) =>
  (settings.get('odps.default.schema') ?? DEFAULT_SCHEMA).toLowerCase();

/** @throws Refusal where there is no such project */
export function projectOf(storage: Storage, name: string | null): Storage {
  const found = name === null ? storage : storage.projects.get(name);
  if (found === undefined) throw new Refusal(400, 'ODPS-0420111', `ODPS-0420111:Project not found - '${name}'`);
  return found;
}

/** What a name of a statement means. @throws Refusal where there is no such project */
export function placeOf(storage: Storage, name: TableName, settings: Settings): Place {
  const { project, schema, table } = name;
  if (project !== null && schema === null && hasSchemas(settings)) return { storage, table: keyOf(project, table) };
  // The default schema is that of the project in which the statement runs.
  const own = project === null || project === storage.project;
  const there = projectOf(storage, project);
  return { storage: there, table: keyOf(schema ?? (own ? defaultSchema(settings) : DEFAULT_SCHEMA), table) };
}
