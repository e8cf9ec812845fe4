import type { Expr } from './ast.ts';

/** Comparisons, by the function that compares a string with a number as MaxCompute does. */
const COMPARISONS: { [operator: string]: string } = {
  '=': 'eq',
  '==': 'eq',
  '<>': 'ne',
  '!=': 'ne',
  '<': 'lt',
  '<=': 'le',
  '>': 'gt',
  '>=': 'ge',
  '<=>': 'same',
};
const PLAIN: { [operator: string]: string } = { '==': '=', '!=': '<>', '<=>': 'IS NOT DISTINCT FROM' };
const ARITHMETIC = new Set(['+', '-', '*', '/', '%', 'div']);

export const isComparison = (operator: string) => Object.hasOwn(COMPARISONS, operator);

/** What an expression is for sure: where both sides are the same, a comparison needs no care. */
function kindOf(expr: Expr): 'text' | 'number' | null {
  if (expr.kind === 'text' || expr.kind === 'number') return expr.kind;
  if (expr.kind === 'unary' && expr.operator !== 'not') return 'number';
  if (expr.kind === 'binary' && ARITHMETIC.has(expr.operator)) return 'number';
  return null;
}

/** Whether two sides are of one kind, whatever the tables hold. */
export const areAlike = (left: Expr, right: Expr) => kindOf(left) !== null && kindOf(left) === kindOf(right);

/** A comparison; `alike` where no string can meet a number. */
export function compare(operator: string, left: string, right: string, alike: boolean): string {
  return alike
    ? `(${left} ${PLAIN[operator] ?? operator} ${right})`
    : `odps_${COMPARISONS[operator]}(${left}, ${right})`;
}

export function calculate(operator: string, left: string, right: string): string {
  switch (operator) {
    case '/':
      return `odps_divide(${left}, ${right})`;
    case 'div':
      return `odps_div(${left}, ${right})`;
    case '||':
      return `(odps_text(${left}) || odps_text(${right}))`;
    default:
      return `(${left} ${operator} ${right})`;
  }
}

/** `word`: IN or NOT IN. `telling`: the items whose types tell those of all. */
export function inList(operand: string, word: string, items: string[], telling: string[]): string {
  const plain = `(${operand} ${word} (${items.join(', ')}))`;
  const number = (sql: string) => `CAST(CAST(${sql} AS VARCHAR) AS DOUBLE)`;
  const mixed = telling.map((item) => `odps_mixed(typeof(${operand}), typeof(${item}))`);
  // All of one kind and the operand of the other: numbers. Some of each: too odd to be sure of.
  return `(CASE WHEN ${mixed.join(' AND ')} THEN ${number(operand)} ${word} (${items.map(number).join(', ')})
    WHEN ${mixed.join(' OR ')} THEN error('the emulator does not take strings and numbers in one IN') ELSE ${plain} END)`;
}
