import type { IncomingMessage, ServerResponse } from 'node:http';
import { escapeXml } from '@sampan/maxcompute';
import { Refusal } from './refusal.ts';

export interface Reply {
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

export const json = (value: object, status = 200): Reply => ({ type: 'json', body: JSON.stringify(value), status });

export function send(response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.status ?? 200, {
    ...(reply.body === undefined ? {} : { 'content-type': TYPES[reply.type ?? 'xml'] }),
    ...reply.headers,
  });
  response.end(reply.body ?? '');
}

/** Answers with an error: JSON to the tunnel's clients, XML to the others. */
export function refuse(message: IncomingMessage, response: ServerResponse, id: string, error: unknown): void {
  if (response.headersSent || response.destroyed || message.socket.destroyed) {
    response.destroy();
    return;
  }
  const known =
    error instanceof Refusal
      ? error
      : new Refusal(500, 'InternalServerError', `The emulator failed: ${(error as Error).message}`);
  if (!(error instanceof Refusal)) process.stderr.write(`${(error as Error).stack}\n`);
  // Clients that send their whole body before they look at the answer must be able to.
  message.resume();
  const hold = known.holdMillis === undefined ? {} : { HoldClientMillis: known.holdMillis };
  if (isTunnel(message.url ?? ''))
    send(response, json({ Code: known.code, Message: known.message, RequestId: id, ...hold }, known.status));
  else send(response, { status: known.status, body: errorXml(known, id) });
}

const isTunnel = (url: string) =>
  /[?&](uploads|uploadid|downloads|downloadid)\b|\/(streams|upserts|preview)\b/.test(url);

function errorXml({ code, message }: Refusal, id: string): string {
  const text = message.replaceAll(']]>', ']]]]><![CDATA[>');
  return `<?xml version="1.0"?><Error><Code>${escapeXml(code)}</Code><Message><![CDATA[${text}]]></Message><RequestId>${id}</RequestId><HostId>emulator</HostId></Error>`;
}
