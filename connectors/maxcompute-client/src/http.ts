import http from 'node:http';
import https from 'node:https';
import type { LookupFunction, Socket } from 'node:net';
import { errorOfAnswer, MaxComputeError } from './errors.ts';
import { type AccessKey, authorization, canonicalString } from './signing.ts';

export interface ClientOptions extends AccessKey {
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
  /** Milliseconds that an answer may take to begin (default 120,000). */
  timeoutMs?: number | undefined;
  /** Opens connections in place of `net.connect`, for programs that choose which addresses may be reached. */
  dial?: ((address: { host: string; port: number }, signal?: AbortSignal) => Promise<Socket>) | undefined;
  lookup?: LookupFunction | undefined;
}

export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** The endpoint to call: the service's or the tunnel's. */
  base: string;
  /** Decoded path behind the endpoint's own. */
  resource: string;
  query?: { [name: string]: string | undefined };
  headers?: { [name: string]: string };
  body?: string | undefined;
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
const TUNNEL_HEADERS = {
  'x-odps-tunnel-version': '6',
  'odps-tunnel-date-transform': 'v1',
  'odps-tunnel-sdk-support-schema-evolution': 'true',
};

/** Sends signed requests, and tries again what may be tried again. */
export class Http {
  readonly options: ClientOptions;
  /** How far the service's clock is ahead of ours, in milliseconds, once it complained. */
  #skewMs = 0;
  readonly #agents = new Map<string, http.Agent>();

  constructor(options: ClientOptions) {
    this.options = options;
  }

  /** Closes kept-alive connections. */
  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  /** The whole answer of a call. @throws MaxComputeError for every answer that is not a success */
  async call(call: Call): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(call);
      } catch (error) {
        if (!(error instanceof MaxComputeError) || attempt >= TRIES || call.signal?.aborted) throw error;
        const skewed = error.code === 'RequestTimeTooSkewed' && attempt === 1;
        // Without a status the request may or may not have had its effect.
        const again = error.kind === 'busy' && (call.repeatable || error.status === 429);
        if (!skewed && !again) throw error;
        await pause(error.retryAfterMs ?? Math.min(4_000, 100 * 2 ** attempt) * (0.5 + Math.random() / 2), call.signal);
      }
    }
  }

  async #once(call: Call): Promise<Answer> {
    const request = await this.open(call, call.body === undefined ? {} : { 'content-type': 'application/xml' });
    const answered = this.answer(request);
    request.end(call.body ?? '');
    const response = await answered;
    const body = await text(response);
    const { status, headers } = { status: response.statusCode ?? 0, headers: response.headers };
    if (status >= 200 && status < 300) return { status, headers, body };
    const error = errorOfAnswer(status, body, headers);
    if (error.code === 'RequestTimeTooSkewed' && headers.date !== undefined)
      this.#skewMs = Date.parse(headers.date) - Date.now();
    throw error;
  }

  /** A signed request whose body the caller writes. */
  async open(
    call: Omit<Call, 'body' | 'repeatable'>,
    headers: { [name: string]: string } = {},
  ): Promise<http.ClientRequest> {
    const { options } = this;
    const base = new URL(call.base);
    const query = new Map(
      Object.entries(call.query ?? {}).filter((one): one is [string, string] => one[1] !== undefined),
    );
    const now = new Date(Date.now() + this.#skewMs);
    const signed: { [name: string]: string } = {
      date: now.toUTCString(),
      'user-agent': USER_AGENT,
      'x-odps-user-agent': USER_AGENT,
      ...headers,
      ...call.headers,
    };
    const canonical = canonicalString({ method: call.method, resource: call.resource, query, headers: signed });
    const region =
      options.region === undefined
        ? null
        : { name: options.region, day: now.toISOString().slice(0, 10).replaceAll('-', '') };
    signed.authorization = authorization(options, canonical, region);
    if (options.securityToken !== undefined) signed['authorization-sts-token'] = options.securityToken;
    const path = `${base.pathname.replace(/\/$/, '')}${call.resource.split('/').map(encodeURIComponent).join('/')}`;
    const search = [...query]
      .map(([name, value]) =>
        value === '' ? encodeURIComponent(name) : `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
      )
      .join('&');
    const secure = base.protocol === 'https:';
    const how: http.RequestOptions = {
      method: call.method,
      host: base.hostname.replace(/^\[|\]$/g, ''),
      port: base.port === '' ? (secure ? 443 : 80) : Number(base.port),
      path: search === '' ? path : `${path}?${search}`,
      headers: signed,
      agent: this.#agent(secure, base),
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    };
    return (secure ? https : http).request(how);
  }

  /** Settles with the answer's head, or with what went wrong on the way. */
  answer(request: http.ClientRequest): Promise<http.IncomingMessage> {
    const limit = this.options.timeoutMs ?? 120_000;
    request.setTimeout(limit, () => request.destroy(unreachable(`no answer within ${limit} ms`)));
    return new Promise((resolve, reject) => {
      request.once('response', resolve);
      request.once('error', (error) => reject(error instanceof MaxComputeError ? error : networkError(error)));
    });
  }

  #agent(secure: boolean, base: URL): http.Agent {
    const key = base.origin;
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const settings = {
      keepAlive: true,
      maxSockets: 64,
      ...(this.options.lookup === undefined ? {} : { lookup: this.options.lookup }),
    };
    const agent = secure ? new https.Agent(settings) : new http.Agent(settings);
    const { dial } = this.options;
    if (dial !== undefined) dialled(agent, dial, secure);
    this.#agents.set(key, agent);
    return agent;
  }
}

/** Has an agent take its sockets from the caller's dialler; TLS is put on top of them. */
function dialled(agent: http.Agent, dial: NonNullable<ClientOptions['dial']>, secure: boolean): void {
  const owner = agent as unknown as {
    createConnection(
      how: Record<string, unknown>,
      done: (error: Error | null, socket?: Socket) => void,
    ): Socket | undefined;
  };
  const original = owner.createConnection.bind(agent);
  owner.createConnection = (how, done) => {
    const host = String(how.host);
    dial({ host, port: Number(how.port) }).then(
      (socket) => {
        if (!secure) return done(null, socket);
        const tls = original({ ...how, socket, servername: how.servername ?? host }, () => {}) as Socket;
        done(null, tls);
      },
      (error: Error) => done(error),
    );
    return undefined;
  };
}

/** Headers that every tunnel request carries. */
export const tunnelHeaders = TUNNEL_HEADERS;

export async function text(response: http.IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  try {
    for await (const part of response) parts.push(part as Buffer);
  } catch (error) {
    throw networkError(error as Error);
  }
  return Buffer.concat(parts).toString('utf8');
}

const unreachable = (message: string, cause?: unknown) =>
  new MaxComputeError({
    code: 'ConnectionFailed',
    kind: 'busy',
    message: `MaxCompute could not be reached: ${message}.`,
    hint: 'It is tried again by itself; check endpoint and network if it stays.',
    cause,
  });

export function networkError(error: Error): Error {
  if (error.name === 'ConnectorError') return error;
  const { code } = error as { code?: string };
  if (code?.startsWith('ERR_TLS') || code?.includes('CERT') || code === 'DEPTH_ZERO_SELF_SIGNED_CERT') {
    return new MaxComputeError({
      code: 'CertificateRefused',
      kind: 'config',
      message: `The certificate of the endpoint was refused: ${error.message}.`,
      hint: 'Check the endpoint.',
      cause: error,
    });
  }
  return unreachable(error.message || code || 'connection lost', error);
}

async function pause(millis: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, millis);
    signal?.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
