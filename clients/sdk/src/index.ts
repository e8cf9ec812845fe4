import { createClient as createSocketClient } from 'graphql-ws';
import WebSocket from 'ws';

export interface ClientOptions {
  /** `http://127.0.0.1:4000` */
  url: string;
  token: string;
}

/** An answer with top-level errors: `code` is the first one's `extensions.code`. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** A client of the Sampan API. */
export interface Client {
  /** Runs a query or mutation. @throws ApiError */
  request<Data>(query: string, variables?: { [name: string]: unknown }): Promise<Data>;
  /** Follows a subscription; ends with the iteration. Reconnects by itself. */
  subscribe<Data>(query: string, variables?: { [name: string]: unknown }): AsyncIterable<Data>;
  close(): Promise<void>;
}

interface Answer<Data> {
  data?: Data;
  errors?: { message: string; extensions?: { code?: string; hint?: string } }[];
}

export function createClient({ url, token }: ClientOptions): Client {
  const endpoint = `${url.replace(/\/$/, '')}/graphql`;
  const authorization = `Bearer ${token}`;
  const sockets = createSocketClient({
    url: endpoint.replace(/^http/, 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
    lazy: true,
    retryAttempts: 10,
    // 4400 to 4499: the server refused; asking again would change nothing.
    shouldRetry: (error) =>
      !(Number((error as { code?: number }).code) >= 4400 && Number((error as { code?: number }).code) < 4500),
  });
  return {
    async request<Data>(query: string, variables: { [name: string]: unknown } = {}) {
      const response = await fetch(endpoint, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization },
        body: JSON.stringify({ query, variables }),
      });
      const answer = (await response.json()) as Answer<Data>;
      const [error] = answer.errors ?? [];
      if (error !== undefined)
        throw new ApiError(
          error.extensions?.hint === undefined ? error.message : `${error.message} ${error.extensions.hint}`,
          error.extensions?.code ?? 'UNKNOWN',
        );
      return answer.data as Data;
    },
    async *subscribe<Data>(query: string, variables: { [name: string]: unknown } = {}) {
      for await (const result of sockets.iterate({ query, variables })) {
        const answer = result as unknown as Answer<Data>;
        const [error] = answer.errors ?? [];
        if (error !== undefined) throw new ApiError(error.message, error.extensions?.code ?? 'UNKNOWN');
        yield answer.data as Data;
      }
    },
    close: async () => {
      await sockets.dispose();
    },
  };
}
