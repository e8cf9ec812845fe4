/** What the reader of an error does next. `busy` means: again later. */
export type ErrorKind = 'config' | 'auth' | 'missing' | 'busy' | 'data' | 'bug';

/** What to do next, and how a person would. */
export type Advice = [ErrorKind, string];

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
const STATE: Advice = ['config', 'The session is in another state, or has expired: reload it.'];
const CHANGED: Advice = ['busy', 'The table was changed meanwhile: start a new session.'];
const RESEND: Advice = ['busy', 'The connection was cut or the bytes were damaged on the way: send the block again.'];

/** By the service's own codes: what they mean for whoever gets them. Source: the tables of codes of the official clients. */
export const ADVICE: { [code: string]: Advice } = {
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
  InstanceNotTerminate: ['busy', 'Wait until the statement has ended.'],
  InstanceTypeNotSupported: ['config', 'This statement has no rows: ask for its text.'],
  StatusConflict: STATE,
  InvalidStatusChange: STATE,
  MissingPartitionSpec: ['config', 'Name the whole partition: the table is partitioned.'],
  InvalidPartitionSpec: ['config', "Name a value for each of the table's partition columns, and for nothing else."],
  InvalidRowRange: ['config', 'Ask for rows that the session has.'],
  InvalidColumnSpec: ['config', 'Name columns that the table has, each once.'],
  OverwriteModeNotAllowed: ['config', 'This table cannot be overwritten by an upload: empty it by SQL first.'],
  InConsistentBlockList: ['data', 'Upload again in a new session.'],
  MalformedDataStream: ['data', 'Check that the values are within the ranges of their types, and fields below 8 MB.'],
  'ODPS-0110141': ['busy', 'The data was changed while it was read.'],
  'ODPS-0130161': ['config', 'Correct the statement at the place that is told.'],
  ServiceUnavailable: AGAIN,
  InternalServerError: AGAIN,
  InternalConnectionError: AGAIN,
  'ODPS-0010000': AGAIN,
  'ODPS-0420153': AGAIN,
  'ODPS-0430055': AGAIN,
  'ODPS-0110061': ['busy', 'Another statement changed the table at the same time.'],
};

/** Where the code is not known, or there is none. */
export function byStatus(status: number): Advice {
  if (status === 401 || status === 403) return ['auth', 'Check the credentials and their rights.'];
  if (status === 407) return ['config', "Check the proxy's user and password."];
  if (status === 404) return ['missing', 'Check the endpoint and the names.'];
  if (status === 429 || status === 408 || status >= 500) return ['busy', 'It is tried again by itself.'];
  return ['config', 'Check the request against the message.'];
}
