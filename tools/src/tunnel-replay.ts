import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type BodyFormat, openEncoder, parseType } from '@sampan/maxcompute';
import { BATCH, columnsOf } from './bench-columns.ts';

/**
 * A MaxCompute for benchmarks, as a process of its own: one table, a tunnel that keeps the first body that is uploaded in
 * each format and sends it to whoever downloads, as fast as the socket takes it; later bodies are read, their rows
 * counted by their trailer, and thrown away. It judges nothing. Where nothing was uploaded it makes the rows while it
 * sends them, and holds none.
 * argv: the columns as JSON, and the rows of a download; no body is kept where that is 0.
 */
const columns = JSON.parse(process.argv[2]) as { name: string; type: string }[];
const rows = Number(process.argv[3]);
const kept = new Map<string, Buffer[]>();
const schema = {
  columns: columns.map((one) => ({ ...one, isNullable: true, nullable: true })),
  partitionKeys: [],
};
/** Of each session, the rows of its blocks. */
const uploads = new Map<string, Map<number, number | null>>();
const committed = new Set<string>();

/** The tag in front of the number of records, and the most bytes from there to the end. */
const COUNT_TAG = Buffer.from('f0ffff7f', 'hex');
const TRAILER_BYTES = 24;

async function take(request: IncomingMessage, format: BodyFormat): Promise<number | null> {
  const first = rows > 0 && !kept.has(format);
  const parts: Buffer[] = [];
  if (first) kept.set(format, parts);
  let tail = Buffer.alloc(0);
  for await (const part of request) {
    if (first) parts.push(part as Buffer);
    tail = Buffer.concat([tail, part as Buffer]).subarray(-TRAILER_BYTES);
  }
  return format === 'records' ? rowsOf(tail) : null;
}

function rowsOf(tail: Buffer): number | null {
  let at = tail.lastIndexOf(COUNT_TAG) + COUNT_TAG.length;
  if (at < COUNT_TAG.length) return null;
  let count = 0;
  for (let weight = 1; ; weight *= 128) {
    count += (tail[at] & 127) * weight;
    if (tail[at++] < 128) return count / 2;
  }
}

function* made(format: BodyFormat): Generator<Buffer> {
  const encoder = openEncoder(
    format,
    columns.map((column) => parseType(column.type)),
  );
  const batch = columnsOf();
  for (let sent = 0; sent < rows; sent += BATCH) yield encoder.encode(batch, BATCH);
  yield encoder.end();
}

async function send(response: ServerResponse, format: BodyFormat): Promise<void> {
  for (const part of kept.get(format) ?? made(format))
    if (!response.write(part)) await new Promise((resolve) => response.once('drain', resolve));
  response.end();
}

function sessionOf(method: string | undefined, query: URLSearchParams): object {
  const id = query.get('uploadid') ?? `u${uploads.size}`;
  if (query.has('uploads')) uploads.set(id, new Map());
  else if (method === 'POST' && query.has('uploadid')) committed.add(id);
  const blocks = [...(uploads.get(id) ?? [])].map(([block, count]) => ({
    BlockID: block,
    ...(count === null ? {} : { RecordCount: count }),
  }));
  return {
    Status: committed.has(id) ? 'closed' : 'normal',
    Schema: schema,
    UploadID: id,
    DownloadID: 'd',
    RecordCount: rows,
    UploadedBlockList: blocks,
  };
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { searchParams: query, pathname } = new URL(request.url ?? '/', 'http://replay');
  const format = query.has('arrow') ? 'arrow' : 'records';
  if (request.method === 'PUT') {
    const count = await take(request, format);
    uploads.get(query.get('uploadid') ?? '')?.set(Number(query.get('blockid')), count);
    response.end();
    return;
  }
  request.resume();
  if (query.has('data')) return send(response, format);
  if (pathname.endsWith('/tunnel')) {
    response.end(`127.0.0.1:${(server.address() as AddressInfo).port}`);
    return;
  }
  if (query.has('uploads') || query.has('uploadid') || query.has('downloads') || query.has('downloadid')) {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(sessionOf(request.method, query)));
    return;
  }
  const name = pathname.split('/').at(-1);
  response.end(`<Table><Name>${name}</Name><Schema><![CDATA[${JSON.stringify(schema)}]]></Schema></Table>`);
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: Error) => response.destroy(error));
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.once('disconnect', () => process.exit());
