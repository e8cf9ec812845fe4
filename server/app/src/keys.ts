import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Keys } from '@sampan/control';
import { StartError } from './start-error.ts';

/** The key-encryption key: given as 64 hex digits or Base64 of 32 bytes, or made on the first start. @throws StartError */
export function readKeys(options: { key: string | null; keyFile: string | null; data: string }): Keys {
  const file = options.keyFile ?? join(options.data, 'key');
  const text =
    options.key ??
    (existsSync(file) ? readFileSync(file, 'utf8').trim() : options.keyFile === null ? makeKey(file) : null);
  if (text === null) throw new StartError('NO_KEY', `The key file ${file} is not there.`, 'Correct SAMPAN_KEY_FILE.');
  const key = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64');
  if (key.length !== 32)
    throw new StartError(
      'BAD_KEY',
      'The key-encryption key is not 32 bytes.',
      'Give 64 hex digits, such as "openssl rand -hex 32" prints.',
    );
  const id = createHash('sha256').update(key).digest('hex').slice(0, 8);
  return { current: id, byId: new Map([[id, key]]) };
}

function makeKey(file: string): string {
  const key = randomBytes(32).toString('hex');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${key}\n`, { mode: 0o600, flag: 'wx' });
  return key;
}
