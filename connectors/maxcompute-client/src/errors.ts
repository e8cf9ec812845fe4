/** What the reader of an error does next. `busy` means: again later. */
export type ErrorKind = 'config' | 'auth' | 'missing' | 'busy' | 'data' | 'bug';

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

export class MaxComputeError extends Error {
  override readonly name = 'MaxComputeError';
  readonly code: string;
  readonly kind: ErrorKind;
  readonly hint: string | null;
  readonly status: number | null;
  readonly requestId: string | null;
  readonly retryAfterMs: number | null;

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
  }
}

const KINDS: { [code: string]: [ErrorKind, string] } = {
  Unauthorized: ['auth', 'Check access id and key.'],
  AccessDenied: ['auth', 'Grant the account rights on the project.'],
  NoPermission: ['auth', 'Grant the account the right named.'],
  'ODPS-0410042': ['auth', 'Check the access key.'],
  'ODPS-0410051': ['auth', 'Check the access id.'],
  'ODPS-0420095': ['auth', "Check the project name and the account's rights on it."],
  'ODPS-0130013': ['auth', 'Grant the account the right named.'],
  'ODPS-0420111': ['missing', 'Check the project name.'],
  'ODPS-0130131': ['missing', 'Check the table name.'],
  NoSuchProject: ['missing', 'Check the project name.'],
  NoSuchObject: ['missing', 'Check the name.'],
  NoSuchTable: ['missing', 'Check the table name.'],
  NoSuchPartition: ['missing', 'Create the partition first.'],
  NoSuchUpload: ['missing', 'The session has expired: start a new one.'],
  NoSuchDownload: ['missing', 'The session has expired: start a new one.'],
  RequestTimeTooSkewed: ['config', "Set this machine's clock."],
  SlotExceeded: ['busy', 'Fewer parallel blocks, or a larger tunnel quota.'],
  FlowExceeded: ['busy', 'Fewer parallel blocks, or a larger tunnel quota.'],
  InternalServerError: ['busy', 'The service failed; it is tried again by itself.'],
  InternalConnectionError: ['busy', 'The service failed; it is tried again by itself.'],
  'ODPS-0010000': ['busy', 'The service failed; it is tried again by itself.'],
  'ODPS-0110061': ['busy', 'Another statement changed the table at the same time.'],
};

function byStatus(status: number): [ErrorKind, string] {
  if (status === 401 || status === 403) return ['auth', 'Check the credentials and their rights.'];
  if (status === 404) return ['missing', 'Check the endpoint and the names.'];
  if (status === 429 || status === 408 || status >= 500) return ['busy', 'It is tried again by itself.'];
  return ['config', 'Check the request against the message.'];
}

const tagged = (body: string, tag: string): string | undefined =>
  new RegExp(`<${tag}>\\s*(?:<!\\[CDATA\\[)?([\\s\\S]*?)(?:\\]\\]>)?\\s*</${tag}>`).exec(body)?.[1];

interface ErrorBody {
  Code?: string;
  Message?: string;
  RequestId?: string;
  HoldClientMillis?: number;
}

function parseBody(body: string): ErrorBody {
  try {
    return JSON.parse(body) as ErrorBody;
  } catch {
    const [Code, Message, RequestId] = [tagged(body, 'Code'), tagged(body, 'Message'), tagged(body, 'RequestId')];
    return {
      ...(Code === undefined ? {} : { Code }),
      ...(Message === undefined ? {} : { Message }),
      ...(RequestId === undefined ? {} : { RequestId }),
    };
  }
}

/** The error in an answer: XML or JSON of the service, else whatever the status says. */
export function errorOfAnswer(
  status: number,
  body: string,
  headers: { [name: string]: string | string[] | undefined },
): MaxComputeError {
  const found = parseBody(body);
  const numeric = /ODPS-\d{7}/.exec(found.Message ?? '')?.[0];
  const code =
    found.Code?.split(':')[0].trim() ||
    (status === 404 ? 'NoSuchObject' : status === 401 ? 'Unauthorized' : 'UnreadableAnswer');
  const [kind, hint] = KINDS[code] ?? (numeric === undefined ? undefined : KINDS[numeric]) ?? byStatus(status);
  const requestId = found.RequestId ?? String(headers['x-odps-request-id'] ?? '');
  const message =
    found.Message?.trim() ||
    (code === 'UnreadableAnswer'
      ? `HTTP ${status}: this is not an answer of MaxCompute: ${body.slice(0, 120)}`
      : `HTTP ${status}, ${code}`);
  return new MaxComputeError({
    code: code === 'UnreadableAnswer' && numeric !== undefined ? numeric : code,
    message,
    kind,
    hint: code === 'UnreadableAnswer' ? 'Check the endpoint: it should end in /api.' : hint,
    status,
    ...(requestId === '' ? {} : { requestId }),
    ...(found.HoldClientMillis === undefined ? {} : { retryAfterMs: Math.min(found.HoldClientMillis, 10_000) }),
  });
}

/** The error of a failed SQL task, from its result text. */
export function errorOfTask(text: string, instanceId: string): MaxComputeError {
  const message = (tagged(text, 'Message') ?? text).trim();
  const code = /ODPS-\d{7}/.exec(message)?.[0] ?? 'TaskFailed';
  const [kind, hint] = KINDS[code] ?? (['config', 'Correct the statement.'] as [ErrorKind, string]);
  return new MaxComputeError({ code, message: `${message} (instance ${instanceId})`, kind, hint });
}
