/** Why the server cannot start, and what to do about it. Shown without a stack. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly code: string;
  readonly hint: string;

  constructor(code: string, message: string, hint: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}
