import { type ErrorKind, MaxComputeError } from './errors.ts';

export function unreachable(message: string, cause?: unknown): MaxComputeError {
  return new MaxComputeError({
    code: 'ConnectionFailed',
    kind: 'busy',
    message: `MaxCompute could not be reached: ${message}.`,
    hint: 'It is tried again by itself; check endpoint and network if it stays.',
    cause,
  });
}

export function aborted(cause?: unknown): MaxComputeError {
  return new MaxComputeError({
    code: 'Aborted',
    kind: 'busy',
    message: 'The request was stopped by its caller.',
    cause,
  });
}

/** What went wrong below HTTP. Errors that say their kind, such as those of a dialler, stay what they are. */
export function networkError(error: Error): Error {
  if (kindOf(error) !== undefined) return error;
  if (error.name === 'AbortError') return aborted(error);
  const { code } = error as { code?: string };
  if (code?.startsWith('ERR_TLS') || code?.includes('CERT') || code === 'UNABLE_TO_VERIFY_LEAF_SIGNATURE') {
    return new MaxComputeError({
      code: 'CertificateRefused',
      kind: 'config',
      message: `The certificate of the endpoint was refused: ${error.message}.`,
      hint: 'Check the endpoint.',
      cause: error,
    });
  }
  return unreachable(error.message || code || 'connection lost', error);
}

/** The kind of an error of this client, or of one that a dialler threw in the same form. */
export function kindOf(error: unknown): ErrorKind | undefined {
  const { kind } = error as { kind?: ErrorKind };
  return typeof kind === 'string' ? kind : undefined;
}
