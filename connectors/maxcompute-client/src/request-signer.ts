import { CredentialHolder } from './credential-holder.ts';
import type { CredentialProvider, Credentials } from './credentials.ts';
import type { MaxComputeError } from './errors.ts';
import { authorization, canonicalString } from './signing.ts';

/** What was amiss with a signature and is put right for the next request. */
export type Correction = 'clock' | 'credentials' | 'version';

export interface Unsigned {
  method: string;
  /** The endpoint to call, which is not signed. */
  base: string;
  resource: string;
  query: ReadonlyMap<string, string>;
  headers: { [name: string]: string };
  signal?: AbortSignal | undefined;
}

/** How a request was signed, to learn from its refusal. */
export interface Signature {
  base: string;
  credentials: Credentials;
  version: 2 | 4 | null;
}

const EXPIRED_CODES = ['AuthenticationRequestExpired', 'ExpiredToken', 'InvalidSecurityToken.Expired'];

/** Dates and signs requests; learns the service's clock, that credentials have ended, and who knows no version 4. */
export class RequestSigner {
  readonly #holder: CredentialHolder;
  readonly #region: string | undefined;
  /** How far the service's clock is ahead of ours, in milliseconds, once it complained. */
  #skewMs = 0;
  readonly #classic = new Set<string>();

  constructor(credentials: Credentials | CredentialProvider, region: string | undefined) {
    this.#holder = new CredentialHolder(credentials);
    this.#region = region;
  }

  /** The headers, signed, and with what. */
  async sign(request: Unsigned): Promise<{ headers: { [name: string]: string }; signature: Signature }> {
    const credentials = await this.#holder.get(request.signal);
    const now = new Date(Date.now() + this.#skewMs);
    const headers: { [name: string]: string } = { date: now.toUTCString(), ...request.headers };
    const signature: Signature = { base: request.base, credentials, version: null };
    if ('bearerToken' in credentials) headers['x-odps-bearer-token'] = credentials.bearerToken;
    if (!('accessId' in credentials)) return { headers, signature };
    const region = this.#classic.has(request.base) ? undefined : this.#region;
    const canonical = canonicalString({ ...request, headers });
    const day = now.toISOString().slice(0, 10).replaceAll('-', '');
    headers.authorization = authorization(credentials, canonical, region === undefined ? null : { name: region, day });
    if (credentials.securityToken !== undefined) headers['authorization-sts-token'] = credentials.securityToken;
    signature.version = region === undefined ? 2 : 4;
    return { headers, signature };
  }

  /** What it learned from a refusal; null where the refusal is not about the signature, or nothing can be done. */
  learn(error: MaxComputeError, date: string | undefined, used: Signature): Correction | null {
    if (error.code === 'RequestTimeTooSkewed') {
      const theirs = Date.parse(date ?? '');
      if (Number.isNaN(theirs)) return null;
      this.#skewMs = theirs - Date.now();
      return 'clock';
    }
    if (isExpired(error)) return this.#holder.expired(used.credentials) ? 'credentials' : null;
    if (used.version !== 4 || !refusesVersion4(error)) return null;
    this.#classic.add(used.base);
    return 'version';
  }
}

function isExpired(error: MaxComputeError): boolean {
  return (
    EXPIRED_CODES.includes(error.code) || (error.kind === 'auth' && /token\b.{0,40}\bexpired/i.test(error.message))
  );
}

/** As pyodps tells it, `RestClient.request`. */
function refusesVersion4({ code, message }: MaxComputeError): boolean {
  if (code === 'InternalServerError') return /need ak v3 support|accesskey acl denied/i.test(message);
  if (code === 'InvalidParameter') return message.includes('ODPS-0410051');
  return (code === 'AuthorizationRequired' || code === 'Unauthorized') && message.includes('invalid or missing');
}
