import { createHmac } from 'node:crypto';
import type { AccessKey } from './credentials.ts';

export interface SignedRequest {
  method: string;
  /** The decoded path behind the endpoint's own path: `/projects/p/tables/t`. */
  resource: string;
  /** Decoded parameters; an empty value stands for a bare name. */
  query: ReadonlyMap<string, string>;
  /** Names in lower case. */
  headers: { readonly [name: string]: string | undefined };
}

/**
 * The text that is signed: method, MD5, type, date, `x-odps-` headers and parameters, resource with decoded query.
 * Both signature versions share it.
 */
export function canonicalString(request: SignedRequest): string {
  const lines = new Map<string, string>([
    ['content-md5', request.headers['content-md5'] ?? ''],
    ['content-type', request.headers['content-type'] ?? ''],
    ['date', request.headers.date ?? ''],
  ]);
  for (const [name, value] of Object.entries(request.headers))
    if (name.startsWith('x-odps-')) lines.set(name, `${name}:${value ?? ''}`);
  for (const [name, value] of request.query) if (name.startsWith('x-odps-')) lines.set(name, `${name}:${value}`);
  const named = [...lines.keys()].sort().map((name) => lines.get(name) as string);
  const query = [...request.query.keys()].sort().map((name) => {
    const value = request.query.get(name);
    return value === '' ? name : `${name}=${value}`;
  });
  return [
    request.method,
    ...named,
    query.length === 0 ? request.resource : `${request.resource}?${query.join('&')}`,
  ].join('\n');
}

const hmac256 = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text, 'utf8').digest();
const hmac1 = (key: string | Buffer, text: string) => createHmac('sha1', key).update(text, 'utf8').digest('base64');

/** The value of `Authorization`. With a region, version 4 (`day` is yyyyMMdd in UTC); without, the classic one. */
export function authorization(key: AccessKey, canonical: string, region: { name: string; day: string } | null): string {
  if (region === null) return `ODPS ${key.accessId}:${hmac1(key.accessKey, canonical)}`;
  const daily = hmac256(`aliyun_v4${key.accessKey}`, region.day);
  const signing = hmac256(hmac256(hmac256(daily, region.name), 'odps'), 'aliyun_v4_request');
  return `ODPS ${key.accessId}/${region.day}/${region.name}/odps/aliyun_v4_request:${hmac1(signing, canonical)}`;
}
