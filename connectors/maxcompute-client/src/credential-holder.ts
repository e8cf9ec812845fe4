import { type CredentialProvider, type Credentials, checkCredentials } from './credentials.ts';
import { MaxComputeError } from './errors.ts';
import { aborted, kindOf } from './network-error.ts';

/** Renewed this long before they end, or once nine tenths of their life are over, whichever is later. */
const EARLY_MS = 300_000;
const EARLY_SHARE = 0.1;
/** How long a provider may take, and how long one that failed is left alone while the old ones still hold. */
const PROVIDER_MS = 60_000;
const RESPITE_MS = 10_000;

/** Holds what requests are signed with, and has it renewed; requests that wait for it share one renewal. */
export class CredentialHolder {
  readonly #provider: CredentialProvider | null;
  #current: Credentials | null = null;
  #renewAt = Number.POSITIVE_INFINITY;
  #renewing: Promise<Credentials> | null = null;

  constructor(given: Credentials | CredentialProvider) {
    this.#provider = typeof given === 'function' ? given : null;
    if (typeof given !== 'function') this.#current = given;
  }

  /** @throws MaxComputeError `CredentialsUnavailable`; `Aborted` */
  async get(signal?: AbortSignal): Promise<Credentials> {
    if (this.#current !== null && Date.now() < this.#renewAt) return this.#current;
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = null;
    });
    return untilAborted(this.#renewing, signal);
  }

  /** Told that the service takes these for ended. True where others can be had, or were already got. */
  expired(used: Credentials): boolean {
    if (this.#provider === null) return false;
    if (used === this.#current) {
      this.#current = null;
    }
    return true;
  }

  async #renew(): Promise<Credentials> {
    const began = Date.now();
    const old = this.#current;
    try {
      const fresh = checkCredentials(await limited((this.#provider as CredentialProvider)()));
      this.#current = fresh;
      const ends = fresh.expiresAt === undefined ? Number.POSITIVE_INFINITY : Number(fresh.expiresAt);
      this.#renewAt = ends - Math.min(EARLY_MS, Math.max(0, ends - began) * EARLY_SHARE);
      return fresh;
    } catch (error) {
      if (old === null || Number(old.expiresAt) <= Date.now())
        throw error instanceof MaxComputeError ? error : unavailable(error);
      this.#renewAt = Math.min(Date.now() + RESPITE_MS, Number(old.expiresAt));
      return old;
    }
  }
}

async function limited<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no credentials within ${PROVIDER_MS} ms`)), PROVIDER_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  let stop = () => {};
  const ended = new Promise<never>((_, reject) => {
    stop = () => reject(aborted(signal.reason));
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, ended]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Without the provider's own words, which may hold what is secret; they are the cause. */
function unavailable(cause: unknown): MaxComputeError {
  return new MaxComputeError({
    code: 'CredentialsUnavailable',
    kind: kindOf(cause) ?? 'auth',
    message: 'The credential provider gave no credentials that can be used.',
    hint: 'See the cause; the option "credentials" is the provider.',
    cause,
  });
}
