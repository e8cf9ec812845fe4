import { ADVICE, type Advice, byStatus, type ErrorKind } from './error-advice.ts';
import { textOf } from './xml.ts';

export type { ErrorKind } from './error-advice.ts';

export interface MaxComputeErrorInit {
  /** The service's own code (`NoSuchTable`, `ODPS-0130131`) or one of this client's. */
  code: string;
  message: string;
  kind: ErrorKind;
  hint?: string;
  /** HTTP status, where there was an answer. */
  status?: number;
  requestId?: string;
  retryAfterMs?: number;
  cause?: unknown;
}

/** Every error of this client. `code` is for programs, `message` and `hint` for people; neither holds a secret. */
export class MaxComputeError extends Error {
  override readonly name = 'MaxComputeError';
  readonly code: string;
  readonly kind: ErrorKind;
  readonly hint: string | null;
  readonly status: number | null;
  readonly requestId: string | null;
  readonly retryAfterMs: number | null;
  readonly #init: MaxComputeErrorInit;

  constructor(init: MaxComputeErrorInit) {
    super(
      init.requestId === undefined ? init.message : `${init.message} (request ${init.requestId})`,
      init.cause === undefined ? undefined : { cause: init.cause },
    );
    this.code = init.code;
    this.kind = init.kind;
    this.hint = init.hint ?? null;
    this.status = init.status ?? null;
    this.requestId = init.requestId ?? null;
    this.retryAfterMs = init.retryAfterMs ?? null;
    this.#init = init;
  }

  /** The same error with parts of it changed. */
  with(changes: Partial<MaxComputeErrorInit>): MaxComputeError {
    return new MaxComputeError({ ...this.#init, cause: this.cause, ...changes });
  }
}

interface ErrorBody {
  Code?: string | undefined;
  Message?: string | undefined;
  RequestId?: string | undefined;
  HoldClientMillis?: number | undefined;
}

function parseBody(body: string): ErrorBody {
  if (!body.trimStart().startsWith('{'))
    return { Code: textOf(body, 'Code'), Message: textOf(body, 'Message'), RequestId: textOf(body, 'RequestId') };
  try {
    const json = JSON.parse(body) as { [key: string]: unknown };
    const text = (key: string) => (typeof json[key] === 'string' ? (json[key] as string) : undefined);
    const hold = json.HoldClientMillis;
    return {
      Code: text('Code'),
      Message: text('Message'),
      RequestId: text('RequestId'),
      HoldClientMillis: typeof hold === 'number' && hold >= 0 ? hold : undefined,
    };
  } catch {
    return {};
  }
}

export type AnswerHeaders = { [name: string]: string | string[] | undefined };

/** How long the service asks to wait: in the body, at most 10 s, or in `Retry-After`, at most 3 minutes. */
function waitOf(found: ErrorBody, headers: AnswerHeaders): number | undefined {
  if (found.HoldClientMillis !== undefined) return Math.min(found.HoldClientMillis, 10_000);
  const after = headers['retry-after'];
  if (typeof after !== 'string') return undefined;
  const millis = /^\d+$/.test(after) ? Number(after) * 1_000 : Date.parse(after) - Date.now();
  return Number.isNaN(millis) ? undefined : Math.min(Math.max(0, millis), 180_000);
}

/** The error in an answer: XML or JSON of the service, else whatever the status says. */
export function errorOfAnswer(status: number, body: string, headers: AnswerHeaders): MaxComputeError {
  const found = parseBody(body);
  const message = found.Message?.trim();
  const numeric = /ODPS-\d{7}/.exec(message ?? '')?.[0];
  const code = found.Code?.split(':')[0].trim() || numeric || (status === 401 ? 'Unauthorized' : 'UnreadableAnswer');
  const [kind, hint] = ADVICE[code] ?? (numeric === undefined ? undefined : ADVICE[numeric]) ?? byStatus(status);
  const requestId = found.RequestId ?? String(headers['x-odps-request-id'] ?? '');
  const retryAfterMs = waitOf(found, headers);
  // Of what is not the service, such as the page of a proxy, nothing but the beginning is of use.
  const strange = `HTTP ${status}: this is not an answer of MaxCompute: ${body.slice(0, 120)}`;
  return new MaxComputeError({
    code: code === 'UnreadableAnswer' && status === 404 ? 'NoSuchObject' : code,
    message: message || (code === 'UnreadableAnswer' ? strange : `HTTP ${status}, ${code}`),
    kind,
    hint: code === 'UnreadableAnswer' && kind === 'config' ? 'Check the endpoint: it should end in /api.' : hint,
    status,
    ...(requestId === '' ? {} : { requestId }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** The error of a failed SQL task, from its result text. */
export function errorOfTask(text: string, instanceId: string, requestId?: string): MaxComputeError {
  const message = (textOf(text, 'Message') ?? text).trim();
  const code = /ODPS-\d{7}/.exec(message)?.[0] ?? 'TaskFailed';
  const [kind, hint] = ADVICE[code] ?? (['config', 'Correct the statement.'] satisfies Advice);
  const request = requestId === undefined ? {} : { requestId };
  return new MaxComputeError({ code, message: `${message} (instance ${instanceId})`, kind, hint, ...request });
}
