import type { Json } from './json.ts';

/**
 * What the reader of an error does next:
 * `config` corrects the options · `auth` corrects the credentials or grants · `missing` creates or renames the thing ·
 * `busy` tries again later (the only kind that is retried by itself) · `data` looks at the values · `bug` reports it.
 */
export type FailureKind = 'config' | 'auth' | 'missing' | 'busy' | 'data' | 'bug';

export interface ConnectorErrorInit {
  kind: FailureKind;
  /** Stable, upper case with underscores, such as `TABLE_NOT_FOUND`. Programs test this, never the message. */
  code: string;
  /** What is wrong and where, in one sentence, without secrets. */
  message: string;
  /** What to do next. */
  hint?: string | undefined;
  /** For `busy`: not before this many milliseconds. */
  retryAfterMs?: number | undefined;
  /** Which end of a run it came from. Filled in by the engine. */
  side?: 'reader' | 'writer' | undefined;
  cause?: unknown;
}

/** A `ConnectorError` as plain JSON, for crossing process borders. */
export interface Failure {
  kind: FailureKind;
  code: string;
  message: string;
  hint: string | null;
  retryAfterMs: number | null;
  side: 'reader' | 'writer' | null;
}

/** Every error a connector lets out (law 7). Anything else that escapes is reported as kind `bug`. */
export class ConnectorError extends Error {
  override readonly name = 'ConnectorError';
  readonly kind: FailureKind;
  readonly code: string;
  readonly hint: string | null;
  readonly retryAfterMs: number | null;
  side: 'reader' | 'writer' | null;

  constructor(init: ConnectorErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.kind = init.kind;
    this.code = init.code;
    this.hint = init.hint ?? null;
    this.retryAfterMs = init.retryAfterMs ?? null;
    this.side = init.side ?? null;
  }
}

/** True for a `ConnectorError` of any copy of this package (a plugin may bring its own). */
export function isConnectorError(error: unknown): error is ConnectorError {
  return (
    error instanceof Error && error.name === 'ConnectorError' && typeof (error as ConnectorError).kind === 'string'
  );
}

/** Any thrown value as a `Failure`. What is not a `ConnectorError` becomes kind `bug`, code `INTERNAL`. */
export function toFailure(error: unknown, side: 'reader' | 'writer' | null = null): Failure {
  if (isConnectorError(error)) {
    const { kind, code, message, hint, retryAfterMs } = error;
    return { kind, code, message, hint, retryAfterMs, side: error.side ?? side };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    kind: 'bug',
    code: 'INTERNAL',
    message,
    hint: 'This is a defect: please report it.',
    retryAfterMs: null,
    side,
  };
}

/** The error a `Failure` came from, to be thrown on this side of a process border. */
export function fromFailure(failure: Failure): ConnectorError {
  return new ConnectorError({
    kind: failure.kind,
    code: failure.code,
    message: failure.message,
    hint: failure.hint ?? undefined,
    retryAfterMs: failure.retryAfterMs ?? undefined,
    side: failure.side ?? undefined,
  });
}

/** A row, or a cell of it, that could not be converted or was refused (product: dirty record). */
export interface DirtyRow {
  /** Row number within the batch it came in, from 0. */
  row: number;
  /** Target column, or null where the whole row was refused. */
  column: string | null;
  /** The value as text (binary as hex), cut to 1,000 characters; null for NULL. */
  value: string | null;
  reason: string;
}

/** A dirty row with what is needed to find and replay it: its key, and the row as read. */
export interface DirtyRecord extends DirtyRow {
  split: number;
  key: Json;
  record: Json;
}
