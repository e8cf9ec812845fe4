import type { CredentialProvider, Credentials } from './credentials.ts';
import { MaxComputeError } from './errors.ts';
import { textOfFile } from './properties.ts';

const HOUR_MS = 3_600_000;

/** `ODPS_STS_ACCOUNT_FILE` of pyodps: JSON that something else keeps fresh, read anew before it ends. */
export function stsFromFile(path: string, hours: number): CredentialProvider {
  return async () => {
    const given = parsed(await required(path), path);
    const { accessKeyId, accessKeySecret, securityToken, expiration } = given;
    const ends = Date.parse(expiration ?? '');
    return {
      accessId: accessKeyId ?? '',
      accessKey: accessKeySecret ?? '',
      securityToken,
      expiresAt: new Date(Math.min(Number.isNaN(ends) ? Number.POSITIVE_INFINITY : ends, Date.now() + hours * HOUR_MS)),
    };
  };
}

/** `ODPS_BEARER_TOKEN_FILE` of pyodps: the third part of such a token may say when it ends, in seconds since 1970. */
export function bearerFromFile(path: string, hours: number): CredentialProvider {
  return async (): Promise<Credentials> => {
    const bearerToken = (await required(path)).trim();
    const ends = Number(Buffer.from(bearerToken, 'base64').toString('utf8').split(',')[2] ?? 'unknown') * 1_000;
    return { bearerToken, expiresAt: new Date(ends > 0 ? ends : Date.now() + hours * HOUR_MS) };
  };
}

async function required(path: string): Promise<string> {
  const text = await textOfFile(path);
  if (text !== undefined) return text;
  throw unreadable(path, 'there is no such file');
}

function parsed(text: string, path: string): { [name: string]: string | undefined } {
  try {
    return JSON.parse(text) as { [name: string]: string | undefined };
  } catch {
    throw unreadable(path, 'it is no JSON');
  }
}

function unreadable(path: string, what: string): MaxComputeError {
  return new MaxComputeError({
    code: 'CredentialsUnavailable',
    kind: 'auth',
    message: `Credentials cannot be read from ${path}: ${what}.`,
    hint: 'Check the file that the environment names.',
  });
}
