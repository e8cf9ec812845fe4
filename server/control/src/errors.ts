import type { WorkspaceRole } from './tables/people.ts';

/** One thing wrong with an input. `path` names the field from the input's root: `['schedule', 'every']`. */
export interface Issue {
  path: string[];
  code: string;
  message: string;
  hint: string | null;
  severity: 'ERROR' | 'WARNING';
}

/** The objects that stand in the way, by their kind and id. */
export interface Reference {
  type: 'Task' | 'Folder' | 'DataSource' | 'Instance';
  id: string;
}

interface ControlErrorInit {
  code: string;
  message: string;
  hint?: string | null;
}

/** What a caller of this package can expect to go wrong. Anything else that is thrown is a defect or a fault. */
export class ControlError extends Error {
  readonly code: string;
  readonly hint: string | null;

  constructor(init: ControlErrorInit) {
    super(init.message);
    this.code = init.code;
    this.hint = init.hint ?? null;
  }
}

export class ValidationError extends ControlError {
  override readonly name = 'ValidationError';
  readonly issues: Issue[];

  constructor(issues: Issue[]) {
    const first = issues.find((issue) => issue.severity === 'ERROR') ?? issues[0];
    const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
    super({ code: 'INVALID', message: `${first?.path.join('.') || 'input'}: ${first?.message ?? 'invalid'}${more}` });
    this.issues = issues;
  }
}

export class NotFoundError extends ControlError {
  override readonly name = 'NotFoundError';
}

export class ForbiddenError extends ControlError {
  override readonly name = 'ForbiddenError';
  readonly needs: WorkspaceRole | null;

  constructor(init: ControlErrorInit & { needs: WorkspaceRole | null }) {
    super(init);
    this.needs = init.needs;
  }
}

export class ConflictError extends ControlError {
  override readonly name = 'ConflictError';
  readonly conflicts: Reference[];

  constructor(init: ControlErrorInit & { conflicts: Reference[] }) {
    super(init);
    this.conflicts = init.conflicts;
  }
}

/** A malformed argument of a query or a list: not a field of an input that a person filled in. */
export class BadInputError extends ControlError {
  override readonly name = 'BadInputError';

  constructor(message: string, hint: string | null = null) {
    super({ code: 'BAD_INPUT', message, hint });
  }
}

/** Also the answer for what the actor may not see: existence itself is not told. */
export function notFound(noun: string, id: string): NotFoundError {
  return new NotFoundError({
    code: 'NOT_FOUND',
    message: `There is no ${noun} ${id}, or you may not see it.`,
    hint: `List what there is, and take the id from there.`,
  });
}

export function forbidden(needs: WorkspaceRole | null): ForbiddenError {
  return new ForbiddenError({
    code: 'FORBIDDEN',
    message: needs === null ? 'This needs a platform administrator.' : `This needs the role ${needs} in the workspace.`,
    hint: 'Ask an administrator of the workspace for it.',
    needs,
  });
}

export function conflict(
  code: string,
  message: string,
  hint: string | null,
  conflicts: Reference[] = [],
): ConflictError {
  return new ConflictError({ code, message, hint, conflicts });
}

export function invalid(issues: Issue[]): ValidationError {
  return new ValidationError(issues);
}

export function issue(
  path: string[],
  code: string,
  message: string,
  hint: string | null = null,
  severity: Issue['severity'] = 'ERROR',
): Issue {
  return { path, code, message, hint, severity };
}

/** Throws where one of the issues is an error; otherwise hands back the warnings. */
export function refuseErrors(issues: Issue[]): Issue[] {
  if (issues.some((one) => one.severity === 'ERROR')) throw invalid(issues);
  return issues;
}
