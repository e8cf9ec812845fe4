import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Json } from '@sampan/connector';
import type { Keys } from './context.ts';
import { ControlError } from './errors.ts';

const VERSION = 1;
const IV_BYTES = 12;
const TAG_BYTES = 16;

export type Options = { [key: string]: Json };

/**
 * Seals secrets with AES-256-GCM. The bytes are: version, length of the key's id, the key's id, IV, tag, ciphertext.
 * `owner` (the data source's id) is authenticated, so that a sealed value cannot be moved to another row.
 */
export function seal(keys: Keys, owner: string, secrets: Options): Uint8Array {
  const keyId = Buffer.from(keys.current, 'utf8');
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', keyOf(keys, keys.current), iv).setAAD(Buffer.from(owner));
  const body = Buffer.concat([cipher.update(JSON.stringify(secrets), 'utf8'), cipher.final()]);
  return Buffer.concat([Buffer.from([VERSION, keyId.length]), keyId, iv, cipher.getAuthTag(), body]);
}

/** @throws ControlError `KEY_UNKNOWN` or `SECRET_DAMAGED` */
export function unseal(keys: Keys, owner: string, sealed: Uint8Array): Options {
  const bytes = Buffer.from(sealed);
  const idEnd = 2 + bytes[1];
  const key = keyOf(keys, bytes.toString('utf8', 2, idEnd));
  const tagStart = idEnd + IV_BYTES;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(idEnd, tagStart))
      .setAAD(Buffer.from(owner))
      .setAuthTag(bytes.subarray(tagStart, tagStart + TAG_BYTES));
    const text = Buffer.concat([decipher.update(bytes.subarray(tagStart + TAG_BYTES)), decipher.final()]);
    return JSON.parse(text.toString('utf8')) as Options;
  } catch {
    throw new ControlError({
      code: 'SECRET_DAMAGED',
      message: 'The stored secrets of this data source cannot be opened with the key they were sealed under.',
      hint: 'Restore the key-encryption key (SAMPAN_KEY or SAMPAN_KEY_FILE), or enter the secrets again.',
    });
  }
}

function keyOf(keys: Keys, id: string): Uint8Array {
  const key = keys.byId.get(id);
  if (key === undefined) {
    throw new ControlError({
      code: 'KEY_UNKNOWN',
      message: `Secrets were sealed under key ${id}, which this server does not have.`,
      hint: 'Start the server with that key (SAMPAN_KEY or SAMPAN_KEY_FILE).',
    });
  }
  return key;
}

/** The value at a dotted path, or undefined. */
export function valueAt(options: Options, path: string): Json | undefined {
  let value: Json | undefined = options;
  for (const part of path.split('.')) {
    if (value === null || typeof value !== 'object' || Array.isArray(value) || !Object.hasOwn(value, part))
      return undefined;
    value = (value as Options)[part];
  }
  return value;
}

/** A deep copy with the paths left out. */
export function without(options: Options, paths: readonly string[]): Options {
  const copy = structuredClone(options);
  for (const path of paths) {
    const parts = path.split('.');
    const last = parts.pop() as string;
    const parent = parts.length === 0 ? copy : valueAt(copy, parts.join('.'));
    if (parent !== null && typeof parent === 'object' && !Array.isArray(parent)) delete parent[last];
  }
  return copy;
}

/** A deep copy of `options` with the values of `secrets` (keyed by dotted path) put in place. */
export function withSecrets(options: Options, secrets: Options): Options {
  const copy = structuredClone(options);
  for (const [path, value] of Object.entries(secrets)) {
    const parts = path.split('.');
    const last = parts.pop() as string;
    let parent: Options = copy;
    for (const part of parts) {
      const next = Object.hasOwn(parent, part) ? parent[part] : undefined;
      if (next === null || typeof next !== 'object' || Array.isArray(next)) parent[part] = {};
      parent = parent[part] as Options;
    }
    parent[last] = value;
  }
  return copy;
}
