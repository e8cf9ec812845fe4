import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Actor, authenticate, type Control, type EventHub } from '@sampan/control';
import { type Context, createLoaders, maskError, schema } from '@sampan/schema';
import type { ExecutionArgs, GraphQLError } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { createYoga, type YogaServerInstance } from 'graphql-yoga';
import { WebSocketServer } from 'ws';
import type { Config } from './config.ts';
import { EXAMPLES } from './examples.ts';
import { StartError } from './start-error.ts';

export interface HttpServer {
  url: string;
  close(): Promise<void>;
}

type Served = YogaServerInstance<{ actor?: Actor | null }, Context>;

/** GraphQL over HTTP and WebSocket on one path, health beside it. @throws StartError where the port is taken */
export async function startHttp(control: Control, hub: EventHub, config: Config): Promise<HttpServer> {
  const yoga = createGraphql(control, hub, config);
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0];
    if (path === '/') {
      response.writeHead(302, { location: '/graphql' }).end();
    } else if (path === '/healthz') {
      response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n');
    } else if (path === '/readyz') {
      control.sql`select 1`.then(
        () => response.writeHead(200, { 'content-type': 'text/plain' }).end('ready\n'),
        () => response.writeHead(503, { 'content-type': 'text/plain' }).end('the database does not answer\n'),
      );
    } else void yoga(request, response);
  });
  await listening(server, config);
  const sockets = serveSockets(server, yoga, control, config);
  const { port } = server.address() as AddressInfo;
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  return {
    url: `http://${host}:${port}`,
    async close() {
      await sockets();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

async function listening(server: Server, config: Config): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      reject(
        new StartError(
          taken ? 'PORT_IN_USE' : 'CANNOT_LISTEN',
          taken
            ? `Port ${config.port} on ${config.host} is in use.`
            : `The server cannot listen on ${config.host}:${config.port} (${error.code}).`,
          'Choose another with SAMPAN_PORT; 0 takes any free one.',
        ),
      );
    });
    server.listen(config.port, config.host, () => resolve());
  });
}

function createGraphql(control: Control, hub: EventHub, config: Config): Served {
  const mask = (error: unknown) =>
    maskError(error, (cause, traceId) => control.log.error({ err: cause, traceId }, 'a request failed unexpectedly'));
  return createYoga<{ actor?: Actor | null }, Context>({
    schema,
    graphqlEndpoint: '/graphql',
    landingPage: false,
    logging: false,
    cors: config.corsOrigins.length === 0 ? false : { origin: config.corsOrigins, credentials: true },
    maskedErrors: { maskError: mask },
    graphiql: {
      title: 'Sampan',
      defaultQuery: EXAMPLES,
      subscriptionsProtocol: 'WS',
      headers: '{ "Authorization": "Bearer …" }',
    },
    // All of the page comes from this server: yoga's own would load scripts, which see the token, from somebody else's.
    renderGraphiQL: async (options) => (await import('@graphql-yoga/render-graphiql')).renderGraphiQL(options),
    context: async ({ request, actor }): Promise<Context> =>
      contextOf(
        control,
        hub,
        actor !== undefined ? actor : await actorOf(control, request.headers.get('authorization')),
      ),
  }) as unknown as Served;
}

function contextOf(control: Control, hub: EventHub, actor: Actor | null): Context {
  return { control, hub, actor, loaders: createLoaders(control, actor) };
}

async function actorOf(control: Control, header: string | null | undefined): Promise<Actor | null> {
  const token = /^Bearer\s+(\S+)$/i.exec(header ?? '')?.[1];
  return token === undefined ? null : authenticate(control, token);
}

/** A token may be revoked or expire while its socket is open: it is looked at again this often. */
const RECHECK_MS = 30_000;

function serveSockets(server: Server, yoga: Served, control: Control, config: Config): () => Promise<void> {
  const sockets = new WebSocketServer({
    server,
    path: '/graphql',
    maxPayload: 1024 * 1024,
    verifyClient: ({ req }: { req: IncomingMessage }) => sameOrigin(req, config),
  });
  const served = useServer(
    {
      execute: (args: ExecutionArgs) =>
        (args as unknown as { rootValue: { execute(args: ExecutionArgs): never } }).rootValue.execute(args),
      subscribe: (args: ExecutionArgs) =>
        (args as unknown as { rootValue: { subscribe(args: ExecutionArgs): never } }).rootValue.subscribe(args),
      onConnect: async (connection) => {
        const header = String(
          connection.connectionParams?.authorization ?? connection.connectionParams?.Authorization ?? '',
        );
        const actor = await actorOf(control, header);
        if (actor === null) return false;
        const timer = setInterval(() => {
          actorOf(control, header).then(
            (still) => {
              if (still === null) connection.extra.socket.close(4403, 'Forbidden');
            },
            () => {},
          );
        }, RECHECK_MS);
        connection.extra.socket.once('close', () => clearInterval(timer));
        Object.assign(connection.extra, { actor });
        return true;
      },
      onSubscribe: async (connection, _id, params) => {
        const { actor } = connection.extra as unknown as { actor: Actor };
        const {
          schema: enveloped,
          execute,
          subscribe,
          contextFactory,
          parse,
          validate,
        } = yoga.getEnveloped({
          ...connection,
          req: connection.extra.request,
          socket: connection.extra.socket,
          params,
          actor,
          request: new Request('http://socket/graphql'),
        });
        const document = parse(params.query);
        const errors = validate(enveloped, document);
        if (errors.length > 0) return errors as GraphQLError[];
        return {
          schema: enveloped,
          operationName: params.operationName,
          document,
          variableValues: params.variables,
          contextValue: await contextFactory(),
          rootValue: { execute, subscribe },
        } as never;
      },
    },
    sockets,
  );
  return async () => {
    await served.dispose();
  };
}

/** A browser says where the page came from; pages of other sites may not use the viewer's network to reach this server. */
function sameOrigin(request: IncomingMessage, config: Config): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined) return true;
  try {
    return new URL(origin).host === host || config.corsOrigins.includes(origin);
  } catch {
    return false;
  }
}
