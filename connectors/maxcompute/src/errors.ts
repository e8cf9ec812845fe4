import { ConnectorError, isConnectorError } from '@sampan/connector';
import { MaxComputeError } from '@sampan/maxcompute';

const CODE = /[a-z](?=[A-Z])/g;

/** Any error of the client as a `ConnectorError`, under the service's own code in capitals. */
export function asConnectorError(error: unknown, doing: string): ConnectorError {
  if (isConnectorError(error)) return error;
  if (error instanceof MaxComputeError) {
    return new ConnectorError({
      kind: error.kind,
      code: error.code.replace(CODE, '$&_').replaceAll('-', '_').toUpperCase(),
      message: `${doing}: ${error.message}`,
      hint: error.hint ?? undefined,
      retryAfterMs: error.retryAfterMs ?? undefined,
      cause: error,
    });
  }
  return new ConnectorError({
    kind: 'bug',
    code: 'MAXCOMPUTE_CLIENT',
    message: `${doing}: ${(error as Error).message}`,
    hint: 'This is a defect: please report it.',
    cause: error,
  });
}

/** Runs a piece of work whose errors are told as `doing`. */
export async function told<T>(doing: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw asConnectorError(error, doing);
  }
}
