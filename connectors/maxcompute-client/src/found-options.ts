import { homedir } from 'node:os';
import { join } from 'node:path';
import { bearerFromFile, stsFromFile } from './credential-files.ts';
import { badOption, type CredentialProvider, type Credentials } from './credentials.ts';
import type { ClientOptions, Settings } from './options.ts';
import { parseProperties, type Sections, textOfFile } from './properties.ts';

/** What was found in one place. */
export type FoundOptions = Partial<Settings> & { credentials?: Credentials | CredentialProvider };

export interface WhereToLook {
  /** Default `process.env`. */
  env?: { [name: string]: string | undefined };
  /** An `odps_config.ini` of odpscmd, or a `config.ini` of the Go SDK. */
  configFile?: string;
  /** Default: that of the user. */
  home?: string;
}

/**
 * Endpoint, project, credentials and more as the official tools find them: what the caller gives, then the environment,
 * then `configFile`, then credentials alone from `~/.alibabacloud/credentials`. Each setting comes from the first place
 * that has it, credentials as a whole.
 * @throws MaxComputeError `BadOption` where endpoint, project or credentials were found nowhere
 */
export async function findOptions(
  given: Partial<ClientOptions> = {},
  { env = process.env, configFile, home = homedir() }: WhereToLook = {},
): Promise<ClientOptions> {
  const file = configFile === undefined ? {} : await optionsFromFile(configFile);
  const { credentials, ...settings } = { ...file, ...withoutAbsent(optionsFromEnvironment(env)) } as FoundOptions;
  const own = 'accessId' in given || 'credentials' in given;
  const signing = own ? {} : { credentials: credentials ?? (await credentialsFromProfile(env, home)) };
  const found = { ...settings, ...withoutAbsent(given), ...signing } as FoundOptions;
  const missing = (['endpoint', 'project'] as const).find((name) => !found[name]);
  if (missing !== undefined)
    throw badOption(missing, `it was not given, and neither the environment nor ${configFile ?? 'a file'} has it`);
  if (!own && found.credentials === undefined)
    throw badOption('credentials', 'none were given, and neither the environment nor a file has any');
  return found as ClientOptions;
}

const withoutAbsent = <T extends object>(options: T): Partial<T> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;

/**
 * `ODPS_ENDPOINT`, `ODPS_PROJECT_NAME`, `ODPS_TUNNEL_ENDPOINT`, `ODPS_REGION_NAME` as pyodps reads them, or
 * `ODPS_CFG_ENDPOINT`, `ODPS_CFG_PROJECTNAME` of odpscmd; credentials from the first of `ODPS_STS_ACCOUNT_FILE`,
 * `ODPS_STS_TOKEN`, `ODPS_BEARER_TOKEN_FILE`, `ODPS_BEARER_TOKEN` (pyodps), `ACCESS_KEY_ID` (odpscmd) and
 * `ALIBABA_CLOUD_ACCESS_KEY_ID` with what belongs to each.
 */
export function optionsFromEnvironment(env: { [name: string]: string | undefined } = process.env): FoundOptions {
  const one = (...names: string[]) =>
    names.map((name) => env[name]).find((value) => value !== undefined && value !== '');
  const credentials = credentialsFromEnvironment(one);
  return {
    endpoint: one('ODPS_ENDPOINT', 'ODPS_CFG_ENDPOINT'),
    project: one('ODPS_PROJECT_NAME', 'ODPS_CFG_PROJECTNAME'),
    tunnelEndpoint: one('ODPS_TUNNEL_ENDPOINT'),
    region: one('ODPS_REGION_NAME'),
    ...(credentials === undefined ? {} : { credentials }),
  } as FoundOptions;
}

type One = (...names: string[]) => string | undefined;

function credentialsFromEnvironment(one: One): FoundOptions['credentials'] {
  const hours = (name: string) => Number(one(name) ?? 5) || 5;
  const stsFile = one('ODPS_STS_ACCOUNT_FILE');
  if (stsFile !== undefined) return stsFromFile(stsFile, hours('ODPS_STS_TOKEN_HOURS'));
  const token = one('ODPS_STS_TOKEN');
  if (token !== undefined)
    return keyOf(one('ODPS_STS_ACCESS_KEY_ID'), one('ODPS_STS_ACCESS_KEY_SECRET'), token, 'ODPS_STS_ACCESS_KEY_SECRET');
  const bearerFile = one('ODPS_BEARER_TOKEN_FILE');
  if (bearerFile !== undefined) return bearerFromFile(bearerFile, hours('ODPS_BEARER_TOKEN_HOURS'));
  const bearerToken = one('ODPS_BEARER_TOKEN');
  if (bearerToken !== undefined) return { bearerToken };
  for (const prefix of ['', 'ALIBABA_CLOUD_']) {
    const id = one(`${prefix}ACCESS_KEY_ID`);
    const name = `${prefix}ACCESS_KEY_SECRET`;
    if (id !== undefined) return keyOf(id, one(name), one(`${prefix}SECURITY_TOKEN`), name);
  }
  return undefined;
}

function keyOf(
  accessId: string | undefined,
  accessKey: string | undefined,
  securityToken: string | undefined,
  name: string,
) {
  if (accessId === undefined || accessKey === undefined)
    throw badOption('credentials', `${name} or the id that belongs to it is not set`);
  return { accessId, accessKey, securityToken };
}

/**
 * An `odps_config.ini` as odpscmd reads it (`end_point`, `project_name`, `access_id`, `access_key`, `tunnel_endpoint`,
 * `quota_name`, `region_id`, `proxy_host`, `proxy_port`), or the section `[odps]` of a `config.ini` of the Go SDK
 * (`endpoint`, `project`, `sts_token`, `tunnel_quota_name`).
 * @throws MaxComputeError `BadOption` where there is no such file, or its account is of another provider
 */
export async function optionsFromFile(path: string): Promise<FoundOptions> {
  const text = await textOfFile(path);
  if (text === undefined) throw badOption('configFile', `there is no file ${path}`);
  const sections = parseProperties(text);
  const one = oneOf(sections, sections.has('odps') ? 'odps' : '');
  const provider = one('account_provider')?.toLowerCase() ?? 'aliyun';
  if (provider !== 'aliyun') throw badOption('configFile', `account_provider=${provider} of ${path} is not known here`);
  const [id, proxyHost] = [one('access_id'), one('proxy_host')];
  return withoutAbsent({
    endpoint: one('end_point', 'endpoint'),
    project: one('project_name', 'project'),
    schema: one('schema_name'),
    tunnelEndpoint: one('tunnel_endpoint'),
    quota: one('quota_name', 'tunnel_quota_name'),
    region: one('region_id'),
    proxy: proxyHost === undefined ? undefined : `http://${proxyHost}:${one('proxy_port') ?? 80}`,
    credentials: id === undefined ? undefined : keyOf(id, one('access_key'), one('sts_token'), `access_key in ${path}`),
  }) as FoundOptions;
}

const oneOf =
  (sections: Sections, section: string): One =>
  (...names) =>
    names.map((name) => sections.get(section)?.get(name)).find((value) => value !== undefined && value !== '');

/** `~/.alibabacloud/credentials`, as Alibaba Cloud's credential libraries read it; profiles of type `access_key` and `sts`. */
async function credentialsFromProfile(env: { [name: string]: string | undefined }, home: string) {
  const path = env.ALIBABA_CLOUD_CREDENTIALS_FILE || join(home, '.alibabacloud', 'credentials');
  const text = await textOfFile(path);
  if (text === undefined) return undefined;
  const profile = env.ALIBABA_CLOUD_PROFILE || 'default';
  const one = oneOf(parseProperties(text), profile);
  const type = one('type');
  if (type !== 'access_key' && type !== 'sts')
    throw badOption(
      'credentials',
      `profile ${profile} of ${path} is of type ${type}; access_key and sts are known here`,
    );
  return keyOf(one('access_key_id'), one('access_key_secret'), one('security_token'), `access_key_secret in ${path}`);
}
