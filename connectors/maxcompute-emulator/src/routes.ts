import type { ServerResponse } from 'node:http';
import type { Downloads } from './downloads.ts';
import { instancesXml, instanceXml } from './instance-xml.ts';
import type { Instances } from './instances.ts';
import { chosenInstances, tablesByName } from './lists.ts';
import { partitionsXml, partitionXml, projectXml, tablesXml, tableXml } from './metadata.ts';
import { Refusal } from './refusal.ts';
import { json, type Reply } from './reply.ts';
import { bodyText, type Request } from './request.ts';
import { answerSchemas, DEFAULT_SCHEMA, keyOf } from './schemas.ts';
import type { Sessions } from './sessions.ts';
import type { Storage } from './storage.ts';
import type { Streams } from './streams.ts';
import type { Uploads } from './uploads.ts';
import type { UpsertSessions } from './upsert-sessions.ts';
import type { Upserts } from './upserts.ts';

/** What the routes lead to. */
export interface Services {
  storage: Storage;
  sessions: Sessions;
  upsertSessions: UpsertSessions;
  uploads: Uploads;
  downloads: Downloads;
  instances: Instances;
  streams: Streams;
  upserts: Upserts;
}

const STARTED = new Date().toUTCString();
const nothingAt = ({ path }: Request) => new Refusal(404, 'NoSuchObject', `There is nothing at /${path.join('/')}.`);

/** The answer to a request whose signature was checked; null where it is already on its way. @throws Refusal */
export async function route(
  projects: ReadonlyMap<string, Services>,
  request: Request,
  response: ServerResponse,
): Promise<Reply | null> {
  const [root, project, ...rest] = request.path;
  if (root !== 'projects') throw nothingAt(request);
  if (project === undefined) {
    const listed = [...projects.keys()].map(projectXml).join('');
    return { body: `<Projects><Marker/><MaxItems>1000</MaxItems>${listed}</Projects>` };
  }
  const services = projects.get(project.toLowerCase());
  if (services === undefined) throw new Refusal(404, 'NoSuchProject', `ODPS-0420111:Project not found - '${project}'.`);
  const { storage } = services;
  if (rest[0] === 'schemas' && rest.length <= 2)
    return answerSchemas(storage.schemas, storage.project, request, rest[1]?.toLowerCase());
  const inSchema = rest[0] === 'schemas';
  const schema = (inSchema ? rest[1] : request.query.get('curr_schema')) || DEFAULT_SCHEMA;
  const [kind, name, ...more] = inSchema ? rest.slice(2) : rest;
  if (kind === undefined) {
    return {
      body: projectXml(storage.project),
      headers: { 'x-odps-owner': 'emulator', 'x-odps-creation-time': STARTED, 'last-modified': STARTED },
    };
  }
  if (kind === 'tunnel') return { type: 'text', body: String(request.headers.host) };
  if (kind === 'instances' && more.length === 0) return instance(services, request, response, name);
  if (kind !== 'tables') throw nothingAt(request);
  if (name === undefined) {
    const byName = request.method === 'POST' && request.query.has('query');
    return { body: await (byName ? tablesByName : tablesXml)(storage, request, schema.toLowerCase()) };
  }
  const key = keyOf(schema, name);
  if (more.length === 1 && more[0] === 'streams') return services.streams.answer(request, key);
  if (more.length === 1 && more[0] === 'upserts') return services.upserts.answer(request, key);
  if (more.length === 1 && more[0] === 'preview' && request.method === 'GET') {
    await services.downloads.preview(request, key, response);
    return null;
  }
  if (more.length > 0) throw new Refusal(501, 'NotImplemented', `The emulator has no ${more.join('/')} of tables.`);
  return table(services, request, response, key);
}

async function instance(
  services: Services,
  request: Request,
  response: ServerResponse,
  id: string | undefined,
): Promise<Reply | null> {
  const { instances, storage, downloads } = services;
  if (request.method === 'POST' && id === undefined) {
    const made = instances.submit(await bodyText(request.message), request.query.get('curr_schema'));
    return {
      status: 201,
      headers: { location: `http://${request.headers.host}/api/projects/${storage.project}/instances/${made.id}` },
    };
  }
  if (id === undefined) return { body: instancesXml(chosenInstances(instances.list(), request.query)) };
  if (request.query.has('downloads') && request.method === 'POST')
    return json(await downloads.createOf(request, instances.find(id)), 201);
  if (request.query.has('downloadid')) return download(services, request, response);
  if (request.method === 'PUT') {
    instances.stop(id);
    return {};
  }
  const found = instances.find(id);
  const headers = {
    'x-odps-owner': 'emulator',
    'x-odps-start-time': found.startedAt.toUTCString(),
    'x-odps-end-time': found.endedAt?.toUTCString() ?? '',
  };
  if (request.query.has('instancesummary'))
    return { ...json({ Instance: { JsonSummary: '{}', Summary: '' } }), headers };
  return { body: instanceXml(found, request.query), headers };
}

async function table(
  services: Services,
  request: Request,
  response: ServerResponse,
  name: string,
): Promise<Reply | null> {
  const { storage, uploads, downloads } = services;
  const { query, method } = request;
  if (query.has('uploads') && method === 'POST') return json(await uploads.create(request, name), 201);
  const upload = query.get('uploadid');
  if (upload !== undefined) {
    if (method === 'PUT') {
      await uploads.write(request, name, upload);
      return {};
    }
    return json(method === 'POST' ? await uploads.commit(name, upload) : await uploads.reload(name, upload));
  }
  if (query.has('downloads') && method === 'POST') return json(await downloads.create(request, name), 201);
  if (query.has('downloadid')) return download(services, request, response);
  if (method !== 'GET') throw new Refusal(405, 'MethodNotAllowed', `${method} is not for tables.`);
  if (query.has('partitions')) return { body: await partitionsXml(storage, name, request) };
  const partition = query.get('partition');
  if (partition !== undefined) return { body: await partitionXml(storage, name, partition) };
  return { body: tableXml(storage.project, await storage.require(name)) };
}

async function download({ downloads }: Services, request: Request, response: ServerResponse): Promise<Reply | null> {
  if (!request.query.has('data')) return json(downloads.reload(request));
  await downloads.send(request, response);
  return null;
}
