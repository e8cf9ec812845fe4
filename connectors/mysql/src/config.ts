import { type ConfigSpec, ConnectorError, type Json } from '@sampan/connector';
import { z } from 'zod';
import { OURS } from './session-names.ts';

const pem = (title: string, description: string) => z.string().min(1).optional().meta({ title, description });

const ssl = z
  .strictObject({
    mode: z.enum(['DISABLED', 'PREFERRED', 'REQUIRED', 'VERIFY_CA', 'VERIFY_IDENTITY']).default('PREFERRED').meta({
      title: 'TLS',
      description:
        'As the client programs of MySQL understand it: PREFERRED encrypts where the server can, REQUIRED always; VERIFY_CA also checks who signed the certificate, VERIFY_IDENTITY the host name in it as well.',
    }),
    ca: pem('CA certificates', 'PEM text of the authorities to trust. Without it, those that come with Node.js.'),
    cert: pem('Client certificate', 'PEM text, for servers that ask for one.'),
    key: z
      .string()
      .min(1)
      .optional()
      .meta({ title: 'Client key', description: 'PEM text of the key of the client certificate.', secret: true }),
  })
  .prefault({})
  .meta({ title: 'Encryption', description: 'How the connection is encrypted and whose certificate is believed.' });

const variable = /^[A-Za-z][A-Za-z0-9_]{0,63}(\.[A-Za-z][A-Za-z0-9_]{0,63})?$/;

const schema = z.strictObject({
  host: z.string().min(1).max(255).optional().meta({
    title: 'Host',
    description: 'Name or address of the server. Needed unless socketPath is given.',
  }),
  port: z.int().min(1).max(65_535).default(3306).meta({ title: 'Port', description: 'TCP port of the server.' }),
  socketPath: z.string().min(1).max(255).optional().meta({
    title: 'Unix socket',
    description: "Path of the server's socket on the machine that runs the copy. Instead of host and port.",
  }),
  database: z.string().min(1).max(64).meta({ title: 'Database', description: 'The schema whose tables are meant.' }),
  user: z.string().min(1).max(128).meta({ title: 'User', description: 'Account to log in as.' }),
  password: z.string().default('').meta({
    title: 'Password',
    description: 'Of that account. Never shown again once it is stored.',
    secret: true,
  }),
  ssl,
  charset: z.enum(['utf8mb4']).default('utf8mb4').meta({
    title: 'Character set',
    description: 'Of the connection. The server converts every column to it.',
  }),
  timeZone: z.enum(['+00:00']).default('+00:00').meta({
    title: 'Session time zone',
    description: 'TIMESTAMP columns are instants and are read in UTC; DATETIME columns keep their wall clock.',
  }),
  connectTimeoutMs: z.int().min(100).max(600_000).default(10_000).meta({
    title: 'Connect timeout (ms)',
    description: 'How long the server may take until it has let us in.',
  }),
  sessionVariables: z
    .record(z.string().regex(variable, 'is no name of a variable'), z.union([z.string().max(4_096), z.number()]))
    .default({})
    .meta({
      title: 'Session variables',
      description: 'Set with SET SESSION on each connection. Those that make a copy exact cannot be changed.',
    }),
});

export type MysqlOptions = z.output<typeof schema>;

export const config: ConfigSpec<MysqlOptions> = {
  schema: z.toJSONSchema(schema, { io: 'input' }) as { [key: string]: Json },
  secrets: ['password', 'ssl.key'],
  endpoint: ['host', 'port', 'socketPath', 'user', 'ssl.mode', 'ssl.ca', 'ssl.cert'],
  parse(options) {
    const parsed = schema.safeParse(options, { reportInput: true });
    if (!parsed.success) throw issueError(parsed.error.issues[0]);
    const { host, socketPath, sessionVariables, ssl } = parsed.data;
    if ((host === undefined) === (socketPath === undefined))
      throw refused('host', 'give either a host or a socketPath');
    if ((ssl.cert === undefined) !== (ssl.key === undefined))
      throw refused(ssl.cert === undefined ? 'ssl.cert' : 'ssl.key', 'certificate and key go together');
    const ours = Object.keys(sessionVariables).find((key) => OURS.has(key.toLowerCase()));
    if (ours !== undefined) throw refused(`sessionVariables.${ours}`, 'is set by Sampan itself');
    return parsed.data;
  },
};

/** A task's own options for one side: MySQL has none. @throws ConnectorError `BAD_OPTION` */
export function refuseOptions(options: { [key: string]: Json }, side: 'source' | 'target'): void {
  const [name] = Object.keys(options);
  if (name === undefined) return;
  throw new ConnectorError({
    kind: 'config',
    code: 'BAD_OPTION',
    message: `Option "${name}" of the ${side} is not known: MySQL has none there.`,
    hint: 'Leave it out.',
  });
}

/** The first thing that is wrong. Values are never repeated: one may be a secret. */
function issueError(issue: z.core.$ZodIssue): ConnectorError {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys')
    return refused([path, issue.keys[0]].filter((part) => part !== '').join('.'), 'is not known');
  if (path === '') return refused('options', 'must be an object of options');
  if (issue.code === 'invalid_type' && issue.input === undefined) return refused(path, 'is needed');
  if (issue.code === 'invalid_key') return refused(path, 'is no name of a variable');
  return refused(path, issue.message.charAt(0).toLowerCase() + issue.message.slice(1));
}

function refused(option: string, message: string): ConnectorError {
  return new ConnectorError({
    kind: 'config',
    code: 'BAD_OPTION',
    message: `Option "${option}": ${message}.`,
    hint: `Correct the option "${option}" of the data source.`,
  });
}
