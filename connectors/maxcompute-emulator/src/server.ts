import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AccessKey } from '@sampan/maxcompute';
import { answerFaults, cutAnswer } from './fault-requests.ts';
import type { Fault, Faults, Operation } from './faults.ts';
import { Refusal } from './refusal.ts';
import { refuse, send } from './reply.ts';
import { authenticate, parseRequest, type Request } from './request.ts';
import { route, type Services } from './routes.ts';
import { statusPage } from './status-page.ts';

export interface ServerParts {
  projects: ReadonlyMap<string, Services>;
  faults: Faults;
  /** Whether `/__faults` is there. */
  openFaults: boolean;
  keys: AccessKey;
  skewMs: number;
  /** Tunnel requests at a time. */
  slots: number;
}

/** A server, and the requests that it is working on. */
export interface HttpServer {
  server: Server;
  /** Ends it: new requests are not taken, those under way are cut off and waited for. */
  close(): Promise<void>;
}

interface State {
  recent: string[];
  busySlots: number;
}

const RECENT = 50;
const KEEP_ALIVE_MS = 75_000;

export function createHttpServer(parts: ServerParts): HttpServer {
  const state: State = { recent: [], busySlots: 0 };
  const busy = new Set<Promise<void>>();
  const server = createServer((message, response) => {
    const id = `${Date.now().toString(16)}${randomBytes(8).toString('hex')}`.toUpperCase();
    response.setHeader('x-odps-request-id', id);
    const work = handle(parts, state, message, response).catch((error: unknown) =>
      refuse(message, response, id, error),
    );
    busy.add(work);
    void work.finally(() => busy.delete(work));
  });
  // Blocks may take long; idle connections are kept for as long as clients keep theirs.
  server.requestTimeout = 0;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  return {
    server,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      await Promise.all(busy);
    },
  };
}

async function handle(
  parts: ServerParts,
  state: State,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const request = parseRequest(message);
  if (request.path.length === 0)
    return send(response, {
      type: 'html',
      body: await statusPage([...parts.projects.values()], state.recent, request.query.get('find') ?? ''),
    });
  // Browsers ask for it beside the page.
  if (request.path[0] === 'favicon.ico') return send(response, { status: 204 });
  if (parts.openFaults && request.path[0] === '__faults')
    return send(response, await answerFaults(parts.faults, request));
  state.recent.unshift(`${new Date().toISOString()} ${request.method} ${request.text}`);
  state.recent.length = Math.min(state.recent.length, RECENT);
  const operation = operationOf(request);
  const fault = parts.faults.take(operation, request.text);
  authenticate(
    request,
    parts.keys,
    Date.now() + parts.skewMs + (fault?.kind === 'skew' ? (fault.millis ?? 3_600_000) : 0),
  );
  if (await strike(parts, fault, request, response)) return;
  const tunnel = operation !== 'submit' && operation !== 'instances' && operation !== 'metadata';
  if (tunnel && state.busySlots >= parts.slots)
    throw new Refusal(429, 'SlotExceeded', `Your slot quota is exceeded: ${parts.slots} at a time.`, 100);
  if (tunnel) state.busySlots++;
  try {
    const reply = await route(parts.projects, request, response);
    if (fault?.kind === 'lostAnswer') message.socket.destroy();
    else if (reply !== null) send(response, reply);
  } finally {
    if (tunnel) state.busySlots--;
  }
}

/** Does what a fault does before the request has its effect. True: the request is done with. @throws Refusal */
async function strike(
  parts: ServerParts,
  fault: Fault | undefined,
  request: Request,
  response: ServerResponse,
): Promise<boolean> {
  const { socket } = request.message;
  switch (fault?.kind) {
    case 'delay':
      await new Promise((resolve) => setTimeout(resolve, fault.millis ?? 1_000));
      return false;
    case 'reset':
      socket.resetAndDestroy();
      return true;
    case 'lostRequest':
      for await (const _ of request.message.iterator({ destroyOnReturn: false }));
      socket.destroy();
      return true;
    case 'unavailable':
      throw new Refusal(
        fault.status ?? 502,
        'InternalServerError',
        'ODPS-0010000:System internal error - the emulator was told to fail',
      );
    case 'throttle':
      throw new Refusal(429, 'SlotExceeded', 'Your slot quota is exceeded.', fault.millis ?? 50);
    case 'cut':
      if (request.method === 'PUT') request.cutAfter = fault.bytes ?? 0;
      else cutAnswer(response, fault.bytes ?? 0);
      return false;
    case 'expire':
      for (const { sessions, upsertSessions } of parts.projects.values())
        await Promise.all([sessions.forget(true), upsertSessions.forget(true)]);
      return false;
    default:
      return false;
  }
}

const ON_SESSION: { [method: string]: Operation } = {
  PUT: 'writeBlock',
  POST: 'commitUpload',
  DELETE: 'abortUpload',
};

function operationOf({ method, query, path }: Request): Operation {
  if (query.has('uploadid') || query.has('upsertid')) return ON_SESSION[method] ?? 'reloadUpload';
  const part = path.at(-1);
  if (query.has('uploads') || (method === 'POST' && (part === 'streams' || part === 'upserts'))) return 'createUpload';
  if (query.has('downloads')) return 'createDownload';
  if (query.has('downloadid')) return 'readRows';
  if (path[2] !== 'instances') return 'metadata';
  return method === 'POST' ? 'submit' : 'instances';
}
