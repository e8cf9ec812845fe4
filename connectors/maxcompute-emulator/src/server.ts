import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AccessKey } from '@sampan/maxcompute';
import { escapeXml } from '@sampan/maxcompute';
import type { Downloads } from './downloads.ts';
import type { Faults, Operation } from './faults.ts';
import type { Instances } from './instances.ts';
import { partitionsXml, partitionXml, projectXml, tablesXml, tableXml } from './metadata.ts';
import { Refusal } from './refusal.ts';
import { authenticate, bodyText, parseRequest, type Request } from './request.ts';
import { statusPage } from './status-page.ts';
import type { Storage } from './storage.ts';
import type { Uploads } from './uploads.ts';

export interface Parts {
  storage: Storage;
  uploads: Uploads;
  downloads: Downloads;
  instances: Instances;
  faults: Faults;
  keys: AccessKey;
  skewMs: number;
  recent: string[];
}

interface Reply {
  status?: number;
  type?: 'xml' | 'json' | 'text' | 'html';
  body?: string;
  headers?: { [name: string]: string };
}

const TYPES = {
  xml: 'application/xml',
  json: 'application/json',
  text: 'text/plain',
  html: 'text/html; charset=utf-8',
};
const RECENT = 50;

export function createHttpServer(parts: Parts): Server {
  const server = createServer((message, response) => {
    const id = `${Date.now().toString(16)}${randomBytes(8).toString('hex')}`.toUpperCase();
    response.setHeader('x-odps-request-id', id);
    void handle(parts, message, response).catch((error: unknown) => refuse(message, response, id, error));
  });
  server.requestTimeout = 0;
  return server;
}

function refuse(message: IncomingMessage, response: ServerResponse, id: string, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const known =
    error instanceof Refusal
      ? error
      : new Refusal(500, 'InternalServerError', `The emulator failed: ${(error as Error).message}`);
  if (!(error instanceof Refusal)) process.stderr.write(`${(error as Error).stack}\n`);
  // A body that nobody read would keep the connection busy: it is closed instead.
  if (!message.complete) response.setHeader('connection', 'close');
  const tunnel = /[?&](uploads|uploadid|downloads|downloadid)\b/.test(message.url ?? '');
  response.statusCode = known.status;
  if (tunnel) {
    response.setHeader('content-type', TYPES.json);
    response.end(
      JSON.stringify({
        Code: known.code,
        Message: known.message,
        RequestId: id,
        ...(known.holdMillis === undefined ? {} : { HoldClientMillis: known.holdMillis }),
      }),
    );
  } else {
    response.setHeader('content-type', TYPES.xml);
    response.end(
      `<?xml version="1.0"?><Error><Code>${escapeXml(known.code)}</Code><Message><![CDATA[${known.message}]]></Message><RequestId>${id}</RequestId><HostId>emulator</HostId></Error>`,
    );
  }
}

async function handle(parts: Parts, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const request = parseRequest(message);
  parts.recent.unshift(`${new Date().toISOString()} ${request.method} ${message.url ?? ''}`);
  parts.recent.length = Math.min(parts.recent.length, RECENT);
  if (request.path.length === 0) return send(response, { type: 'html', body: await statusPage(parts) });
  authenticate(request, parts.keys, parts.skewMs);
  const operation = operationOf(request);
  const fault = parts.faults.take(operation);
  if (fault?.kind === 'delay') await new Promise((resolve) => setTimeout(resolve, fault.millis ?? 1_000));
  if (fault?.kind === 'reset' || fault?.kind === 'lostRequest') return void message.socket.destroy();
  if (fault?.kind === 'unavailable')
    throw new Refusal(502, 'InternalServerError', 'ODPS-0010000:System internal error');
  if (fault?.kind === 'throttle') throw new Refusal(429, 'SlotExceeded', 'Your slot quota is exceeded.', 50);
  if (fault?.kind === 'expire') await parts.uploads.expire();
  const reply = await route(parts, request, response);
  if (fault?.kind === 'lostAnswer') return void message.socket.destroy();
  if (reply !== null) send(response, reply);
}

function send(response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.status ?? 200, {
    ...(reply.body === undefined ? {} : { 'content-type': TYPES[reply.type ?? 'xml'] }),
    ...reply.headers,
  });
  response.end(reply.body ?? '');
}

function operationOf({ method, query, path }: Request): Operation {
  if (query.has('uploads')) return 'createUpload';
  if (query.has('uploadid'))
    return method === 'PUT' ? 'writeBlock' : method === 'POST' ? 'commitUpload' : 'reloadUpload';
  if (query.has('downloads')) return 'createDownload';
  if (query.has('downloadid')) return 'readRows';
  return path[2] === 'instances' ? 'instances' : 'metadata';
}

async function route(parts: Parts, request: Request, response: ServerResponse): Promise<Reply | null> {
  const [root, project, ...rest] = request.path;
  if (root !== 'projects') throw new Refusal(404, 'NoSuchObject', `There is nothing at /${request.path.join('/')}.`);
  if (project === undefined)
    return { body: `<Projects><Marker/><MaxItems>1000</MaxItems>${projectXml(parts.storage.project)}</Projects>` };
  if (project.toLowerCase() !== parts.storage.project)
    throw new Refusal(404, 'NoSuchProject', `ODPS-0420111:Project not found - '${project}'.`);
  const place = rest[0] === 'schemas' && rest[1] === 'default' ? rest.slice(2) : rest;
  if (place.length === 0)
    return {
      body: projectXml(parts.storage.project),
      headers: {
        'x-odps-owner': 'emulator',
        'x-odps-creation-time': new Date(0).toUTCString(),
        'last-modified': new Date(0).toUTCString(),
      },
    };
  if (place[0] === 'tunnel') return { type: 'text', body: String(request.headers.host) };
  if (place[0] === 'instances') return instance(parts, request, place[1]);
  if (place[0] === 'tables')
    return place[1] === undefined
      ? { body: await tablesXml(parts.storage, request) }
      : table(parts, request, response, place[1].toLowerCase());
  throw new Refusal(404, 'NoSuchObject', `There is nothing at /${request.path.join('/')}.`);
}

async function instance(parts: Parts, request: Request, id: string | undefined): Promise<Reply> {
  if (request.method === 'POST') {
    const made = await parts.instances.submit(await bodyText(request.message));
    return {
      status: 201,
      headers: { location: `http://${request.headers.host}/api/projects/${parts.storage.project}/instances/${made}` },
    };
  }
  if (id === undefined) return { body: '<Instances><Marker/><MaxItems>1000</MaxItems></Instances>' };
  if (request.method === 'PUT') {
    parts.instances.stop(id);
    return {};
  }
  return parts.instances.show(id, request.query);
}

async function table(parts: Parts, request: Request, response: ServerResponse, name: string): Promise<Reply | null> {
  const { query, method } = request;
  const json = (value: object): Reply => ({ type: 'json', body: JSON.stringify(value) });
  if (query.has('uploads')) return { ...json(await parts.uploads.create(request, name)), status: 201 };
  const upload = query.get('uploadid');
  if (upload !== undefined) {
    if (method === 'PUT') {
      await parts.uploads.write(request, name, upload);
      return {};
    }
    return json(
      method === 'POST' ? await parts.uploads.commit(name, upload) : await parts.uploads.reload(name, upload),
    );
  }
  if (query.has('downloads')) return { ...json(await parts.downloads.create(request, name)), status: 201 };
  if (query.has('downloadid')) {
    await parts.downloads.send(request, response);
    return null;
  }
  if (method !== 'GET') throw new Refusal(405, 'MethodNotAllowed', `${method} is not for tables.`);
  if (query.has('partitions')) return { body: await partitionsXml(parts.storage, name, request) };
  const partition = query.get('partition');
  if (partition !== undefined) return { body: await partitionXml(parts.storage, name, partition) };
  return { body: tableXml(parts.storage.project, await parts.storage.require(name)) };
}
