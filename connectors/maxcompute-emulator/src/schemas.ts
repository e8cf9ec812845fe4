import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { escapeXml, textOf } from '@sampan/maxcompute';
import { readJson, replaceJson, syncPath } from './files.ts';
import { Refusal } from './refusal.ts';
import type { Reply } from './reply.ts';
import { bodyText, type Request } from './request.ts';

export interface Schema {
  name: string;
  comment: string;
  createdAt: string;
}

/** The schema that tables are in where none is named. It is always there. */
export const DEFAULT_SCHEMA = 'default';

const NAME = /^[a-z][a-z0-9_]{0,127}$/;

/** A table's name within its project: `orders` in the schema `default`, `sales.orders` in another one. */
export const keyOf = (schema: string, table: string) =>
  schema.toLowerCase() === DEFAULT_SCHEMA ? table.toLowerCase() : `${schema}.${table}`.toLowerCase();

/** The other way round. */
export function partsOfKey(key: string): { schema: string; table: string } {
  const at = key.indexOf('.');
  return at < 0 ? { schema: DEFAULT_SCHEMA, table: key } : { schema: key.slice(0, at), table: key.slice(at + 1) };
}

export const noSuchSchema = (name: string) =>
  new Refusal(404, 'NoSuchSchema', `ODPS-0422155:Schema not found - schema ${name} cannot be resolved`);

/** The schemas of a project: a folder `schemas/<name>` each, with a `schema.json` and its own `tables`. */
export interface Schemas {
  list(): Promise<Schema[]>;
  get(name: string): Promise<Schema | undefined>;
  /** False where there is one already. @throws Refusal */
  create(name: string, comment: string): Promise<boolean>;
  /** False where there is none. @throws Refusal while it has tables */
  drop(name: string): Promise<boolean>;
}

/** @param tables tells the tables of a schema */
export async function openSchemas(folder: string, tables: (schema: string) => Promise<string[]>): Promise<Schemas> {
  const all = join(folder, 'schemas');
  await mkdir(all, { recursive: true });
  const first: Schema = { name: DEFAULT_SCHEMA, comment: '', createdAt: new Date(0).toISOString() };
  const get = async (name: string) => {
    const lower = name.toLowerCase();
    if (lower === DEFAULT_SCHEMA) return first;
    return NAME.test(lower) ? readJson<Schema>(join(all, lower, 'schema.json')) : undefined;
  };
  return {
    get,
    async list() {
      const found = await Promise.all((await readdir(all)).sort().map(get));
      return [first, ...found.filter((one) => one !== undefined)];
    },
    async create(name, comment) {
      const lower = name.toLowerCase();
      if (!NAME.test(lower))
        throw new Refusal(400, 'InvalidParameter', `"${name}" is not a name for a schema: letters, digits and _.`);
      if ((await get(lower)) !== undefined) return false;
      await mkdir(join(all, lower, 'tables'), { recursive: true });
      await replaceJson(join(all, lower, 'schema.json'), { name: lower, comment, createdAt: new Date().toISOString() });
      await syncPath(all);
      return true;
    },
    async drop(name) {
      const lower = name.toLowerCase();
      if (lower === DEFAULT_SCHEMA) throw new Refusal(400, 'InvalidParameter', 'The schema "default" stays.');
      if ((await get(lower)) === undefined) return false;
      if ((await tables(lower)).length > 0)
        throw new Refusal(400, 'InvalidParameter', `Schema ${lower} is not empty: drop its tables first.`);
      // Out of the way in one step, as a table is.
      const gone = join(folder, `dropped-${lower}-${Date.now().toString(36)}`);
      await rename(join(all, lower), gone);
      await syncPath(all);
      await rm(gone, { recursive: true, force: true });
      return true;
    },
  };
}

const schemaXml = (project: string, { name, comment, createdAt }: Schema) => {
  const time = new Date(createdAt).toUTCString();
  return `<Schema><Name>${name}</Name><Project>${project}</Project><Owner>emulator</Owner><Description>${escapeXml(comment)}</Description><Comment>${escapeXml(comment)}</Comment><CreateTime>${time}</CreateTime><ModifyTime>${time}</ModifyTime><ModifiedTime>${time}</ModifiedTime><Type>MANAGED</Type></Schema>`;
};

/** `/projects/P/schemas` and `/projects/P/schemas/S`. @throws Refusal */
export async function answerSchemas(
  schemas: Schemas,
  project: string,
  request: Request,
  name: string | undefined,
): Promise<Reply> {
  const { method, query } = request;
  if (name === undefined && method === 'GET') {
    const prefix = (query.get('name') ?? '').toLowerCase();
    const shown = (await schemas.list()).filter((one) => one.name.startsWith(prefix));
    return {
      body: `<Schemas><Marker/><MaxItems>1000</MaxItems>${shown.map((one) => schemaXml(project, one)).join('')}</Schemas>`,
    };
  }
  if (name === undefined && method === 'POST') {
    const xml = await bodyText(request.message);
    const wanted = textOf(xml, 'Name') ?? '';
    const made = await schemas.create(wanted, textOf(xml, 'Comment') ?? textOf(xml, 'Description') ?? '');
    if (!made && textOf(xml, 'IfNotExists') !== 'true')
      throw new Refusal(409, 'ObjectAlreadyExists', `Schema ${wanted} exists already.`);
    return { status: made ? 201 : 200 };
  }
  if (name !== undefined && method === 'GET') {
    const found = await schemas.get(name);
    if (found === undefined) throw noSuchSchema(name);
    const time = new Date(found.createdAt).toUTCString();
    const headers = { 'x-odps-owner': 'emulator', 'x-odps-creation-time': time, 'last-modified': time };
    return { body: schemaXml(project, found), headers };
  }
  if (name !== undefined && method === 'DELETE') {
    if (!(await schemas.drop(name))) throw noSuchSchema(name);
    return { status: 204 };
  }
  throw new Refusal(405, 'MethodNotAllowed', `${method} is not for schemas.`);
}
