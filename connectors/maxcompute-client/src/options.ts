import type { LookupFunction, Socket } from 'node:net';
import {
  type AccessKey,
  badOption,
  type CredentialProvider,
  type Credentials,
  checkCredentials,
} from './credentials.ts';
import { type HttpProxy, parseProxy } from './proxy.ts';

/** Opens a connection in place of `net.connect`. What it throws reaches the caller as it is. */
export type Dial = (address: { host: string; port: number }, signal?: AbortSignal) => Promise<Socket>;

/** Where the service is, and how it is spoken to. Holds no secret once it is in `Http.options`. */
export interface Settings {
  /** `https://service.cn-hangzhou.maxcompute.aliyun.com/api` */
  endpoint: string;
  project: string;
  /** Found by asking the service where absent. */
  tunnelEndpoint?: string | undefined;
  /** Schema of a project with three-tier names. */
  schema?: string | undefined;
  /** Signs with version 4 where given. */
  region?: string | undefined;
  /** Name of the tunnel quota. */
  quota?: string | undefined;
  /** Milliseconds that a connection may be silent (default 120,000). */
  timeoutMs?: number | undefined;
  /** Milliseconds until a connection must stand (default 10,000). */
  connectTimeoutMs?: number | undefined;
  /**
   * `http://[user:password@]host:port` of a proxy for both endpoints, or `false` for none. Absent: the one that
   * `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` name, unless there is a `dial`. https endpoints are reached by CONNECT.
   */
  proxy?: string | false | undefined;
  /** For programs that choose which addresses may be reached. Of a proxy it is asked for the proxy alone. */
  dial?: Dial | undefined;
  /** Resolves names in place of `dns.lookup`. Not asked where there is a `dial`. */
  lookup?: LookupFunction | undefined;
}

/** With an access key, or with credentials of another kind, or with what gives them. */
export type ClientOptions = Settings & (AccessKey | { credentials: Credentials | CredentialProvider });

/** Options taken apart, so that what holds the settings can be printed. @throws MaxComputeError `BadOption` */
export function readOptions(options: ClientOptions): {
  settings: Settings;
  credentials: Credentials | CredentialProvider;
  /** Of the options; null: none is to be used. */
  proxy: HttpProxy | null | undefined;
} {
  const {
    accessId,
    accessKey,
    securityToken,
    credentials,
    proxy: given,
    ...settings
  } = options as Settings & Partial<AccessKey> & { credentials?: Credentials | CredentialProvider };
  for (const name of ['endpoint', 'tunnelEndpoint'] as const) {
    const address = settings[name];
    if (address !== undefined && !isEndpoint(address)) throw badOption(name, 'it is not an http or https address');
  }
  if (settings.project === '') throw badOption('project', 'it is empty');
  if (credentials !== undefined && accessId !== undefined)
    throw badOption('credentials', 'there is an access id beside it');
  const proxy = given === false ? null : given === undefined ? undefined : parseProxy(given);
  if (typeof credentials === 'function') return { settings, credentials, proxy };
  const key = { accessId, accessKey, securityToken } as AccessKey;
  return { settings, credentials: checkCredentials(credentials ?? key), proxy };
}

function isEndpoint(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return /^https?:$/.test(url.protocol) && url.username === '' && url.search === '' && url.hash === '';
}
