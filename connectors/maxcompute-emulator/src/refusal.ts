/** An answer that is not a success: the service's code and message, and the HTTP status that goes with it. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly holdMillis: number | undefined;

  constructor(status: number, code: string, message: string, holdMillis?: number) {
    super(message);
    this.status = status;
    this.code = code;
    this.holdMillis = holdMillis;
  }
}

export const noSuchTable = (project: string, table: string) =>
  new Refusal(404, 'NoSuchTable', `ODPS-0130131:Table not found - table ${project}.${table} cannot be resolved`);
