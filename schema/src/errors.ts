import { randomUUID } from 'node:crypto';
import { type ConnectorError, type Failure, isConnectorError } from '@sampan/connector';
import {
  ConflictError,
  ControlError,
  ForbiddenError,
  type Issue,
  isDatabaseFault,
  NotFoundError,
  type Reference,
  ValidationError,
} from '@sampan/control';
import { GraphQLError } from 'graphql';
import { builder } from './builder.ts';
import { Node } from './nodes.ts';
import { WorkspaceRole } from './people.ts';

/**
 * An expected failure on its way out. GraphQL takes an `Error` that a resolver returns for one that was thrown, so that
 * errors of control travel as plain objects.
 */
export interface Told {
  name: 'ValidationError' | 'NotFoundError' | 'ForbiddenError' | 'ConflictError';
  message: string;
  code: string;
  hint: string | null;
  issues: Issue[];
  needs: 'ADMIN' | 'DEVELOPER' | 'OPERATOR' | 'VIEWER' | null;
  conflicts: Reference[];
}

/** Null for an error that is none of those that are expected. */
export function toldError(error: unknown): Told | null {
  if (!(error instanceof ControlError)) return null;
  const { message, code, hint } = error;
  const plain = { message, code, hint, issues: [], needs: null, conflicts: [] };
  if (error instanceof ValidationError) return { ...plain, name: 'ValidationError', issues: error.issues };
  if (error instanceof NotFoundError) return { ...plain, name: 'NotFoundError' };
  if (error instanceof ForbiddenError) return { ...plain, name: 'ForbiddenError', needs: error.needs };
  if (error instanceof ConflictError) return { ...plain, name: 'ConflictError', conflicts: error.conflicts };
  return null;
}

export const ErrorInterface = builder
  .interfaceRef<{ message: string; code: string; hint: string | null }>('Error')
  .implement({
    description: 'An expected failure: what is wrong, and what to do next.',
    resolveType: (value) => ('name' in value ? (value as Told).name : 'ConnectorFailure'),
    fields: (t) => ({
      message: t.exposeString('message', { description: 'What is wrong and where, for people.' }),
      code: t.exposeString('code', { description: 'Stable, for programs.' }),
      hint: t.exposeString('hint', { nullable: true, description: 'What to do next.' }),
    }),
  });

const Severity = builder.enumType('Severity', {
  description: 'Errors block; warnings are told.',
  values: ['ERROR', 'WARNING'] as const,
});

export const IssueType = builder.objectRef<Issue>('Issue').implement({
  description: 'One thing wrong with an input.',
  fields: (t) => ({
    path: t.exposeStringList('path', { description: 'The field, from the input\'s root: ["schedule","every"].' }),
    code: t.exposeString('code', { description: 'Stable, for programs.' }),
    message: t.exposeString('message', { description: 'What is wrong, for people.' }),
    hint: t.exposeString('hint', { nullable: true, description: 'What to do next.' }),
    severity: t.field({ type: Severity, description: 'Whether it blocks.', resolve: (one) => one.severity }),
  }),
});

export const ValidationErrorType = builder.objectRef<Told>('ValidationError').implement({
  description: 'The input is wrong in the ways named.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    issues: t.field({ type: [IssueType], description: 'Every mistake found.', resolve: (error) => error.issues }),
  }),
});

export const NotFoundErrorType = builder.objectRef<Told>('NotFoundError').implement({
  description: 'There is no such thing, or the viewer may not see it.',
  interfaces: [ErrorInterface],
});

export const ForbiddenErrorType = builder.objectRef<Told>('ForbiddenError').implement({
  description: 'The viewer may see it but not do this.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    needs: t.field({
      type: WorkspaceRole,
      nullable: true,
      description: 'The role that may; null: a platform administrator.',
      resolve: (error) => error.needs,
    }),
  }),
});

export const ConflictErrorType = builder.objectRef<Told>('ConflictError').implement({
  description: 'Something stands in the way: a name that is taken, a stale revision, a wrong state.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    conflicts: t.field({
      type: [Node],
      description: 'What stands in the way.',
      resolve: async (error, _args, context) => {
        const found = await Promise.all(
          error.conflicts.map((one: Reference) => context.loaders.node(one.type, one.id)),
        );
        return found.filter((one) => one !== null);
      },
    }),
  }),
});

const FailureKind = builder.enumType('FailureKind', {
  description:
    'What to do about it: correct options, correct credentials, create the thing, try later, look at the values, report it.',
  values: ['CONFIG', 'AUTH', 'MISSING', 'BUSY', 'DATA', 'BUG'] as const,
});

export const Side = builder.enumType('Side', {
  description: 'The reading or the writing end of a run.',
  values: ['READER', 'WRITER'] as const,
});
export { FailureKind };

export const ConnectorFailure = builder.objectRef<Failure>('ConnectorFailure').implement({
  description: 'A system at one end of a run failed or refused.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    kind: t.field({
      type: FailureKind,
      description: 'What to do about it.',
      resolve: (failure) => failure.kind.toUpperCase() as 'BUG',
    }),
    side: t.field({
      type: Side,
      nullable: true,
      description: 'Which end it came from.',
      resolve: (failure) =>
        failure.side === null ? null : failure.side === 'reader' ? ('READER' as const) : ('WRITER' as const),
    }),
    retryAfterMs: t.exposeInt('retryAfterMs', { nullable: true, description: 'Not before this many milliseconds.' }),
  }),
});

/**
 * What a top-level error tells: expected failures with their code; faults and bugs masked, with a trace id that the
 * server's log has too.
 */
export function maskError(error: unknown, log: (error: unknown, traceId: string) => void): Error {
  const original = error instanceof GraphQLError ? error.originalError : error;
  const place =
    error instanceof GraphQLError
      ? { nodes: error.nodes, path: error.path, source: error.source, positions: error.positions }
      : {};
  if (original instanceof ControlError) return told(original.message, codeOf(original), original.hint, place);
  if (isConnectorError(original)) return connectorTold(original, place);
  if (
    error instanceof GraphQLError &&
    (original === undefined || original === null || original instanceof GraphQLError)
  )
    return error;
  if (isDatabaseFault(original ?? error)) {
    return told(
      'The database of this server does not answer at the moment.',
      'UNAVAILABLE',
      'Try again in a moment.',
      place,
    );
  }
  const traceId = randomUUID();
  log(original ?? error, traceId);
  return new GraphQLError('Something went wrong that should not have.', {
    ...place,
    extensions: { code: 'INTERNAL_SERVER_ERROR', traceId },
  } as never);
}

function told(message: string, code: string, hint: string | null, place: object): GraphQLError {
  return new GraphQLError(message, { ...place, extensions: { code, ...(hint === null ? {} : { hint }) } } as never);
}

function connectorTold(error: ConnectorError, place: object): GraphQLError {
  const { kind, code, hint, retryAfterMs } = error;
  const extensions = { code: 'CONNECTOR_FAILURE', failure: { kind: kind.toUpperCase(), code, hint, retryAfterMs } };
  return new GraphQLError(error.message, { ...place, extensions } as never);
}

function codeOf(error: ControlError): string {
  if (error instanceof NotFoundError) return 'NOT_FOUND';
  if (error instanceof ForbiddenError) return 'FORBIDDEN';
  if (error instanceof ValidationError) return 'BAD_INPUT';
  return error.code;
}
