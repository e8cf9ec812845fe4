import type { IncomingMessage } from 'node:http';
import { type AccessKey, authorization, canonicalString } from '@sampan/maxcompute';
import { Refusal } from './refusal.ts';

/** A request taken apart: decoded path segments behind `/api`, decoded parameters. */
export interface Request {
  method: string;
  path: string[];
  query: Map<string, string>;
  headers: IncomingMessage['headers'];
  message: IncomingMessage;
}

const decoded = (text: string) => {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Refusal(400, 'InvalidParameter', `"${text}" is not percent-encoded UTF-8.`);
  }
};

export function parseRequest(message: IncomingMessage): Request {
  const [path, search = ''] = (message.url ?? '/').split('?', 2);
  const query = new Map<string, string>();
  for (const pair of search.split('&').filter((one) => one !== '')) {
    const at = pair.indexOf('=');
    const name = decoded(at < 0 ? pair : pair.slice(0, at));
    if (!query.has(name)) query.set(name, at < 0 ? '' : decoded(pair.slice(at + 1).replaceAll('+', '%2B')));
  }
  const segments = path
    .split('/')
    .filter((one) => one !== '')
    .map(decoded);
  return {
    method: message.method ?? 'GET',
    path: segments[0] === 'api' ? segments.slice(1) : segments,
    query,
    headers: message.headers,
    message,
  };
}

const MOST_SKEW_MS = 15 * 60_000;

/** Checks date and signature. @throws Refusal */
export function authenticate(request: Request, keys: AccessKey, skewMs: number): void {
  const given = request.headers.authorization ?? '';
  const match = /^ODPS ([^:]+):(.+)$/.exec(given);
  if (match === null)
    throw new Refusal(
      401,
      'Unauthorized',
      'ODPS-0410042:Invalid signature value - the Authorization header is missing or not of the form "ODPS id:signature"',
    );
  const [accessId, day, region] = match[1].split('/');
  if (accessId !== keys.accessId)
    throw new Refusal(401, 'ODPS-0410051', 'ODPS-0410051:Invalid credentials - accessKeyId not found');
  const date = Date.parse(String(request.headers.date ?? request.headers['x-odps-date'] ?? ''));
  if (Number.isNaN(date)) throw new Refusal(400, 'MissingParameter', 'The Date header is missing.');
  if (Math.abs(date - (Date.now() + skewMs)) > MOST_SKEW_MS)
    throw new Refusal(
      403,
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
    );
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : value]),
  );
  const canonical = canonicalString({
    method: request.method,
    resource: `/${request.path.join('/')}`,
    query: request.query,
    headers,
  });
  const wanted = authorization(keys, canonical, day === undefined ? null : { name: region, day });
  if (wanted !== given)
    throw new Refusal(401, 'ODPS-0410042', 'ODPS-0410042:Invalid signature value - User signature does not match');
}

export async function bodyText(message: IncomingMessage, most = 4 * 1024 * 1024): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of message) {
    bytes += (part as Buffer).length;
    if (bytes > most) throw new Refusal(413, 'InvalidParameter', `A body has at most ${most} bytes.`);
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString('utf8');
}
