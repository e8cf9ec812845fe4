import { MaxComputeError } from './errors.ts';

/** What a request is signed with. */
export interface AccessKey {
  accessId: string;
  accessKey: string;
  /** STS token of temporary credentials. */
  securityToken?: string | undefined;
}

/** A token that stands for an account, sent in place of a signature. */
export interface BearerToken {
  bearerToken: string;
}

/** Neither signature nor token: for servers of tests, which ask for none. */
export interface Anonymous {
  anonymous: true;
}

export type Credentials = (AccessKey | BearerToken | Anonymous) & {
  /** When they end. Absent: never, or it is not known. */
  expiresAt?: Date | undefined;
};

/**
 * Gives credentials that are valid now. It is called before the first request; five minutes before they end, or when nine
 * tenths of a shorter life are over; and after an answer that says that they have ended. Never twice at a time.
 */
export type CredentialProvider = () => Promise<Credentials>;

/** Credentials whose parts can be parts of headers. @throws MaxComputeError `BadOption` */
export function checkCredentials(credentials: Credentials): Credentials {
  const given: { [name: string]: unknown } = { ...credentials };
  if ('anonymous' in given) return credentials;
  const names = 'bearerToken' in given ? ['bearerToken'] : ['accessId', 'securityToken'];
  for (const name of names) {
    if (name === 'securityToken' && given[name] === undefined) continue;
    if (typeof given[name] !== 'string' || !/^[\x21-\x7e]+$/.test(given[name] as string))
      throw badOption(name, 'it is empty or has characters that none has');
  }
  if (!('bearerToken' in given) && (typeof given.accessKey !== 'string' || given.accessKey === ''))
    throw badOption('accessKey', 'it is empty');
  if (given.expiresAt !== undefined && Number.isNaN(Number(given.expiresAt)))
    throw badOption('expiresAt', 'it is no date');
  return credentials;
}

export function badOption(name: string, what: string): MaxComputeError {
  return new MaxComputeError({
    code: 'BadOption',
    kind: 'config',
    message: `Option "${name}" cannot be used: ${what}.`,
    hint: `Correct the option "${name}".`,
  });
}
