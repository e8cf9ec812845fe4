import { Refusal } from '../refusal.ts';
import type { Expr } from './ast.ts';

const MOST_BIGINT = 2n ** 63n - 1n;

/** A number with a point or an exponent is a DOUBLE, unless it says that it is a DECIMAL. @throws Refusal */
export function numberSql({ value, suffix }: Extract<Expr, { kind: 'number' }>): string {
  if (suffix === 'BD') return /^\d+$/.test(value) ? `CAST(${value} AS DECIMAL(${Math.max(1, value.length)},0))` : value;
  if (!/^\d+$/.test(value)) return /e/i.test(value) ? value : `${value}e0`;
  if (BigInt(value) > MOST_BIGINT)
    throw new Refusal(
      400,
      'ODPS-0130071',
      `ODPS-0130071:Semantic analysis exception - ${value} is too large for a BIGINT`,
    );
  return suffix === 'L' ? `CAST(${value} AS BIGINT)` : value;
}
