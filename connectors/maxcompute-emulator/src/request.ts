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
  /** Path and query, decoded, for people and for faults. */
  text: string;
  /** A fault: the connection breaks after this many bytes of the body. */
  cutAfter?: number;
}

const decoded = (text: string) => {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Refusal(400, 'InvalidURI', `"${text}" is not percent-encoded UTF-8.`);
  }
};

export function parseRequest(message: IncomingMessage): Request {
  const url = message.url ?? '/';
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = new Map<string, string>();
  for (const pair of mark < 0 ? [] : url.slice(mark + 1).split('&')) {
    const at = pair.indexOf('=');
    const [name, value] = at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
    // Of a name that comes twice the first counts.
    if (pair !== '' && !query.has(decoded(name))) query.set(decoded(name), decoded(value.replaceAll('+', ' ')));
  }
  const segments = path
    .split('/')
    .filter((one) => one !== '')
    .map(decoded);
  const text = `/${segments.join('/')}${query.size === 0 ? '' : `?${[...query].map(([name, value]) => (value === '' ? name : `${name}=${value}`)).join('&')}`}`;
  return {
    method: message.method ?? 'GET',
    path: segments[0] === 'api' ? segments.slice(1) : segments,
    query,
    headers: message.headers,
    message,
    text,
  };
}

const MOST_SKEW_MS = 15 * 60_000;

/** Checks date and signature, of either version. @throws Refusal */
export function authenticate(request: Request, keys: AccessKey, now: number): void {
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
  const date = Date.parse(String(request.headers.date ?? ''));
  if (Number.isNaN(date))
    throw new Refusal(400, 'MissingRequiredHeaderError', 'The Date header is missing, or is no date.');
  if (Math.abs(date - now) > MOST_SKEW_MS)
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
  const rightDay = day === undefined || day === new Date(date).toISOString().slice(0, 10).replaceAll('-', '');
  const wanted = authorization(keys, canonical, day === undefined ? null : { name: region ?? '', day });
  if (wanted !== given || !rightDay)
    throw new Refusal(401, 'ODPS-0410042', 'ODPS-0410042:Invalid signature value - User signature does not match');
}

const MOST_TEXT = 4 * 1024 * 1024;

export async function bodyText(message: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of message.iterator({ destroyOnReturn: false })) {
    bytes += (part as Buffer).length;
    if (bytes > MOST_TEXT)
      throw new Refusal(400, 'MaxMessageLengthExceeded', `This body has at most ${MOST_TEXT} bytes.`);
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString('utf8');
}
