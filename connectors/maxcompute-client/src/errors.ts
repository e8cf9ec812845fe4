import { textOf } from './xml.ts';

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

type Advice = [ErrorKind, string];

const AGAIN: Advice = ['busy', 'The service failed; it is tried again by itself.'];
const QUOTA: Advice = ['busy', 'Fewer parallel blocks, or a larger tunnel quota.'];
const EXPIRED: Advice = ['missing', 'The session has expired: start a new one.'];
const PROJECT: Advice = ['missing', 'Check the project name.'];
const TABLE: Advice = ['missing', 'Check the table name.'];
const TOKEN: Advice = [
  'auth',
  'The credentials have ended: get new ones, or give a provider as the option "credentials".',
];
const GRANT: Advice = ['auth', 'Grant the account the right named.'];
const CHANGED: Advice = ['busy', 'The table was changed meanwhile: start a new session.'];
const RESEND: Advice = ['busy', 'The connection was cut or the bytes were damaged on the way: send the block again.'];

const KINDS: { [code: string]: Advice } = {
  Unauthorized: ['auth', 'Check access id and key.'],
  AccessDenied: ['auth', 'Grant the account rights on the project.'],
  NoPermission: GRANT,
  'ODPS-0130013': GRANT,
  'ODPS-0410042': ['auth', 'Check the access key.'],
  'ODPS-0410051': ['auth', 'Check the access id.'],
  'ODPS-0420095': ['auth', "Check the project name and the account's rights on it."],
  NoSuchProject: PROJECT,
  'ODPS-0420111': PROJECT,
  NoSuchObject: ['missing', 'Check the name.'],
  NoSuchSchema: ['missing', 'Check the name of the schema.'],
  NoSuchTable: TABLE,
  'ODPS-0130131': TABLE,
  NoSuchPartition: ['missing', 'Create the partition first.'],
  QuotaNotExist: ['missing', 'Check the name of the tunnel quota.'],
  NoSuchUpload: EXPIRED,
  NoSuchDownload: EXPIRED,
  UpsertSessionNotFound: EXPIRED,
  StreamSessionNotFound: EXPIRED,
  RequestTimeTooSkewed: ['config', "Set this machine's clock."],
  RequestExpired: ['config', "Set this machine's clock."],
  AuthenticationRequestExpired: TOKEN,
  ExpiredToken: TOKEN,
  'InvalidSecurityToken.Expired': TOKEN,
  SlotExceeded: QUOTA,
  FlowExceeded: QUOTA,
  QPSExceeded: QUOTA,
  RequestQuotaExceeded: QUOTA,
  IncompleteBody: RESEND,
  CorruptedDataStream: RESEND,
  TableModified: CHANGED,
  ObjectModified: CHANGED,
  SchemaModified: CHANGED,
  DataUnderReplication: AGAIN,
  DataVersionConflict: AGAIN,
  MetaTransactionFailed: AGAIN,
  DataStoreError: AGAIN,
  ServiceUnavailable: AGAIN,
  InternalServerError: AGAIN,
  InternalConnectionError: AGAIN,
  'ODPS-0010000': AGAIN,
  'ODPS-0420153': AGAIN,
  'ODPS-0430055': AGAIN,
  'ODPS-0110061': ['busy', 'Another statement changed the table at the same time.'],
};

function byStatus(status: number): Advice {
  if (status === 401 || status === 403) return ['auth', 'Check the credentials and their rights.'];
  if (status === 407) return ['config', "Check the proxy's user and password."];
  if (status === 404) return ['missing', 'Check the endpoint and the names.'];
  if (status === 429 || status === 408 || status >= 500) return ['busy', 'It is tried again by itself.'];
  return ['config', 'Check the request against the message.'];
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
  const [kind, hint] = KINDS[code] ?? (numeric === undefined ? undefined : KINDS[numeric]) ?? byStatus(status);
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
  const [kind, hint] = KINDS[code] ?? (['config', 'Correct the statement.'] satisfies Advice);
  const request = requestId === undefined ? {} : { requestId };
  return new MaxComputeError({ code, message: `${message} (instance ${instanceId})`, kind, hint, ...request });
}
