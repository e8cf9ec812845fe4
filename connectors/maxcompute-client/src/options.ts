import type { LookupFunction, Socket } from 'node:net';
import type { AccessKey } from './credentials.ts';
import { MaxComputeError } from './errors.ts';

/** Opens a connection in place of `net.connect`. What it throws reaches the caller as it is. */
export type Dial = (address: { host: string; port: number }, signal?: AbortSignal) => Promise<Socket>;

/** Where the service is, and how it is spoken to. */
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
  /** For programs that choose which addresses may be reached. */
  dial?: Dial | undefined;
  /** Resolves names in place of `dns.lookup`. Not asked where there is a `dial`. */
  lookup?: LookupFunction | undefined;
}

export interface ClientOptions extends Settings, AccessKey {}

/** Options taken apart, so that what holds the settings can be printed. @throws MaxComputeError `BadOption` */
export function readOptions(options: ClientOptions): { settings: Settings; key: AccessKey } {
  const { accessId, accessKey, securityToken, ...settings } = options;
  for (const name of ['endpoint', 'tunnelEndpoint'] as const) {
    const given = settings[name];
    if (given !== undefined && !isEndpoint(given)) throw badOption(name, 'it is not an http or https address');
  }
  if (settings.project === '') throw badOption('project', 'it is empty');
  if (accessKey === '') throw badOption('accessKey', 'it is empty');
  for (const [name, value] of Object.entries({ accessId, securityToken })) {
    // They become parts of headers.
    if (value !== undefined && !/^[\x21-\x7e]+$/.test(value))
      throw badOption(name, 'it is empty or has characters that none has');
  }
  return { settings, key: { accessId, accessKey, securityToken } };
}

function isEndpoint(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return /^https?:$/.test(url.protocol) && url.username === '' && url.search === '' && url.hash === '';
}

function badOption(name: string, what: string): MaxComputeError {
  return new MaxComputeError({
    code: 'BadOption',
    kind: 'config',
    message: `Option "${name}" cannot be used: ${what}.`,
    hint: `Correct the option "${name}".`,
  });
}
