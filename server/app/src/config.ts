import { StartError } from './start-error.ts';

export interface Config {
  host: string;
  port: number;
  data: string;
  databaseUrl: string | null;
  roles: Set<'api' | 'scheduler' | 'worker'>;
  plugins: string[];
  key: string | null;
  keyFile: string | null;
  adminTokenFile: string;
  netDeny: string[];
  corsOrigins: string[];
  maxRuns: number;
  runMemoryMb: number;
  /** Cores that runs may be promised together. */
  runCpu: number;
  leaseSeconds: number;
  idleSeconds: number;
  logLevel: string;
  logFormat: 'json' | 'pretty';
}

/** Every setting there is, for telling what a mistyped one was meant to be. */
const KNOWN = [
  'SAMPAN_HOST',
  'SAMPAN_PORT',
  'SAMPAN_DATA',
  'SAMPAN_ROLES',
  'SAMPAN_PLUGINS',
  'SAMPAN_KEY',
  'SAMPAN_KEY_FILE',
  'SAMPAN_CORS_ORIGINS',
  'SAMPAN_NET_DENY',
  'SAMPAN_MAX_RUNS',
  'SAMPAN_RUN_MEMORY_MB',
  'SAMPAN_CPU_OVERCOMMIT',
  'SAMPAN_ADMIN_TOKEN_FILE',
  'SAMPAN_LEASE_SECONDS',
  'SAMPAN_IDLE_SECONDS',
];

const ROLES = ['api', 'scheduler', 'worker'] as const;
const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/** The server's settings, from the environment. @throws StartError naming the setting */
export function readConfig(
  env: NodeJS.ProcessEnv,
  machine: { cores: number; memoryMb: number; terminal: boolean },
): Config {
  refuseUnknown(env);
  const data = env.SAMPAN_DATA || '.sampan';
  const list = (name: string, separator: RegExp) =>
    (env[name] ?? '')
      .split(separator)
      .map((one) => one.trim())
      .filter((one) => one !== '');
  const roles = list('SAMPAN_ROLES', /,/);
  const unknown = roles.find((role) => !ROLES.includes(role as 'api'));
  if (unknown !== undefined)
    throw bad('SAMPAN_ROLES', `"${unknown}" is not a role`, `Use some of: ${ROLES.join(', ')}.`);
  const logLevel = env.LOG_LEVEL || 'info';
  if (!LEVELS.includes(logLevel))
    throw bad('LOG_LEVEL', `"${logLevel}" is not a level`, `Use one of: ${LEVELS.join(', ')}.`);
  const plugins = list('SAMPAN_PLUGINS', /:/);
  return {
    host: env.SAMPAN_HOST || '127.0.0.1',
    port: number(env, 'SAMPAN_PORT', 4000, 0, 65_535),
    data,
    databaseUrl: env.DATABASE_URL || null,
    roles: new Set((roles.length === 0 ? ROLES : roles) as Iterable<'api'>),
    plugins: plugins.length === 0 ? [`${data}/plugins`] : plugins,
    key: env.SAMPAN_KEY || null,
    keyFile: env.SAMPAN_KEY_FILE || null,
    adminTokenFile: env.SAMPAN_ADMIN_TOKEN_FILE || `${data}/admin.token`,
    netDeny: list('SAMPAN_NET_DENY', /,/),
    corsOrigins: list('SAMPAN_CORS_ORIGINS', /,/),
    maxRuns: number(env, 'SAMPAN_MAX_RUNS', 4 * machine.cores, 1, 10_000),
    runMemoryMb: number(env, 'SAMPAN_RUN_MEMORY_MB', Math.floor(machine.memoryMb / 2), 128, 100_000_000),
    runCpu: machine.cores * number(env, 'SAMPAN_CPU_OVERCOMMIT', 8, 1, 1_000),
    leaseSeconds: number(env, 'SAMPAN_LEASE_SECONDS', 30, 2, 3_600),
    idleSeconds: number(env, 'SAMPAN_IDLE_SECONDS', 60, 1, 86_400),
    logLevel,
    logFormat: (env.LOG_FORMAT || (machine.terminal ? 'pretty' : 'json')) === 'pretty' ? 'pretty' : 'json',
  };
}

function bad(name: string, what: string, hint: string): StartError {
  return new StartError('BAD_SETTING', `${name}: ${what}.`, hint);
}

function number(env: NodeJS.ProcessEnv, name: string, usual: number, least: number, most: number): number {
  const text = env[name];
  if (text === undefined || text === '') return usual;
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > most)
    throw bad(name, `"${text}" is not a whole number from ${least} to ${most}`, `Leave it out for ${usual}.`);
  return value;
}

function refuseUnknown(env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(env)) {
    if (!name.startsWith('SAMPAN_') || KNOWN.includes(name)) continue;
    // What Kubernetes injects for a Service of that name.
    if (
      name.startsWith('SAMPAN_SERVICE_') ||
      (name.startsWith('SAMPAN_PORT') && (env[name] ?? '').startsWith('tcp://'))
    )
      continue;
    const nearest = [...KNOWN].sort((a, b) => distance(name, a) - distance(name, b))[0];
    throw new StartError('UNKNOWN_SETTING', `There is no setting ${name}.`, `Did you mean ${nearest}?`);
  }
}

/** Letters to change, add or leave out. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length];
}
