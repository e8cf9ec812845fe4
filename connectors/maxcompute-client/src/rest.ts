import { MaxComputeError } from './errors.ts';
import type { Answer, Http } from './http.ts';
import { textOf } from './xml.ts';

export interface Query {
  [name: string]: string | undefined;
}

/** A question to the service endpoint about the project of the client. */
export function ask(http: Http, resource: string, query: Query, signal?: AbortSignal): Promise<Answer> {
  return http.call({
    method: 'GET',
    base: http.options.endpoint,
    resource,
    query: { curr_project: http.options.project, curr_schema: http.options.schema, ...query },
    repeatable: true,
    signal,
  });
}

/** The pages of a list, until the service names no further one. One page is held at a time. */
export async function* pages(
  http: Http,
  resource: string,
  query: Query,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  let marker: string | undefined;
  do {
    const { body } = await ask(http, resource, { ...query, expectmarker: 'true', marker }, signal);
    yield body;
    const next = textOf(body, 'Marker') || undefined;
    // The same marker again would never end.
    marker = next === marker ? undefined : next;
  } while (marker !== undefined);
}

/** An answer with a success's status that is not one of the service. */
export function strange(answer?: Answer): MaxComputeError {
  const requestId = answer?.headers['x-odps-request-id'];
  return new MaxComputeError({
    code: 'UnreadableAnswer',
    kind: 'config',
    message: 'This endpoint answers, but not as MaxCompute does.',
    hint: 'Check the endpoint: it should end in /api.',
    ...(answer === undefined ? {} : { status: answer.status }),
    ...(typeof requestId === 'string' ? { requestId } : {}),
  });
}

/** @throws MaxComputeError `UnreadableAnswer` */
export function parseJson(text: string, answer?: Answer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw strange(answer);
}

/** True for the 404 of a thing that is not there, and not for that of the project around it. */
export function isAbsent(error: unknown): boolean {
  return (
    error instanceof MaxComputeError &&
    error.status === 404 &&
    error.code !== 'NoSuchProject' &&
    !`${error.code} ${error.message}`.includes('ODPS-0420111')
  );
}

/** A figure, or null where the service has none: it says −1 then. */
export function figure(value: unknown): number | null {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number >= 0 ? number : null;
}

/** An instant told in seconds since 1970, or null. */
export function instant(value: unknown): Date | null {
  const seconds = figure(value);
  return seconds === null || seconds === 0 ? null : new Date(seconds * 1_000);
}

/** An instant told as text of RFC 1123, or null. */
export function dateOf(text: unknown): Date | null {
  const millis = typeof text === 'string' ? Date.parse(text) : Number.NaN;
  return Number.isNaN(millis) ? null : new Date(millis);
}
