import { type ConfigSpec, ConnectorError, type Json } from '@sampan/connector';
import { z } from 'zod';

const ssl = z
  .strictObject({
    mode: z.enum(['DISABLED', 'PREFERRED', 'REQUIRED', 'VERIFY_CA', 'VERIFY_IDENTITY']).default('PREFERRED').meta({
      title: 'TLS',
      description: 'As the client programs of MySQL understand it. VERIFY_IDENTITY also checks the host name.',
    }),
    ca: z.string().optional().meta({ title: 'CA certificates', description: 'PEM text.' }),
    cert: z.string().optional().meta({ title: 'Client certificate', description: 'PEM text.' }),
    key: z.string().optional().meta({ title: 'Client key', description: 'PEM text.', secret: true }),
  })
  .prefault({});

const name = /^[A-Za-z_][A-Za-z0-9_]*$/;

const schema = z.strictObject({
  host: z
    .string()
    .min(1)
    .optional()
    .meta({ title: 'Host', description: 'Name or address of the server. Needed unless socketPath is given.' }),
  port: z.int().min(1).max(65_535).default(3306).meta({ title: 'Port' }),
  socketPath: z
    .string()
    .min(1)
    .optional()
    .meta({ title: 'Unix socket', description: "Path of the server's socket on the machine that runs the copy." }),
  database: z.string().min(1).meta({ title: 'Database' }),
  user: z.string().min(1).meta({ title: 'User' }),
  password: z.string().default('').meta({ title: 'Password', secret: true }),
  ssl,
  charset: z
    .enum(['utf8mb4'])
    .default('utf8mb4')
    .meta({ title: 'Character set', description: 'Of the connection. The server converts every column to it.' }),
  timeZone: z
    .string()
    .regex(/^(\+00:00)$/)
    .default('+00:00')
    .meta({
      title: 'Session time zone',
      description: 'TIMESTAMP columns are instants and are read in UTC; DATETIME columns keep their wall clock.',
    }),
  connectTimeoutMs: z.int().min(100).max(600_000).default(10_000).meta({ title: 'Connect timeout (ms)' }),
  sessionVariables: z
    .record(z.string().regex(name), z.union([z.string(), z.number()]))
    .default({})
    .meta({ title: 'Session variables', description: 'Set with SET SESSION on each connection.' }),
});

export type MysqlOptions = z.output<typeof schema>;

/** Variables that Sampan sets itself, because a copy is only exact with them. */
const OURS = new Set([
  'time_zone',
  'sql_mode',
  'character_set_client',
  'character_set_connection',
  'character_set_results',
  'autocommit',
  'local_infile',
]);

export const config: ConfigSpec<MysqlOptions> = {
  schema: z.toJSONSchema(schema, { io: 'input' }) as { [key: string]: Json },
  secrets: ['password', 'ssl.key'],
  endpoint: ['host', 'port', 'socketPath', 'user', 'ssl.mode', 'ssl.ca'],
  parse(options) {
    const parsed = schema.safeParse(options);
    if (!parsed.success) {
      const { path, message, code } = parsed.error.issues[0];
      const at =
        code === 'unrecognized_keys'
          ? (parsed.error.issues[0] as unknown as { keys: string[] }).keys[0]
          : path.join('.');
      throw refused(at || 'options', message);
    }
    const { host, socketPath, sessionVariables } = parsed.data;
    if ((host === undefined) === (socketPath === undefined))
      throw refused('host', 'give either a host or a socketPath');
    const ours = Object.keys(sessionVariables).find((key) => OURS.has(key.toLowerCase()));
    if (ours !== undefined) throw refused('sessionVariables', `${ours} is set by Sampan itself`);
    return parsed.data;
  },
};

function refused(option: string, message: string): ConnectorError {
  return new ConnectorError({
    kind: 'config',
    code: 'BAD_OPTION',
    message: `Option "${option}": ${message}.`,
    hint: `Correct the option "${option}" of the data source.`,
  });
}
