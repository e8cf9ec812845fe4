import { ConnectorError, type Failure } from '@sampan/connector';

const KINDS = ['config', 'auth', 'missing', 'busy', 'data', 'bug'];
const MOST_CHARS = 4_000;
const LONGEST_PAUSE_MS = 24 * 3_600_000;

/** A connector that does not keep to the contract. */
export const broken = (why: string, cause?: unknown): ConnectorError =>
  new ConnectorError({
    kind: 'bug',
    code: 'BROKEN_CONNECTOR',
    message: `The connector is broken: ${why}.`,
    hint: 'Install a version that works with this server.',
    cause,
  });

/** Text from foreign code: cut, and without characters that terminals obey and databases refuse. */
export function plainText(text: unknown, most = MOST_CHARS): string {
  const cut = String(text).slice(0, most);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is taken out
  return cut.replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, '').replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '\ufffd');
}

/** A failure as foreign code tells it, made safe to store and to show. */
export function checkedFailure(told: unknown): Failure {
  const { kind, code, message, hint, retryAfterMs, side } = (told ?? {}) as { [key: string]: unknown };
  return {
    kind: KINDS.includes(kind as string) ? (kind as Failure['kind']) : 'bug',
    code: typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? code : 'INTERNAL',
    message: plainText(message ?? 'The connector failed without a message.'),
    hint: hint === null || hint === undefined ? null : plainText(hint),
    retryAfterMs:
      typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? Math.min(retryAfterMs, LONGEST_PAUSE_MS) : null,
    side: side === 'reader' || side === 'writer' ? side : null,
  };
}
