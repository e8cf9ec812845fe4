import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * A tunnel for benchmarks, as a process of its own: it keeps the first body that is uploaded in each format and sends it
 * to whoever downloads, as fast as the socket takes it; later bodies are read and thrown away. It judges nothing.
 * argv: the columns as JSON, and the rows that a kept body has.
 */
const columns = JSON.parse(process.argv[2]) as { name: string; type: string }[];
const rows = Number(process.argv[3]);
const kept = new Map<string, Buffer[]>();
const schema = { columns: columns.map((one) => ({ ...one, nullable: true })), partitionKeys: [] };

async function keep(request: IncomingMessage, format: string): Promise<void> {
  const first = !kept.has(format);
  const parts: Buffer[] = [];
  if (first) kept.set(format, parts);
  for await (const part of request) if (first) parts.push(part as Buffer);
}

async function send(response: ServerResponse, format: string): Promise<void> {
  for (const part of kept.get(format) ?? [])
    if (!response.write(part)) await new Promise((resolve) => response.once('drain', resolve));
  response.end();
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { searchParams: query, pathname } = new URL(request.url ?? '/', 'http://replay');
  const format = query.has('arrow') ? 'arrow' : 'records';
  if (request.method === 'PUT') {
    await keep(request, format);
    response.end();
    return;
  }
  request.resume();
  if (query.has('data')) return send(response, format);
  if (pathname.endsWith('/tunnel')) {
    response.end(`127.0.0.1:${(server.address() as AddressInfo).port}`);
    return;
  }
  const session = { Status: 'normal', Schema: schema, UploadID: 'u', DownloadID: 'd', RecordCount: rows };
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ ...session, UploadedBlockList: [{ BlockID: 0 }] }));
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: Error) => response.destroy(error));
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.once('disconnect', () => process.exit());
