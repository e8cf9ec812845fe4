import http from 'node:http';
import https from 'node:https';
import { type Agents, CONNECT_MS, type DialOptions, openAgents } from './agents.ts';
import { errorOfAnswer, MaxComputeError } from './errors.ts';
import { aborted, kindOf, networkError, unreachable } from './network-error.ts';
import { type ClientOptions, readOptions, type Settings } from './options.ts';
import { pause } from './pause.ts';
import { type Correction, RequestSigner, type Signature } from './request-signer.ts';

export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** The endpoint to call: the service's or the tunnel's. */
  base: string;
  /** Decoded path behind the endpoint's own. */
  resource: string;
  query?: { [name: string]: string | undefined };
  headers?: { [name: string]: string };
  body?: string | Buffer | undefined;
  signal?: AbortSignal | undefined;
  /** May it be sent again after a failure whose effect is not known? */
  repeatable: boolean;
}

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

const USER_AGENT = 'sampan-maxcompute/0.1';
const TRIES = 5;
/** A refusal for want of a slot has had no effect and says to come again: patience of about a minute. */
const TRIES_THROTTLED = 10;
const MOST_TEXT = 64 * 1024 * 1024;

/** Sends signed requests, and tries again what may be tried again. */
export class Http {
  /** What was given but the keys, so that it may be printed. */
  readonly options: Settings;
  readonly #agents: Agents;
  readonly #signer: RequestSigner;
  readonly #signatures = new WeakMap<http.ClientRequest, Signature>();
  readonly #corrections = new WeakMap<MaxComputeError, { what: Correction; original: MaxComputeError }>();

  /** @throws MaxComputeError `BadOption` */
  constructor(options: ClientOptions) {
    const { settings, credentials, proxy } = readOptions(options);
    this.options = settings;
    this.#agents = openAgents(settings, proxy);
    this.#signer = new RequestSigner(credentials, settings.region);
  }

  /** Closes kept-alive connections. */
  close(): void {
    this.#agents.close();
  }

  /** The whole answer of a call. @throws MaxComputeError for every answer that is not a success */
  async call(call: Call): Promise<Answer> {
    return this.#again(call, async () => {
      const response = await this.#opened(call);
      return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) };
    });
  }

  /** The answer's head, once it is a success; its body is the caller's to read or to destroy. */
  async stream(call: Call): Promise<http.IncomingMessage> {
    return this.#again(call, () => this.#opened(call));
  }

  /** A signed request whose body the caller writes; `once` on a connection of its own. */
  async open(
    call: Omit<Call, 'body' | 'repeatable'>,
    headers: { [name: string]: string } = {},
    once = false,
  ): Promise<http.ClientRequest> {
    if (call.signal?.aborted) throw aborted();
    const base = new URL(call.base);
    const query = new Map(
      Object.entries(call.query ?? {}).filter((one): one is [string, string] => one[1] !== undefined),
    );
    const secure = base.protocol === 'https:';
    const agents = { 'user-agent': USER_AGENT, 'x-odps-user-agent': USER_AGENT };
    const signed = await this.#signer.sign({ ...call, query, headers: { ...agents, ...headers, ...call.headers } });
    if (call.signal?.aborted) throw aborted();
    const { agent, forward } = this.#agents.get(base, once);
    const path = pathOf(base, call.resource, query);
    if (forward?.authorization !== undefined) signed.headers['proxy-authorization'] = forward.authorization;
    const how: http.RequestOptions & DialOptions = {
      method: call.method,
      host: base.hostname.replace(/^\[|\]$/g, ''),
      port: base.port === '' ? (secure ? 443 : 80) : Number(base.port),
      path: forward === null ? path : `${base.origin}${path}`,
      headers: signed.headers,
      agent,
      ...(call.signal === undefined ? {} : { signal: call.signal, dialSignal: call.signal }),
    };
    const request = (secure ? https : http).request(how);
    this.#signatures.set(request, signed.signature);
    return request;
  }

  /** Settles with the answer's head, or with what went wrong on the way. */
  answer(request: http.ClientRequest): Promise<http.IncomingMessage> {
    const { timeoutMs = 120_000, connectTimeoutMs = CONNECT_MS } = this.options;
    request.setTimeout(timeoutMs, () => request.destroy(unreachable(`nothing came for ${timeoutMs} ms`)));
    limitConnecting(request, connectTimeoutMs);
    return new Promise((resolve, reject) => {
      request.once('response', resolve);
      // For good: an error may follow the one that settled this.
      request.on('error', (error) => reject(networkError(error)));
    });
  }

  /** The error that an answer is. Learns from it what was amiss with the signature, for the next request. */
  refusal(
    status: number,
    body: string,
    headers: http.IncomingHttpHeaders,
    request?: http.ClientRequest,
  ): MaxComputeError {
    const error = errorOfAnswer(status, body, headers);
    const signature = request === undefined ? undefined : this.#signatures.get(request);
    const learned = signature === undefined ? null : this.#signer.learn(error, headers.date, signature);
    if (learned === null) return error;
    const hint = 'Send it again: the credentials are renewed for the next request.';
    const told = learned === 'credentials' ? error.with({ kind: 'busy', hint }) : error;
    this.#corrections.set(told, { what: learned, original: error });
    return told;
  }

  async #again<T>(call: Call, send: () => Promise<T>): Promise<T> {
    const corrected = new Set<Correction>();
    for (let attempt = 1; ; attempt++) {
      try {
        return await send();
      } catch (error) {
        if (call.signal?.aborted) throw aborted(error);
        const correction = this.#corrections.get(error as MaxComputeError);
        if (correction !== undefined) {
          if (corrected.has(correction.what)) throw correction.original;
          corrected.add(correction.what);
          continue;
        }
        const wait = this.#waitBefore(call, error, attempt);
        if (wait === null) throw error;
        await pause(wait, call.signal);
      }
    }
  }

  /** Milliseconds to wait before it is sent again; null where it must not be, or was often enough. */
  #waitBefore(call: Call, error: unknown, attempt: number): number | null {
    const known = error instanceof MaxComputeError ? error : null;
    const throttled = known?.status === 429;
    // Without a refusal by name the request may or may not have had its effect.
    if (kindOf(error) !== 'busy' || !(call.repeatable || throttled)) return null;
    if (attempt >= (throttled ? TRIES_THROTTLED : TRIES)) return null;
    const jitter = 0.5 + Math.random() / 2;
    return known?.retryAfterMs ?? Math.min(throttled ? 16_000 : 4_000, 100 * 2 ** attempt) * jitter;
  }

  async #opened(call: Call): Promise<http.IncomingMessage> {
    const request = await this.open(call, call.body === undefined ? {} : { 'content-type': 'application/xml' });
    const answered = this.answer(request);
    request.end(call.body ?? '');
    const response = await answered;
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    throw this.refusal(status, await text(response), response.headers, request);
  }
}

function pathOf(base: URL, resource: string, query: ReadonlyMap<string, string>): string {
  const path = `${base.pathname.replace(/\/$/, '')}${resource.split('/').map(encodeURIComponent).join('/')}`;
  const search = [...query]
    .map(([name, value]) =>
      value === '' ? encodeURIComponent(name) : `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
    )
    .join('&');
  return search === '' ? path : `${path}?${search}`;
}

/** Node's own timeout begins once a connection stands; an address that swallows packets would hold it for minutes. */
function limitConnecting(request: http.ClientRequest, millis: number): void {
  request.once('socket', (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(() => request.destroy(unreachable(`no connection within ${millis} ms`)), millis);
    const stands = () => clearTimeout(timer);
    socket.once('connect', stands);
    request.once('close', stands);
  });
}

/** The body as text. @throws MaxComputeError where the connection breaks, or the text is longer than any answer is */
export async function text(response: http.IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of response) {
      bytes += (part as Buffer).length;
      if (bytes > MOST_TEXT) throw unreachable('its answer is longer than any of MaxCompute');
      parts.push(part as Buffer);
    }
  } catch (error) {
    throw toldBy(networkError(error as Error), response.headers);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** The error with the id of the request in whose answer it was found. */
export function toldBy<E>(error: E, headers: http.IncomingHttpHeaders): E | MaxComputeError {
  const requestId = headers['x-odps-request-id'];
  if (!(error instanceof MaxComputeError) || error.requestId !== null || typeof requestId !== 'string') return error;
  return error.with({ requestId });
}
