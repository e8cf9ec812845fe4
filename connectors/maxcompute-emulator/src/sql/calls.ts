import type { Expr } from './ast.ts';
import { ParseFailure } from './tokens.ts';

/** A call as the statement has it. */
export interface Call {
  name: string;
  at: number;
  distinct: boolean;
  exprs: readonly Expr[];
  /** The arguments as DuckDB takes them. */
  args: string[];
}

/** A function of MaxCompute: how many arguments it takes, and how DuckDB is told. */
export interface Definition {
  args: [number, number];
  sql(args: string[], call: Call): string;
}

export type Definitions = { [name: string]: Definition };

/** The text of an argument that has to be written out in the statement. @throws ParseFailure */
export function textArgument({ name, at, exprs }: Call, place: number): string {
  const expr = exprs[place];
  if (expr?.kind === 'text') return expr.value;
  throw new ParseFailure(at, `argument ${place + 1} of ${name} has to be written as a string here`);
}
