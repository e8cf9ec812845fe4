import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { type ClientOptions, createClient } from '../src/index.ts';

/** A request as a server gets it. */
export interface Got {
  method: string;
  /** Decoded. */
  path: string;
  query: Map<string, string>;
  headers: IncomingHttpHeaders;
  request: IncomingMessage;
  body(): Promise<Buffer>;
}

export type Reply = (got: Got, response: ServerResponse) => unknown;

function read(request: IncomingMessage): Got {
  const [path, search = ''] = (request.url ?? '').split('?');
  const pairs = search === '' ? [] : search.split('&').map((pair) => pair.split('='));
  return {
    method: request.method ?? '',
    path: decodeURIComponent(path),
    query: new Map(pairs.map(([name, value = '']) => [decodeURIComponent(name), decodeURIComponent(value)])),
    headers: request.headers,
    request,
    async body() {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      return Buffer.concat(parts);
    },
  };
}

/** A server for one test that answers as `reply` says, and a client of it. Both end with the test. */
export async function service(reply: Reply, options: Partial<ClientOptions> = {}) {
  const got: Got[] = [];
  const server = createServer(async (request, response) => {
    const one = read(request);
    got.push(one);
    await reply(one, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const given = { endpoint: `${url}/api`, tunnelEndpoint: url, project: 'proj', accessId: 'id', accessKey: 'key' };
  const client = createClient({ ...given, ...options });
  onTestFinished(async () => {
    client.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { client, http: client.http, got, url, port };
}

/** One reply after another; the last one for all further requests. */
export function inTurn(...replies: Reply[]): Reply {
  let at = 0;
  return (got, response) => replies[Math.min(at++, replies.length - 1)](got, response);
}

export const json =
  (status: number, body: unknown, headers: { [name: string]: string } = {}): Reply =>
  async (got, response) => {
    await got.body();
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
  };

/** The connection breaks in place of an answer. */
export const reset: Reply = async (got, response) => {
  await got.body().catch(() => {});
  response.destroy();
};
